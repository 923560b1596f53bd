/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel types that the tracer reads, instead of a generated vmlinux.h.
 *
 * Only the fields that are named here are relocated (CO-RE) against the BTF of the running kernel, so a struct is written
 * down with what is used of it and nothing else. The includes of <linux/...> that libbpf's headers would need do not
 * compile for the bpf target on Debian's multiarch layout; this file stands in for them.
 */
#ifndef IOR_KERNEL_H
#define IOR_KERNEL_H

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

#define true 1
#define false 0

#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
};

enum {
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_MMAPABLE = 1U << 10,
};

enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1U << 0,
};

enum {
	BPF_RB_NO_WAKEUP = 1U << 0,
	BPF_RB_FORCE_WAKEUP = 1U << 1,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

struct bpf_dynptr {
	__u64 __opaque[2];
} __attribute__((aligned(8)));

/* include/linux/errno.h: results that ask for the call to be made again. No program sees them. */
enum {
	ERESTARTSYS = 512,
	ERESTARTNOINTR = 513,
	ERESTARTNOHAND = 514,
	ERESTART_RESTARTBLOCK = 516,
};

/* include/uapi/asm-generic/signal-defs.h */
#define SA_RESTART 0x10000000UL
#define EINTR 4
#define SIGSYS 31

/* include/uapi/linux/io_uring.h */
struct io_uring_sqe {
	__u8 opcode;
	__u8 flags;
	__u16 ioprio;
	__s32 fd;
	__u64 off;
	__u64 addr;
	__u32 len;
	__u32 op_flags;
	__u64 user_data;
	__u16 buf_index;
	__u16 personality;
	__u32 file_index; /* or splice_fd_in */
	__u64 addr3;
	__u64 pad;
};

struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

enum {
	IORING_SETUP_SQE128 = 1U << 10,
	IORING_SETUP_NO_SQARRAY = 1U << 16,
	IORING_CQE_F_MORE = 1U << 1,
	IORING_CQE_F_NOTIF = 1U << 3,
	IORING_OP_MSG_RING = 40,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15; /* the first */
	unsigned long bp, bx;
	unsigned long di, si, dx, cx, r10, r8, r9;
	unsigned long orig_ax;
	unsigned long ip, sp;
};
#define FIRST_REGISTER r15
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	unsigned long long regs[31];
};
struct pt_regs {
	unsigned long long regs[31];
	unsigned long long sp;
	unsigned long long pc;
	unsigned long long orig_x0;
	int syscallno;
};
#define FIRST_REGISTER regs[0]
#endif

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct dentry;
struct mount;
struct vfsmount;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	__u32 f_flags;
	struct path f_path;
	void *private_data;
};

/* What private_data of a socket's file is. */
struct socket {
	struct sock *sk;
};

struct sock_common {
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};

struct seqcount {
	unsigned int sequence;
};

struct seqcount_spinlock {
	struct seqcount seqcount;
};

struct dentry {
	struct seqcount_spinlock d_seq;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mnt_namespace;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct fs_struct {
	struct path root, pwd;
};

struct linux_binprm {
	const char *filename;
	const char *fdpath;
	unsigned int secureexec : 1;
	unsigned int interp_flags;
};

/* include/linux/binfmts.h: the caller may not read the program, or what interprets it (fs/exec.c, would_dump()). */
#define BINPRM_FLAGS_ENFORCE_NONDUMP 0x1

struct vm_area_struct {
	unsigned long vm_flags;
};

/* include/linux/mm.h */
#define VM_WRITE 0x2UL

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec;
};

struct files_struct {
	struct fdtable *fdt;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
};

/* kernel/bpf/verifier.c: it says whether the kernel has bpf_rdonly_cast(), which Linux 6.2 brought. */
enum special_kfunc_type {
	KF_bpf_rdonly_cast = 1,
};

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

struct kernel_siginfo;

struct thread_info {
	unsigned long flags;
#if defined(__TARGET_ARCH_x86)
	__u32 status;
#endif
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct seccomp {
	int mode;
};

/* include/linux/seccomp.h: the thread was killed by seccomp. */
#define SECCOMP_MODE_DEAD 3

struct task_struct {
	struct thread_info thread_info;
	struct seccomp seccomp;
	struct sigpending pending;
	struct fs_struct *fs;
	int pid;
	int tgid;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	unsigned short migration_disabled;
};

struct io_ring_ctx {
	unsigned int flags;
	unsigned int cached_sq_head;
	unsigned int sq_entries;
	__u32 *sq_array;
	struct io_uring_sqe *sq_sqes;
};

struct io_kiocb {
	struct file *file;
	struct io_ring_ctx *ctx;
};

#pragma clang attribute pop

/* The arguments of a system call, as the kernel's own syscall_get_arguments() finds them (arch/<arch>/include/asm/syscall.h). */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_ARGS(regs, to)                                                                                         \
	({                                                                                                             \
		(to)[0] = (regs)->di;                                                                                  \
		(to)[1] = (regs)->si;                                                                                  \
		(to)[2] = (regs)->dx;                                                                                  \
		(to)[3] = (regs)->r10;                                                                                 \
		(to)[4] = (regs)->r8;                                                                                  \
		(to)[5] = (regs)->r9;                                                                                  \
	})
#define SYSCALL_NUMBER(regs) ((__s32)(regs)->orig_ax)
/* Of a 32-bit call (arch/x86/entry/syscall_32.c); the kernel looks at 32 bits of each. */
#define COMPAT_ARGS(regs, to)                                                                                          \
	({                                                                                                             \
		(to)[0] = (__u32)(regs)->bx;                                                                           \
		(to)[1] = (__u32)(regs)->cx;                                                                           \
		(to)[2] = (__u32)(regs)->dx;                                                                           \
		(to)[3] = (__u32)(regs)->si;                                                                           \
		(to)[4] = (__u32)(regs)->di;                                                                           \
		(to)[5] = (__u32)(regs)->bp;                                                                           \
	})
/* TS_COMPAT: the call that the thread is in came by a 32-bit entry (arch/x86/include/asm/thread_info.h). */
#define IS_COMPAT(task) ((task)->thread_info.status & 0x2)
#define INSTRUCTION(regs) ((regs)->ip)
#define STACK(regs) ((regs)->sp)
/* The bytes of `syscall`, `sysenter` and `int 0x80`, by which a call that is to be made again steps back. */
#define CALL_BYTES 2
/* What syscall_rollback() leaves in the register of the result (arch/x86/include/asm/syscall.h). */
#define ROLLED_BACK(regs) ((__s32)(regs)->orig_ax)
/* restart_syscall(2), also with the bit of x32 (arch/x86/kernel/signal.c, get_nr_restart_syscall()). */
#define IS_RESTART_SYSCALL(nr) (((nr) & ~0x40000000) == 219)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_ARGS(regs, to)                                                                                         \
	({                                                                                                             \
		(to)[0] = (regs)->orig_x0;                                                                             \
		(to)[1] = (regs)->regs[1];                                                                             \
		(to)[2] = (regs)->regs[2];                                                                             \
		(to)[3] = (regs)->regs[3];                                                                             \
		(to)[4] = (regs)->regs[4];                                                                             \
		(to)[5] = (regs)->regs[5];                                                                             \
	})
#define SYSCALL_NUMBER(regs) ((regs)->syscallno)
#define COMPAT_ARGS(regs, to)                                                                                          \
	({                                                                                                             \
		(to)[0] = (__u32)(regs)->orig_x0;                                                                      \
		(to)[1] = (__u32)(regs)->regs[1];                                                                      \
		(to)[2] = (__u32)(regs)->regs[2];                                                                      \
		(to)[3] = (__u32)(regs)->regs[3];                                                                      \
		(to)[4] = (__u32)(regs)->regs[4];                                                                      \
		(to)[5] = (__u32)(regs)->regs[5];                                                                      \
	})
/* TIF_32BIT (arch/arm64/include/asm/thread_info.h). */
#define IS_COMPAT(task) ((task)->thread_info.flags & (1UL << 22))
#define INSTRUCTION(regs) ((regs)->pc)
#define STACK(regs) ((regs)->sp)
#define CALL_BYTES 4
#define ROLLED_BACK(regs) ((__s32)(regs)->orig_x0)
#define IS_RESTART_SYSCALL(nr) ((nr) == 128)
#else
#error "no register layout for this architecture: add one to bpf/kernel.h"
#endif

#endif

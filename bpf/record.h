/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What BPF and user space share: the layout of records and maps. Fixed sizes, no pointers. src/record.rs and src/tracer.rs
 * mirror these structs and assert their sizes and offsets at compile time; whoever changes one changes IOR_VERSION.
 */
#ifndef IOR_RECORD_H
#define IOR_RECORD_H

#define IOR_VERSION 3

/* PATH_MAX (4096) bytes with their NUL, and one more: a string that fills them all is longer than PATH_MAX and was cut. */
#define IOR_PATH_CAP 4097
/* struct file_handle of the largest size: 8 bytes of header and MAX_HANDLE_SZ. */
#define IOR_PEEK_CAP 136
#define IOR_WATCHES 1024
#define IOR_SYSCALLS 1024

enum ior_kind {
	IOR_CALL = 1, /* one system call */
	IOR_END = 2,  /* a watched process is gone */
};

enum ior_state {
	IOR_UNFINISHED = 1 << 0, /* the call never returned: it ended with its thread, or its exit was not that of a call */
};

/* The file behind a descriptor, as the kernel's own tables have it. */
struct ior_identity {
	__u64 inode;
	__u32 device; /* s_dev: major << 20 | minor */
	__u32 flags;  /* f_flags: access mode and status flags */
	__u16 mode;   /* i_mode: type and permissions */
	__u8 open;    /* 1 if the descriptor was open; everything else is 0 if not */
	__u8 cloexec; /* 1 if close-on-exec is set on the descriptor */
	__u32 reserved;
};

/* A string or block read from the memory of the traced process. */
struct ior_text {
	__u16 len; /* bytes that follow in the record, without the NUL */
	__s16 err; /* 0, or the negative errno of the read that failed */
};

/*
 * One record: this header, `identities` of the places below, the bytes of path[0], of path[1] and of peek. Times are
 * CLOCK_MONOTONIC.
 */
struct ior_record {
	__u64 watch;
	__u64 number; /* of the call within its watch, from 0: a gap shows where something was lost */
	__u64 enter_ns;
	__u64 duration_ns;
	__s64 ret; /* of the call; in the record of an end the status, as wait4(2) reports it */
	__u64 args[6];
	__u32 pid; /* tgid in kernel terms */
	__u32 tid; /* pid in kernel terms */
	__u32 nr;
	__u16 kind;
	__u16 state;
	char comm[16];
	struct ior_text path[2];
	struct ior_text peek;
	__u32 identities;
};

/* The places of identities. What is most often there comes first, so that a record can end where nothing more is. */
enum ior_place {
	IOR_FIRST = 0,	/* behind the first descriptor argument, before the call did its work; or behind the first of a pair made */
	IOR_MADE = 1,	/* behind the returned descriptor */
	IOR_SECOND = 2, /* as the first */
	IOR_PLACES = 3,
};

/* How the arguments of one system call are to be read; argument numbers count from 1, and 0 means none. */
enum ior_role_flags {
	IOR_RETURNS_FD = 1 << 0,
	IOR_PEEK_AT_EXIT = 1 << 1, /* the kernel fills the block in: read it once the call has succeeded */
	IOR_PEEK_COUNTED = 1 << 2, /* struct file_handle: its first word counts the bytes after its header of 8 */
	IOR_PATH_AT_EXIT = 1 << 3, /* the kernel fills the path in (getcwd) */
	IOR_REPLACES_MEMORY = 1 << 4, /* execve: after success the address belongs to another program */
	IOR_MAKES_PAIR = 1 << 5, /* the block is two descriptors that the call made; it has no descriptor arguments */
	IOR_RESTARTS = 1 << 6, /* restart_syscall: goes on with the call that was interrupted */
};

struct ior_roles {
	__u8 fd[2];
	__u8 path[2];
	__u8 peek;
	__u8 flags;
	__u16 peek_size;
};

enum ior_watch_flags {
	IOR_FOLLOW = 1 << 0, /* watch what the process forks, too */
};

/* What the filter map holds for a process. */
struct ior_filter {
	__u32 watch; /* index into watches */
	__u32 gone;  /* set when its last thread has exited */
};

/* One watch: its identity and what became of its calls. seen = emitted + refused once its processes are gone. */
struct ior_watch {
	__u64 id;
	__u64 seen;
	__u64 emitted; /* records of calls in the ring */
	__u64 refused; /* calls for which there was no room */
	__u64 ends;    /* end records in the ring */
	__u64 strays;  /* exits without an enter */
	__u64 flags;    /* enum ior_watch_flags */
	__u64 followed; /* descendants that were watched from their first call on */
};

#endif

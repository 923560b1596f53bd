/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is read of a call: the files behind its descriptors, its paths and where they begin, its block.
 */
#ifndef IOR_READ_H
#define IOR_READ_H

#include "names.h"

/* `to` is all zero before. What is `often` done has no call in it. */
static __always_inline void identify_file(struct ior_identity *to, struct ior_watch *watch, __u64 file, bool often)
{
	__u64 dentry = (__u64)FIELD(file, file, f_path.dentry), mount = (__u64)FIELD(file, file, f_path.mnt);
	__u64 inode = (__u64)FIELD(file, file, f_inode), super = (__u64)FIELD(inode, inode, i_sb);

	to->inode = FIELD(inode, inode, i_ino);
	to->device = FIELD(super_block, super, s_dev);
	to->magic = FIELD(super_block, super, s_magic);
	to->mode = FIELD(inode, inode, i_mode);
	to->flags = FIELD(file, file, f_flags);
	to->name = often ? name_of(watch, dentry, mount) : name_of_path(watch, dentry, mount);
	to->open = 1;
}

/* The open file behind a descriptor, and whether it is closed on exec; 0 if there is none. */
static __always_inline __u64 file_at(struct task_struct *task, __s64 fd, __u8 *cloexec)
{
	__u64 files = word_at(&task->files), fdt, file;

	/* None of a thread that is on its way out. */
	if (!files || fd < 0)
		return 0;
	fdt = (__u64)FIELD(files_struct, files, fdt);
	if (fd >= FIELD(fdtable, fdt, max_fds))
		return 0;
	file = word_at(&FIELD(fdtable, fdt, fd)[fd]);
	if (file)
		*cloexec = word_at(&FIELD(fdtable, fdt, close_on_exec)[fd / 64]) >> (fd % 64) & 1;
	return file;
}

/*
 * The file table is read without its locks: the thread that is in the call is this one. `to` is all zero before, and stays so
 * if the descriptor is not open. Returns the file.
 */
static __always_inline __u64 identify(struct ior_identity *to, struct ior_watch *watch, struct task_struct *task, __s64 fd,
				      bool often)
{
	__u8 cloexec = 0;
	__u64 file = file_at(task, fd, &cloexec);

	if (!file)
		return 0;
	identify_file(to, watch, file, often);
	to->cloexec = cloexec;
	return file;
}

/*
 * A global function, which the verifier walks through once for a program, whatever is known where it is called: what is not
 * on the way of most calls may take a few nanoseconds more, so that the object loads in some milliseconds less.
 */
__noinline int identify_current(struct ior_identity *to, struct ior_watch *watch, __s64 fd)
{
	if (to && watch)
		identify(to, watch, bpf_get_current_task_btf(), fd, false);
	return 0;
}

/* What the call has made. A duplicate is of the open file that it was made of, which has been looked at. */
static __always_inline void identify_made(struct pending *call, struct ior_watch *watch, struct task_struct *task)
{
	struct ior_identity *to = &call->file[IOR_MADE];
	__u8 cloexec = 0;
	__u64 file = file_at(task, call->record.ret, &cloexec);

	if (!file)
		return;
	if (file == call->first)
		*to = call->file[IOR_FIRST];
	else
		identify_file(to, watch, file, true);
	to->cloexec = cloexec;
}

/* No byte is read that the kernel does not read: what lies behind the first PATH_MAX of them may not be there. */
static __always_inline void read_path(struct ior_text *text, char *to, __u64 address)
{
	long n = bpf_probe_read_user_str(to, IOR_PATH_MAX, (void *)address);

	text->len = n > 0 ? n - 1 : 0;
	text->err = n < 0 ? n : 0;
	/* The last one was a NUL, or has become one. */
	if (n == IOR_PATH_MAX && !bpf_probe_read_user(&to[IOR_PATH_MAX - 1], 1, (void *)(address + IOR_PATH_MAX - 1)) &&
	    to[IOR_PATH_MAX - 1])
		text->len = IOR_PATH_MAX;
}

static long is_writable(struct task_struct *task, struct vm_area_struct *area, bool *writable)
{
	*writable = FIELD(vm_area_struct, area, vm_flags) & VM_WRITE;
	return 0;
}

/* Whether what is at an address now need not be what was there before: the process itself may write there. */
static __noinline bool may_have_changed(__u64 address)
{
	bool writable = true;

	bpf_find_vma(bpf_get_current_task_btf(), address, is_writable, &writable, 0);
	return writable;
}

/* The same when the call has ended. What the process cannot write to is as it was. */
static __always_inline void read_path_late(struct ior_record *record, int at, char *to, __u64 address)
{
	read_path(&record->path[at], to, address);
	if (record->path[at].len && may_have_changed(address))
		record->late |= at ? IOR_LATE_PATH2 : IOR_LATE_PATH;
}

static __always_inline void read_peek(struct pending *call, const struct ior_roles *role)
{
	__u64 address = argument(&call->record, role->peek);
	__u32 size = role->peek_size;
	long err = 0;

	if (role->flags & IOR_PEEK_COUNTED) {
		size = 0;
		err = bpf_probe_read_user(&size, sizeof(size), (void *)address);
		size += 8;
	}
	if (size > IOR_PEEK_CAP)
		size = IOR_PEEK_CAP;
	if (!err)
		err = bpf_probe_read_user(call->peek, size, (void *)address);
	call->record.peek.len = err ? 0 : size;
	call->record.peek.err = err;
}

/* The two descriptors that pipe or socketpair made: the block has been read. */
static __always_inline void identify_pair(struct pending *call, struct ior_watch *watch)
{
	const __s32 *pair = (const __s32 *)call->peek;

	if (call->record.peek.err)
		return;
	identify_current(&call->file[IOR_FIRST], watch, pair[0]);
	identify_current(&call->file[IOR_SECOND], watch, pair[1]);
}

static __always_inline struct second_path *second_path(struct task_struct *task)
{
	return bpf_task_storage_get(&second_paths, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The name of the root, or of the working directory. */
__noinline __u64 base_of(struct ior_watch *watch, __u32 absolute)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 fs = word_at(&task->fs), dentry, mount;

	if (!watch || !fs)
		return 0;
	dentry = absolute ? (__u64)FIELD(fs_struct, fs, root.dentry) : (__u64)FIELD(fs_struct, fs, pwd.dentry);
	mount = absolute ? (__u64)FIELD(fs_struct, fs, root.mnt) : (__u64)FIELD(fs_struct, fs, pwd.mnt);
	return name_of_path(watch, dentry, mount);
}

/* Where a path begins: at one of the two, or, where it could not be read yet, at either. */
static __always_inline void read_base(struct ior_record *record, struct ior_watch *watch, int at, const char *path)
{
	bool unread = record->path[at].err, absolute = record->path[at].len && path[0] == '/';

	if (!record->cwd && (unread || !absolute))
		record->cwd = base_of(watch, 0);
	if (!record->root && (unread || absolute))
		record->root = base_of(watch, 1);
}

/* A file that close_range closes. */
struct closing {
	struct ior_watch *watch;
	__u64 number;
	__u64 first;
	__u32 pid;
	__u32 tid;
};

static long tell_closed(__u32 index, struct closing *closing)
{
	struct {
		struct ior_record record;
		struct ior_identity file;
	} out = {};

	identify_current(&out.file, closing->watch, closing->first + index);
	if (!out.file.open)
		return 0;
	out.record.watch = closing->watch->id;
	out.record.number = closing->number;
	out.record.args[0] = closing->first + index;
	out.record.pid = closing->pid;
	out.record.tid = closing->tid;
	out.record.kind = IOR_CLOSED;
	out.record.identities = 1;
	if (tell(&closing->watch->told, &out, sizeof(out), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&closing->watch->untold, 1);
	return 0;
}

/* Tells what close_range is about to close. That it then fails, or was asked for something else, who reads knows. */
__noinline int tell_range(struct ior_watch *watch, struct pending *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 files = word_at(&task->files);
	struct closing closing = {};
	__u64 fdt, last, open;

	if (!watch || !call || !files)
		return 0;
	closing.watch = watch;
	closing.number = call->record.number;
	closing.first = (__u32)call->record.args[0];
	closing.pid = call->record.pid;
	closing.tid = call->record.tid;
	last = (__u32)call->record.args[1];
	fdt = (__u64)FIELD(files_struct, files, fdt);
	open = FIELD(fdtable, fdt, max_fds);
	if (last >= open)
		last = open - 1;
	if (open && closing.first <= last)
		bpf_loop(last - closing.first + 1, tell_closed, &closing, 0);
	return 0;
}

static __always_inline void read_at_enter(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					  const struct ior_roles *role, bool often)
{
	struct ior_record *record = &call->record;

	call->first = 0;
	if (role->fd[0])
		call->first = identify(&call->file[IOR_FIRST], watch, task, (__s32)argument(record, role->fd[0]), often);
	if (role->fd[1])
		identify_current(&call->file[IOR_SECOND], watch, (__s32)argument(record, role->fd[1]));
	if (role->replaces)
		identify_current(&call->file[IOR_SECOND], watch, (__s32)argument(record, role->replaces));
	if (role->path[0] && !(role->flags & IOR_PATH_AT_EXIT)) {
		read_path(&record->path[0], call->path, argument(record, role->path[0]));
		read_base(record, watch, 0, call->path);
	}
	if (role->path[1]) {
		struct second_path *second = second_path(task);

		if (second) {
			read_path(&record->path[1], second->path, argument(record, role->path[1]));
			read_base(record, watch, 1, second->path);
		} else {
			record->path[1].err = -12; /* ENOMEM */
		}
	}
	if (role->peek && !(role->flags & IOR_PEEK_AT_EXIT))
		read_peek(call, role);
	if (often && role->flags & IOR_CLOSES_RANGE)
		tell_range(watch, call);
}

/*
 * A page that the process has not touched yet cannot be read at enter, where faults are not allowed. By now the call has
 * read the string itself, so that its page is there (bpftrace issue 2005, bcc issue 1307).
 */
static __always_inline void read_at_exit(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					 const struct ior_roles *role)
{
	struct ior_record *record = &call->record;
	bool done = record->ret >= 0;

	if (done && role->flags & IOR_RETURNS_FD)
		identify_made(call, watch, task);
	if (done && role->peek && role->flags & IOR_PEEK_AT_EXIT)
		read_peek(call, role);
	if (done && role->flags & IOR_MAKES_PAIR)
		identify_pair(call, watch);
	if (done && role->flags & IOR_REPLACES_MEMORY)
		return;
	if (role->path[0] && done && role->flags & IOR_PATH_AT_EXIT)
		read_path(&record->path[0], call->path, argument(record, role->path[0]));
	if (role->path[0] && record->path[0].err)
		read_path_late(record, 0, call->path, argument(record, role->path[0]));
	if (role->path[1] && record->path[1].err) {
		struct second_path *second = second_path(task);

		if (second)
			read_path_late(record, 1, second->path, argument(record, role->path[1]));
	}
	if (role->peek && record->peek.err && !(role->flags & IOR_PEEK_AT_EXIT)) {
		read_peek(call, role);
		if (!record->peek.err && may_have_changed(argument(record, role->peek)))
			record->late |= IOR_LATE_PEEK;
	}
}

/* The path of a call that its thread does not live to return from, if it could not be read before. */
static __always_inline void read_when_unreturned(struct pending *call)
{
	struct ior_roles *role = roles_of(&call->record);

	if (role && role->path[0] && call->record.path[0].err)
		read_path_late(&call->record, 0, call->path, argument(&call->record, role->path[0]));
}

#endif

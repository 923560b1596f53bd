/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads what a call's arguments lead to: the files of its descriptors, its paths and where they begin, its block.
 */
#ifndef IOR_READ_H
#define IOR_READ_H

#include "names.h"

/* Fills in the identity of a file, but for `cloexec`. `cast` is a constant. */
static __always_inline void identify_by(bool cast, struct ior_identity *to, struct ior_watch *watch, __u64 at)
{
	struct file *file = AT(cast, file, at);
	struct inode *inode = READ(cast, file, f_inode);
	struct super_block *super = READ(cast, inode, i_sb);

	to->inode = READ(cast, inode, i_ino);
	to->device = READ(cast, super, s_dev);
	to->magic = READ(cast, super, s_magic);
	to->mode = READ(cast, inode, i_mode);
	to->flags = READ(cast, file, f_flags);
	to->open = 1;
	to->name = name_of(watch, number_of(READ(cast, file, f_path.dentry)), number_of(READ(cast, file, f_path.mnt)));
}

static __always_inline void identify_file(struct ior_identity *to, struct ior_watch *watch, __u64 file)
{
	if (CAN_CAST)
		identify_by(true, to, watch, file);
	else
		identify_by(false, to, watch, file);
}

/* The open file of a descriptor, or 0, and whether exec closes it. A number below 0 is a large one. `cast` is a constant. */
static __always_inline __u64 file_by(bool cast, __u64 files, __u64 fd, __u8 *cloexec)
{
	/* A thread that is exiting has no files: then what is read here is 0. */
	struct fdtable *table = READ(cast, AT(cast, files_struct, files), fdt);
	__u64 file = 0;

	if (fd < READ(cast, table, max_fds)) {
		file = WORD(cast, &READ(cast, table, fd)[fd]);
		*cloexec = WORD(cast, &READ(cast, table, close_on_exec)[fd / 64]) >> (fd % 64) & 1;
	}
	return file;
}

static __always_inline __u64 open_file(__u64 files, __s64 fd, __u8 *cloexec)
{
	return CAN_CAST ? file_by(true, files, fd, cloexec) : file_by(false, files, fd, cloexec);
}

static __always_inline __u64 files_of(struct task_struct *task)
{
	return number_of(FIELD(task_struct, task, files));
}

/*
 * Fills in the identity of a descriptor's file, and returns the file. `to` stays as it is if the descriptor is not open. The
 * files_struct is read without its locks, since it is this thread's own.
 */
static __always_inline __u64 identify_now(struct ior_identity *to, struct ior_watch *watch, __u64 files, __s64 fd)
{
	__u8 cloexec = 0;
	__u64 file = open_file(files, fd, &cloexec);

	if (!file)
		return 0;
	identify_file(to, watch, file);
	to->cloexec = cloexec;
	return file;
}

/* The next two are for where nanoseconds do not matter: they are not inlined. */
__noinline int identify_any(struct ior_identity *to, struct ior_watch *watch, __u64 file)
{
	if (to && watch)
		identify_file(to, watch, file);
	return 0;
}

/* As identify_now(). If the file is the one at IOR_FIRST of `call`, its identity is copied from there; `call` may be NULL. */
__noinline __u64 identify(struct ior_identity *to, struct ior_watch *watch, __u64 files, __s64 fd, struct pending *call)
{
	__u8 cloexec = 0;
	__u64 file;

	if (!to || !watch)
		return 0;
	file = open_file(files, fd, &cloexec);
	if (!file)
		return 0;
	if (call && file == call->first)
		*to = call->file[IOR_FIRST];
	else
		identify_any(to, watch, file);
	to->cloexec = cloexec;
	return file;
}

/* Reads no byte that the kernel does not read: memory after the first PATH_MAX bytes may not be there. */
__noinline int read_path(struct ior_text *text, struct path_room *to, __u64 address)
{
	long n;

	if (!text || !to)
		return 0;
	n = bpf_probe_read_user_str(to->path, IOR_PATH_MAX, (void *)address);
	text->len = n > 0 ? n - 1 : 0;
	text->err = n < 0 ? n : 0;
	/* The helper ends each string with a NUL: look whether the process has one there. */
	if (n == IOR_PATH_MAX &&
	    !bpf_probe_read_user(&to->path[IOR_PATH_MAX - 1], 1, (void *)(address + IOR_PATH_MAX - 1)) &&
	    to->path[IOR_PATH_MAX - 1])
		text->len = IOR_PATH_MAX;
	return 0;
}

static long is_writable(struct task_struct *task, struct vm_area_struct *area, bool *writable)
{
	*writable = FIELD(vm_area_struct, area, vm_flags) & VM_WRITE;
	return 0;
}

/* Whether memory may have changed since the enter: the process itself can write there. */
__noinline int may_have_changed(__u64 address)
{
	bool writable = true;

	bpf_find_vma(bpf_get_current_task_btf(), address, is_writable, &writable, 0);
	return writable;
}

/* Reads a path when the call has ended. It is marked as late, unless the process cannot write there. */
static __always_inline void read_path_late(struct ior_record *record, int at, struct path_room *to, __u64 address)
{
	read_path(&record->path[at], to, address);
	if (record->path[at].len && may_have_changed(address))
		record->late |= at ? IOR_LATE_PATH2 : IOR_LATE_PATH;
}

__noinline int read_peek(struct pending *call, __u64 address, __u32 size, __u32 flags)
{
	long err;

	if (!call)
		return 0;
	if (flags & IOR_PEEK_COUNTED) {
		/* Where this cannot be read, nothing can. */
		bpf_probe_read_user(&size, sizeof(size), (void *)address);
		size += 8;
	}
	if (size > IOR_PEEK_CAP)
		size = IOR_PEEK_CAP;
	err = bpf_probe_read_user(call->peek, size, (void *)address);
	call->record.peek.len = err ? 0 : size;
	call->record.peek.err = err;
	return 0;
}

static __always_inline void peek_at(struct pending *call, const struct ior_roles *role)
{
	read_peek(call, argument(&call->record, role->peek), role->peek_size, role->flags);
}

/* The two descriptors that pipe or socketpair has made. The block has been read before. */
static __always_inline void identify_pair(struct pending *call, struct ior_watch *watch, __u64 files)
{
	const __s32 *pair = (const __s32 *)call->peek;

	if (call->record.peek.err)
		return;
	identify(&call->file[IOR_FIRST], watch, files, pair[0], NULL);
	identify(&call->file[IOR_SECOND], watch, files, pair[1], NULL);
}

static __always_inline struct path_room *second_path(struct task_struct *task)
{
	return bpf_task_storage_get(&second_paths, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The name of the root, or of the working directory. `cast` is a constant. */
static __always_inline __u64 base_by(bool cast, struct ior_watch *watch, __u32 absolute)
{
	struct task_struct *task = AT(cast, task_struct, bpf_get_current_task());
	struct fs_struct *fs = READ(cast, task, fs);
	__u64 dentry, mount;

	if (!fs)
		return 0;
	dentry = number_of(absolute ? READ(cast, fs, root.dentry) : READ(cast, fs, pwd.dentry));
	mount = number_of(absolute ? READ(cast, fs, root.mnt) : READ(cast, fs, pwd.mnt));
	return name_of_base(watch, dentry, mount);
}

__noinline __u64 base_of(struct ior_watch *watch, __u32 absolute)
{
	if (!watch)
		return 0;
	if (CAN_CAST)
		return base_by(true, watch, absolute);
	return base_by(false, watch, absolute);
}

/*
 * Reads a path before the call uses it, and where it begins: at the working directory or at the root. Both are noted while the path
 * cannot be read.
 */
__noinline int read_path_at(struct ior_record *record, struct ior_watch *watch, __u32 at, struct path_room *room,
			    __u64 address)
{
	struct ior_text *text;

	if (!record || !watch || !room)
		return 0;
	text = &record->path[at & 1];
	read_path(text, room, address);
	/* The helper has cleared the room if it could not read (since Linux 5.5). */
	if (!record->cwd && room->path[0] != '/')
		record->cwd = base_of(watch, 0);
	if (!record->root && (text->err || room->path[0] == '/'))
		record->root = base_of(watch, 1);
	return 0;
}

/* The files that close_range closes. */
struct closing {
	struct ior_watch *watch;
	struct pending *call;
	__u64 files;
};

struct closed {
	struct ior_record record;
	struct ior_identity file;
};

/* The stack has no room for the record. It is made in the room of the path, because close_range has no path. */
static long tell_closed(__u32 index, struct closing *closing)
{
	struct pending *call = closing->call;
	struct closed *out = (struct closed *)&call->path;
	__u64 fd = (__u32)call->record.args[0] + index;

	out->file.open = 0;
	identify(&out->file, closing->watch, closing->files, fd, NULL);
	if (!out->file.open)
		return GO_ON;
	out->record.watch = call->record.watch;
	out->record.number = call->record.number;
	out->record.args[0] = fd;
	out->record.kind = IOR_CLOSED;
	out->record.identities = 1;
	out->record.path[0].len = out->record.path[1].len = out->record.peek.len = 0;
	if (tell(&closing->watch->told, out, sizeof(*out), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&closing->watch->untold, 1);
	return GO_ON;
}

/* Sends the files that close_range is about to close. User space knows whether the call then failed or only set a flag. */
__noinline int tell_range(struct ior_watch *watch, struct pending *call)
{
	struct closing closing = { .watch = watch, .call = call, .files = files_of(bpf_get_current_task_btf()) };
	__u64 table, first, last, open;

	if (!watch || !call)
		return 0;
	first = (__u32)call->record.args[0];
	last = (__u32)call->record.args[1];
	table = number_of(FIELD(files_struct, closing.files, fdt));
	open = FIELD(fdtable, table, max_fds);
	if (last >= open)
		last = open - 1;
	if (open && first <= last)
		bpf_loop(last - first + 1, tell_closed, &closing, 0);
	return 0;
}

static __always_inline void read_at_enter(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					  const struct ior_roles *role, bool often)
{
	struct ior_record *record = &call->record;
	__u64 files = files_of(task);

	call->first = 0;
	if (role->fd[0]) {
		__s64 fd = (__s32)argument(record, role->fd[0]);

		call->first = often ? identify_now(&call->file[IOR_FIRST], watch, files, fd) :
				      identify(&call->file[IOR_FIRST], watch, files, fd, NULL);
	}
	if (role->fd[1])
		identify(&call->file[IOR_SECOND], watch, files, (__s32)argument(record, role->fd[1]), NULL);
	if (role->replaces)
		identify(&call->file[IOR_SECOND], watch, files, (__s32)argument(record, role->replaces), NULL);
	if (role->path[0] && !(role->flags & IOR_PATH_AT_EXIT))
		read_path_at(record, watch, 0, &call->path, argument(record, role->path[0]));
	if (role->path[1]) {
		record->path[1].err = -12; /* ENOMEM, if there is no room */
		read_path_at(record, watch, 1, second_path(task), argument(record, role->path[1]));
	}
	if (role->peek && !(role->flags & IOR_PEEK_AT_EXIT))
		peek_at(call, role);
	if (often && role->flags & IOR_CLOSES_RANGE)
		tell_range(watch, call);
}

/* Reads the second path again, if there was none or its room was used meanwhile. */
static __always_inline void read_second_late(struct ior_record *record, const struct ior_roles *role,
					     struct task_struct *task)
{
	read_path_late(record, 1, second_path(task), argument(record, role->path[1]));
}

/*
 * Reads again what could not be read at the enter. BPF cannot read a page that the process has not touched yet, because it may not
 * fault. At the exit the call itself has read the string, so its page is there (bpftrace issue 2005, bcc issue 1307).
 */
static __always_inline void read_at_exit(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					 const struct ior_roles *role)
{
	struct ior_record *record = &call->record;
	bool done = record->ret >= 0;

	if (done && role->flags & IOR_RETURNS_FD)
		identify(&call->file[IOR_MADE], watch, files_of(task), record->ret, call);
	if (done && role->flags & IOR_PEEK_AT_EXIT)
		peek_at(call, role);
	if (done && role->flags & IOR_MAKES_PAIR)
		identify_pair(call, watch, files_of(task));
	if (done && role->flags & IOR_PATH_AT_EXIT)
		read_path(&record->path[0], &call->path, argument(record, role->path[0]));
	if (record->path[0].err)
		read_path_late(record, 0, &call->path, argument(record, role->path[0]));
	if (record->path[1].err)
		read_second_late(record, role, task);
	if (record->peek.err) {
		peek_at(call, role);
		if (!record->peek.err && may_have_changed(argument(record, role->peek)))
			record->late |= IOR_LATE_PEEK;
	}
}

/* Reads the path of a call that does not return, if it could not be read before. */
static __always_inline void read_when_unreturned(struct pending *call)
{
	struct ior_roles *role = roles_of(&call->record);

	if (role && call->record.path[0].err)
		read_path_late(&call->record, 0, &call->path, argument(&call->record, role->path[0]));
}

#endif

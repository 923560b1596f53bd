/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The lives of threads and processes: how they begin, execute a program and end.
 */
#ifndef IOR_LIFECYCLE_H
#define IOR_LIFECYCLE_H

#include "calls.h"

/* Sends the end of a process. It is not inlined, so that the record leaves the stack at once. */
static __noinline int tell_end(struct ior_watch *watch, int status, __u32 state)
{
	struct ior_record end = {};

	end.watch = watch->id;
	end.number = watch->seen;
	end.ret = status;
	end.pid = bpf_get_current_pid_tgid() >> 32;
	end.kind = IOR_END;
	end.state = state;
	__sync_fetch_and_add(&watch->ends, 1);
	if (bpf_ringbuf_output(&ring, &end, sizeof(end),
			       watch->flags & IOR_FOLLOW ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&watch->ends, -1);
	return 0;
}

/* Ends the watch on a process that has become a program which its caller may not trace. */
static __always_inline void hide(struct ior_watch *watch, struct pending *call)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);

	if (!entry)
		return;
	finish_unreturned(watch, call);
	call->record.watch = 0;
	/* After execve(2) a process has one thread: nobody else ends it now. */
	entry->gone = 1;
	tell_end(watch, 0, IOR_HIDDEN);
}

/*
 * Whether ptrace(2) refuses a program to an unprivileged tracer: it runs with other rights than its caller (AT_SECURE), or may be
 * executed but not read.
 */
static __always_inline bool is_secret(struct linux_binprm *bprm)
{
	return BPF_CORE_READ_BITFIELD(bprm, secureexec) ||
	       FIELD(linux_binprm, bprm, interp_flags) & BINPRM_FLAGS_ENFORCE_NONDUMP;
}

/* Where the caller's path begins in a name that execveat(2) has made: fs/exec.c makes "/dev/fd/3/path" out of 3 and "path". */
static __always_inline __u32 begin_of_path(const char *filename)
{
	char first[19]; /* a descriptor has at most ten digits */
	int i;

	bpf_probe_read_kernel(first, sizeof(first), filename);
	for (i = 8; i < 19; i++) {
		if (first[i] == '/')
			return i + 1;
		if (!first[i])
			return i;
	}
	return 0;
}

/*
 * Sends the call for which seccomp(2) has killed this thread alone, or in strict mode: the call has neither an enter nor an exit.
 */
static __noinline int tell_killer(struct ior_watch *watch, struct pending *call)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!call || call->active == KILLED || !is_killed_by_seccomp(task))
		return 0;
	begin_refused(watch, call, task, (const struct pt_regs *)bpf_task_pt_regs(task));
	return finish_unreturned(watch, call);
}

/* Notes that a thread is new: its first exit belongs to the call that made it. */
static __always_inline void born(struct task_struct *child, __u32 slot, __u64 id)
{
	struct pending *call = bpf_task_storage_get(&pending_calls, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!call)
		return;
	call->active = BORN;
	call->aside = 0;
	call->slot = slot;
	call->record.watch = id;
}

#endif

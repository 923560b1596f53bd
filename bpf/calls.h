/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Begins the record of a call: at its enter, or at its exit if something answered it before the kernel made it.
 */
#ifndef IOR_CALLS_H
#define IOR_CALLS_H

#include "restart.h"

/* The watch of a thread's first call, and the room for the call; NULL if the process is not watched. */
static __always_inline struct ior_watch *first_call(struct task_struct *task, struct pending **call)
{
	struct ior_filter *entry = watched(task->tgid);
	struct ior_watch *watch;

	if (!entry)
		return NULL;
	*call = bpf_task_storage_get(&pending_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* The allocation takes a while: the watch may have ended meanwhile, and another watch may have its slot. */
	entry = watched(task->tgid);
	if (!entry)
		return NULL;
	if (*call) {
		(*call)->slot = entry->watch;
		/* An earlier watch may have left these. */
		(*call)->active = NO_CALL;
		(*call)->aside = 0;
	}
	watch = watch_of(entry);
	if (watch && bpf_core_field_exists(task->migration_disabled))
		watch->movable = task->migration_disabled > 0;
	return watch;
}

/* Begins the record of a call. All fields before `path` are set, here or when the call ends. */
static __always_inline struct ior_roles *begin(struct ior_watch *watch, struct pending *call, struct task_struct *task,
					       const struct pt_regs *regs, __u32 nr, __u32 state)
{
	struct ior_record *record = &call->record;
	struct ior_roles *role;

	for (int i = 0; i < 2; i++)
		record->path[i].len = record->path[i].err = 0;
	record->peek.len = record->peek.err = 0;
	for (int i = 0; i < IOR_PLACES; i++)
		call->file[i].open = 0;
	record->watch = watch->id;
	record->number = __sync_fetch_and_add(&watch->seen, 1);
	record->cwd = record->root = 0;
	record->pid = task->tgid;
	record->tid = task->pid;
	record->nr = nr;
	record->kind = IOR_CALL;
	record->late = 0;
	call->instruction = INSTRUCTION(regs);
	call->stack = STACK(regs);
	if (IS_COMPAT(task)) {
		record->state = state | IOR_COMPAT;
		COMPAT_ARGS(regs, record->args);
	} else {
		record->state = state;
		SYSCALL_ARGS(regs, record->args);
	}
	role = roles_of(record);
	call->left_out = role && role->flags & IOR_LEFT_OUT;
	return role;
}

/* Counts an exit without an enter: the call began before the watch. */
static __always_inline int stray(__u32 tgid)
{
	struct ior_filter *entry = watched(tgid);
	struct ior_watch *watch = entry ? watch_of(entry) : NULL;

	if (watch)
		__sync_fetch_and_add(&watch->strays, 1);
	return 0;
}

/*
 * Whether seccomp(2) has trapped the call (SECCOMP_RET_TRAP): the program gets SIGSYS and no result. The result's register then has
 * its value from before the call (on x86 the number). A real result may have this value too, so a pending SIGSYS must confirm it.
 */
static __always_inline bool is_trapped(struct task_struct *task, const struct pt_regs *regs, long ret)
{
	return (__s32)ret == ROLLED_BACK(regs) && task->pending.signal.sig[0] & 1UL << (SIGSYS - 1);
}

static __always_inline bool is_killed_by_seccomp(struct task_struct *task)
{
	return bpf_core_field_exists(task->seccomp.mode) && task->seccomp.mode == SECCOMP_MODE_DEAD;
}

/* Begins the record of a call that the kernel does not make. */
static __always_inline void begin_refused(struct ior_watch *watch, struct pending *call, struct task_struct *task,
					  const struct pt_regs *regs)
{
	struct ior_roles *role = begin(watch, call, task, regs, SYSCALL_NUMBER(regs), IOR_REFUSED);

	if (role)
		read_at_enter(call, watch, task, role, false);
	call->record.enter_ns = now(watch);
}

/*
 * Handles an exit without an enter, of a thread whose calls are seen: seccomp(2) or a ptrace tracer has answered the call. The
 * kernel asks them before it runs the tracepoint (kernel/entry/common.c, syscall_trace_enter()). It asks them again when a call is
 * made again. Signals interrupt the wait for an answer (SECCOMP_RET_USER_NOTIF) as they interrupt a call.
 */
static __noinline int refuse(struct ior_watch *watch, struct pending *call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (call->active == INTERRUPTED && is_made_again(call, regs)) {
		call->record.state |= IOR_REFUSED;
	} else {
		if (call->active == INTERRUPTED)
			finish_unreturned(watch, call);
		begin_refused(watch, call, task, regs);
	}
	if (is_trapped(task, regs, ret)) {
		finish_unreturned(watch, call);
		if (is_killed_by_seccomp(task))
			call->active = KILLED;
		return 0;
	}
	call->record.ret = ret;
	if (!asks_for_restart(ret))
		finish(watch, call);
	else
		call->active = INTERRUPTED;
	return 0;
}

#endif

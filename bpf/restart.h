/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Calls that a signal interrupts (signal(7), "Interruption of system calls and library functions by signal handlers").
 *
 * Such a call leaves with a restart code, which no program sees. If no handler runs, the kernel makes the call again at once. The
 * first handler that runs decides: the call fails with EINTR, or is made again when the handler returns. Until then the call is put
 * aside, because handlers make calls too, and signals interrupt those as well. The same instruction makes the call again, after
 * rt_sigreturn(2) has put the stack back. If the program leaves its handlers by siglongjmp(3), the call is never made again.
 */
#ifndef IOR_RESTART_H
#define IOR_RESTART_H

#include "send.h"

static __always_inline bool asks_for_restart(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}

static __always_inline void put_aside(struct ior_watch *watch, struct pending *call, struct task_struct *task)
{
	struct aside key = { .task = (__u64)task, .before = call->aside };

	/* The next call will use the room of its second path. */
	if (call->record.path[1].len) {
		call->record.path[1].len = 0;
		call->record.path[1].err = -14; /* EFAULT */
	}
	if (bpf_map_update_elem(&interrupted_calls, &key, call, BPF_ANY))
		__sync_fetch_and_add(&watch->refused, 1);
	else
		call->aside++;
	call->active = NO_CALL;
}

/* A search through the calls that a thread has put aside, from the last one on. */
struct search_aside {
	struct ior_watch *watch;
	__u64 task;
	__u64 instruction, stack;
	__u32 count; /* how many calls are aside */
	__u32 found; /* the call that was found, counted from 1; or 0 */
};

static long is_from_there(__u32 index, struct search_aside *search)
{
	struct aside key = { .task = search->task, .before = search->count - 1 - index };
	struct pending *aside = bpf_map_lookup_elem(&interrupted_calls, &key);

	if (!aside || aside->instruction != search->instruction || aside->stack != search->stack)
		return 0;
	search->found = search->count - index;
	return 1;
}

static long give_up_one(__u32 index, struct search_aside *search)
{
	struct aside key = { .task = search->task, .before = search->count - 1 - index };
	struct pending *aside = bpf_map_lookup_elem(&interrupted_calls, &key);

	finish_unreturned(search->watch, aside);
	bpf_map_delete_elem(&interrupted_calls, &key);
	return 0;
}

/* Gives up the calls aside after the first `keep`: they are never made again, and are sent without a result. */
static __noinline int give_up(struct ior_watch *watch, struct pending *call, __u32 keep)
{
	struct search_aside search = {};

	search.watch = watch;
	search.task = (__u64)bpf_get_current_task_btf();
	search.count = call->aside;
	bpf_loop(call->aside - keep, give_up_one, &search, 0);
	call->aside = keep;
	return 0;
}

/* Which call aside was made by this instruction with this stack: counted from 1, 0 if there is none. */
static __noinline __u32 find_aside(struct pending *call, __u64 instruction, __u64 stack)
{
	struct search_aside search = {};

	search.task = (__u64)bpf_get_current_task_btf();
	search.count = call->aside;
	search.instruction = instruction;
	search.stack = stack;
	bpf_loop(call->aside, is_from_there, &search, 0);
	return search.found;
}

/*
 * rt_sigreturn has put back the registers of the code that a handler interrupted. If they lead to the instruction of a call aside,
 * that call is about to be made again.
 */
static __noinline int come_back(struct ior_watch *watch, struct pending *call, __u64 instruction, __u64 stack)
{
	struct aside key = { .task = (__u64)bpf_get_current_task_btf() };
	struct ior_roles *role;
	__u32 found = find_aside(call, instruction + CALL_BYTES, stack);

	if (!found)
		return 0;
	give_up(watch, call, found);
	key.before = found - 1;
	/* The copy is as the call was put aside: interrupted, with those aside that were there before it. */
	bpf_probe_read_kernel(call, sizeof(*call), bpf_map_lookup_elem(&interrupted_calls, &key));
	bpf_map_delete_elem(&interrupted_calls, &key);
	/* A signal that comes now interrupts no call: whatever its handler, this one is made again after it. */
	call->record.ret = -ERESTARTNOINTR;
	role = roles_of(&call->record);
	if (role && call->record.path[1].err)
		read_second_late(&call->record, role, bpf_get_current_task_btf());
	return 0;
}

/*
 * Whether the kernel makes the interrupted call again, or continues it by restart_syscall(2): the thread is at the same instruction
 * with the same registers. If a handler or a tracer has changed the registers, it is another call.
 */
static __noinline bool is_made_again(struct pending *call, const struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 nr = SYSCALL_NUMBER(regs);
	__u64 args[6];
	int i;

	if (call->instruction != INSTRUCTION(regs) || call->stack != STACK(regs))
		return false;
	if (IS_COMPAT(task))
		COMPAT_ARGS(regs, args);
	else
		SYSCALL_ARGS(regs, args);
	for (i = 0; i < 6; i++)
		if (args[i] != call->record.args[i])
			return false;
	if (nr == call->record.nr)
		return true;
	/* restart_syscall has number 0 in the 32-bit tables. */
	return call->record.ret == -ERESTART_RESTARTBLOCK && (IS_COMPAT(task) ? nr == 0 : IS_RESTART_SYSCALL(nr));
}

/* True if this enter is no new call: the interrupted call is made again, and the program has not run in between. */
static __always_inline bool resume(struct ior_watch *watch, struct pending *call, const struct pt_regs *regs)
{
	if (call->active == INTERRUPTED && is_made_again(call, regs)) {
		call->active = IN_CALL;
		call->record.state &= ~IOR_REFUSED;
		return true;
	}
	/* The program makes a call at the place of one that is aside, and has not returned there from its handlers. */
	if (call->aside) {
		__u32 found = find_aside(call, INSTRUCTION(regs), STACK(regs));

		if (found)
			give_up(watch, call, found - 1);
	}
	return false;
}

#endif

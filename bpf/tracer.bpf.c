// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracer: enter and exit of every system call of the watched processes, joined into one record each, and the requests
 * that they make of io_uring without a call: a record when one is submitted, and one when it is completed.
 *
 * What an argument means is not known here: struct ior_roles, filled in from the tables in src/table/syscalls/, says which
 * arguments are descriptors, paths and blocks. A new system call is a row there and no branch here.
 */
#include "lifecycle.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The thread's own state is asked before the filter: what has made calls of a living watch makes more of them. */
SEC("tp_btf/sys_enter")
int BPF_PROG(ior_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ior_watch *watch;
	struct ior_roles *role;
	struct pending *call;

	if (!is_marked(task->tgid))
		return 0;
	call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	watch = call ? watch_of_call(call) : NULL;
	if (!watch)
		watch = first_call(task, &call);
	if (!watch) {
		unmark(task->tgid);
		return 0;
	}
	if (!call) {
		__sync_fetch_and_add(&watch->seen, 1);
		__sync_fetch_and_add(&watch->refused, 1);
		return 0;
	}
	if (resume(watch, call, regs))
		return 0;
	if (call->active == IN_CALL || call->active == INTERRUPTED)
		finish_unreturned(watch, call);
	role = begin(watch, call, task, regs, nr, 0);
	if (role)
		read_at_enter(call, watch, task, role, true);
	call->active = IN_CALL;
	call->record.enter_ns = now(watch);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(ior_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ior_watch *watch;
	struct ior_roles *role;
	struct pending *call;

	if (!is_marked(task->tgid))
		return 0;
	call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	if (!call)
		return stray(task->tgid);
	watch = watch_of_call(call);
	if (!watch) {
		call->active = NO_CALL;
		return stray(task->tgid);
	}
	if (call->active == BORN) {
		call->active = NO_CALL;
		return 0;
	}
	if (call->active == NO_CALL || call->active == INTERRUPTED)
		return refuse(watch, call, regs, ret);
	/*
	 * rt_sigreturn leaves with the registers of the interrupted code, which the kernel marks as no call's (-1): that is no
	 * result of its own. Another number is no such mark: what restart_syscall goes on with leaves under its number.
	 */
	if (SYSCALL_NUMBER(regs) == -1 && call->record.nr != (__u32)-1) {
		finish_unreturned(watch, call);
		if (call->aside)
			come_back(watch, call, INSTRUCTION(regs), STACK(regs));
		return 0;
	}
	call->record.ret = ret;
	if (asks_for_restart(ret)) {
		call->active = INTERRUPTED;
		return 0;
	}
	role = roles_of(&call->record);
	if (role)
		read_at_exit(call, watch, task, role);
	finish_now(watch, call, task);
	return 0;
}

/*
 * A handler is about to run. It makes an interrupted call fail with EINTR, or lets it be restarted (signal(7),
 * "Interruption of system calls and library functions by signal handlers").
 */
SEC("tp_btf/signal_deliver")
int BPF_PROG(ior_signal, int sig, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pending *call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	struct ior_watch *watch = call ? watch_of_call(call) : NULL;

	if (!watch || (unsigned long)action->sa.sa_handler <= 1) /* SIG_DFL, SIG_IGN */
		return 0;
	if (call->active != INTERRUPTED)
		return 0;
	if (call->record.ret == -ERESTARTNOINTR ||
	    (call->record.ret == -ERESTARTSYS && action->sa.sa_flags & SA_RESTART)) {
		put_aside(watch, call, task);
		return 0;
	}
	call->record.ret = -EINTR;
	read_when_unreturned(call);
	return finish(watch, call);
}

/*
 * The path of a program that is executed is the one that the kernel took, whatever is at its address now. The handlers of the
 * program before are no more.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ior_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct pending *call = bpf_task_storage_get(&pending_calls, bpf_get_current_task_btf(), NULL, 0);
	struct ior_watch *watch = call ? watch_of_call(call) : NULL;
	struct ior_text *path;
	__u64 filename;
	long n;

	if (!watch || call->active != IN_CALL)
		return 0;
	give_up(watch, call, 0);
	if (watch->flags & IOR_HIDE && is_secret(bprm))
		return hide(watch, call);
	path = &call->record.path[0];
	filename = number_of(FIELD(linux_binprm, bprm, filename));
	if (FIELD(linux_binprm, bprm, fdpath))
		filename += begin_of_path((const char *)filename);
	n = bpf_probe_read_kernel_str(call->path.path, IOR_PATH_CAP, (const void *)filename);
	path->len = n > 0 ? n - 1 : 0;
	path->err = n < 0 ? n : 0;
	return 0;
}

/* A call that its thread did not live to return from (exit itself, or killed inside) goes out here, without a result. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(ior_gone, struct task_struct *task)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	struct ior_watch *watch;
	struct pending *call;

	if (!entry)
		return 0;
	watch = watch_of(entry);
	if (!watch)
		return 0;
	call = bpf_task_storage_get(&pending_calls, bpf_get_current_task_btf(), NULL, 0);
	/* What an earlier watch has left behind is not this one's. */
	if (call && watch_of_call(call) != watch)
		call = NULL;
	if (call && (call->active == IN_CALL || call->active == INTERRUPTED))
		finish_unreturned(watch, call);
	else
		tell_killer(watch, call);
	if (call)
		give_up(watch, call, 0);
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	/* Of two threads that exit at the same time, both may find that none is alive. */
	if (__sync_lock_test_and_set(&entry->gone, 1))
		return 0;
	if (ior_requests && in_flight)
		bpf_for_each_map_elem(&requests, end_request, &tgid, 0);
	tell_end(watch, wait_status(task), 0);
	return 0;
}

/* A new process of a watch that follows is watched before it can make its first call. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(ior_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, child_tgid = child->tgid;
	struct ior_filter *entry = watched(tgid);
	struct ior_watch *watch = entry ? watch_of(entry) : NULL;
	struct ior_filter followed = {};

	if (!watch)
		return 0;
	followed.watch = entry->watch;
	followed.id = entry->id;
	if (tgid == child_tgid) {
		born(child, followed.watch, followed.id);
		return 0;
	}
	if (!(watch->flags & IOR_FOLLOW))
		return 0;
	born(child, followed.watch, followed.id);
	mark(child_tgid);
	/* If it finds no room it is missed: its end will not be seen, and that is a loss. */
	bpf_map_update_elem(&filter, &child_tgid, &followed, 0);
	__sync_fetch_and_add(&watch->followed, 1);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracer's programs. Each system call of a watched process leaves one record, joined from its enter and its exit. Each io_uring
 * request leaves two: one at its submission and one at its completion (uring.h).
 *
 * BPF does not know what an argument means. struct ior_roles says which arguments are descriptors, paths and blocks. User space
 * fills it in from the tables in src/table/syscalls/. A new system call is a row there and no branch here.
 */
#include "data.h"
#include "lifecycle.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The thread's own state comes before the filter: a thread that has made calls of a watch mostly makes more of them. */
SEC("tp_btf/sys_enter")
int ior_enter(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = registers(ctx, task);
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
	if (call->active == INTERRUPTED)
		finish_unreturned(watch, call);
	role = begin(watch, call, task, regs, number(ctx), 0);
	if (role)
		read_at_enter(call, watch, task, role, true);
	call->active = IN_CALL;
	call->record.enter_ns = now(watch);
	return 0;
}

SEC("tp_btf/sys_exit")
int ior_exit(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = registers(ctx, task);
	long ret = result(ctx);
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
	 * rt_sigreturn has no result: it leaves with the registers of the interrupted code, which the kernel marks with the number
	 * -1. Other numbers may differ from the enter's, too: a call that restart_syscall continues leaves under its own number.
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
 * A handler is about to run. An interrupted call fails with EINTR, or is made again after the handler (signal(7), "Interruption of
 * system calls and library functions by signal handlers").
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
 * A program is executed. Its path is the kernel's own copy, because the memory of the old program is gone. So are the old program's
 * signal handlers, and with them the calls that they interrupted.
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
	path = &call->record.path[0];
	filename = number_of(FIELD(linux_binprm, bprm, filename));
	if (FIELD(linux_binprm, bprm, fdpath))
		filename += begin_of_path((const char *)filename);
	n = bpf_probe_read_kernel_str(call->path.path, IOR_PATH_CAP, (const void *)filename);
	path->len = n > 0 ? n - 1 : 0;
	path->err = n < 0 ? n : 0;
	if (watch->flags & IOR_HIDE && is_secret(bprm))
		hide(watch, call);
	return 0;
}

/* A thread ends. A call that it has not returned from (exit itself, or one it was killed in) is sent without a result. */
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
	/* A call that an earlier watch has left does not count. */
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
	/* When two threads exit at the same time, both may see that no thread is alive. */
	if (__sync_lock_test_and_set(&entry->gone, 1))
		return 0;
	if (ior_requests && in_flight)
		bpf_for_each_map_elem(&requests, end_request, &tgid, 0);
	tell_end(watch, wait_status(task), 0);
	return 0;
}

/* A fork: where the watch follows, the new process is watched before it can make its first call. */
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
	/* If the filter has no room, the process is missed. Its end is not seen, which counts as a loss. */
	bpf_map_update_elem(&filter, &child_tgid, &followed, 0);
	__sync_fetch_and_add(&watch->followed, 1);
	return 0;
}

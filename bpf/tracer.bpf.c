// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracer: enter and exit of every system call of the watched processes, joined into one record each, and the requests
 * that they make of io_uring without a call: a record when one is submitted, and one when it is completed.
 *
 * What an argument means is not known here: struct ior_roles, filled in from the tables in src/table/syscalls/, says which
 * arguments are descriptors, paths and blocks. A new system call is a row there and no branch here.
 */
#include "restart.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A thread's first call of a watch, or a call of nobody's: the watch, and where the call is to be kept. */
static __always_inline struct ior_watch *first_call(struct task_struct *task, struct pending **call)
{
	struct ior_filter *entry = watched(task->tgid);

	if (!entry)
		return NULL;
	*call = bpf_task_storage_get(&pending_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* Memory takes a while: the watch may have ended meanwhile, and its slot be that of another one. */
	entry = watched(task->tgid);
	if (!entry)
		return NULL;
	if (*call) {
		(*call)->slot = entry->watch;
		/* What an earlier watch has left behind. */
		(*call)->active = NO_CALL;
		(*call)->aside = 0;
	}
	return watch_of(entry);
}

/* Begins the record of a call: what stands before `path` is all set, here or when the call ends. */
static __always_inline struct ior_roles *begin(struct ior_watch *watch, struct pending *call, struct task_struct *task,
					       const struct pt_regs *regs, __u32 nr, __u32 state)
{
	struct ior_record *record = &call->record;

	__builtin_memset(record->path, 0, WHOLE - __builtin_offsetof(struct ior_record, path));
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
	return roles_of(record);
}

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

/* An exit without an enter: the call began before the watch. */
static __always_inline int stray(__u32 tgid)
{
	struct ior_filter *entry = watched(tgid);
	struct ior_watch *watch = entry ? watch_of(entry) : NULL;

	if (watch)
		__sync_fetch_and_add(&watch->strays, 1);
	return 0;
}

/*
 * SECCOMP_RET_TRAP leaves in the register of the result what was there before the call (on x86 its number): the program gets SIGSYS
 * and no result. What is below 0 there could be an errno.
 */
static __always_inline bool is_trapped(struct task_struct *task, const struct pt_regs *regs, long ret)
{
	if ((__s32)ret != ROLLED_BACK(regs))
		return false;
	return ret > 0 || task->pending.signal.sig[0] & 1UL << (SIGSYS - 1);
}

static __always_inline bool is_killed_by_seccomp(struct task_struct *task)
{
	return bpf_core_field_exists(task->seccomp.mode) && task->seccomp.mode == SECCOMP_MODE_DEAD;
}

/* Begins the record of a call that is never made. */
static __always_inline void begin_refused(struct ior_watch *watch, struct pending *call, struct task_struct *task,
					  const struct pt_regs *regs)
{
	struct ior_roles *role = begin(watch, call, task, regs, SYSCALL_NUMBER(regs), IOR_REFUSED);

	if (role)
		read_at_enter(call, watch, task, role, false);
	call->record.enter_ns = now(watch);
}

/*
 * An exit without an enter, of a thread whose calls are seen: seccomp(2) has answered, or whoever traces it. The kernel asks
 * them first, and the tracepoint after that (kernel/entry/common.c, syscall_trace_enter()). They are asked again when a call is made
 * again; and while somebody is asked who takes his time (SECCOMP_RET_USER_NOTIF), signals interrupt that as they do a call.
 */
static __noinline int refuse(struct ior_watch *watch, struct pending *call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!watch || !call)
		return 0;
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

/* Nothing more comes of this process. Not inlined, so that the record is on the stack no longer than this takes. */
static __noinline int tell_end(struct ior_watch *watch, int status, __u32 state)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ior_record end = {};

	end.watch = watch->id;
	end.number = watch->seen;
	end.enter_ns = now(watch);
	end.ret = status;
	end.pid = id >> 32;
	end.tid = end.exit_tid = id;
	end.kind = IOR_END;
	end.state = state;
	bpf_get_current_comm(end.comm, sizeof(end.comm));
	__sync_fetch_and_add(&watch->ends, 1);
	if (bpf_ringbuf_output(&ring, &end, sizeof(end), watch->flags & IOR_FOLLOW ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&watch->ends, -1);
	return 0;
}

/* The process has become a program that its caller may not trace: it is watched no more. */
static __noinline int hide(struct ior_watch *watch, struct pending *call)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);

	if (!watch || !call || !entry)
		return 0;
	finish_unreturned(watch, call);
	call->record.watch = 0;
	if (!__sync_lock_test_and_set(&entry->gone, 1))
		tell_end(watch, 0, IOR_HIDDEN);
	return 0;
}

/*
 * What ptrace(2) refuses to whoever is not privileged: a program with other rights than its caller (AT_SECURE), and one that
 * may be executed and not read.
 */
static __always_inline bool is_secret(struct linux_binprm *bprm)
{
	return BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec) ||
	       FIELD(linux_binprm, bprm, interp_flags) & BINPRM_FLAGS_ENFORCE_NONDUMP;
}

/* Where the path begins that a program of another directory was given by: fs/exec.c makes "/dev/fd/3/path" of it. */
static __always_inline __u32 begin_of_path(const char *filename)
{
	char first[24] = {};
	int i;

	bpf_probe_read_kernel(first, sizeof(first) - 1, filename);
	for (i = 8; i < 23; i++) {
		if (first[i] == '/')
			return i + 1;
		if (!first[i])
			return i;
	}
	return 0;
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

/* seccomp(2) has killed this thread alone, or in its strict mode, for a call that it has neither entered nor left. */
static __noinline int tell_killer(struct ior_watch *watch, struct pending *call)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!watch || !call || call->active == KILLED || !is_killed_by_seccomp(task))
		return 0;
	begin_refused(watch, call, task, (const struct pt_regs *)bpf_task_pt_regs(task));
	return finish_unreturned(watch, call);
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

/* What is known of a thread before its first call: its first exit is that of the call by which it was made. */
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

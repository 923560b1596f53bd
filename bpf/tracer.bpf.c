// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracer: enter and exit of every system call of the watched processes, joined into one record each, and the requests
 * that they make of io_uring without a call: a record when one is submitted, and one when it is completed.
 *
 * What an argument means is not known here: struct ior_roles, filled in from the tables in src/syscalls/, says which
 * arguments are descriptors, paths and blocks. A new system call is a row there and no branch here.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Read by the loader before anything else: an object of another layout is refused. */
const volatile __u32 ior_version SEC(".rodata.version") = IOR_VERSION;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, struct ior_filter);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOR_WATCHES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_watch);
} watches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOR_SYSCALLS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_roles);
} roles SEC(".maps");

/* The same for the requests of io_uring, by their opcode. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOR_OPCODES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_roles);
} request_roles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024); /* the loader sets it: --ring-size */
} ring SEC(".maps");

/*
 * The call that a thread is in. It belongs to the task and not to a tid, since execve by a thread that is not the leader
 * changes the tid half-way. Two maps of one path each: the allocators behind task storage end at 8 KiB.
 *
 * Record, identities and first path stand one behind the other, so that most calls go to the ring in one copy.
 */
struct pending {
	__u32 active; /* enum progress */
	__u32 saved;  /* 1 if interrupted_calls has a call of this thread too */
	__u32 slot;   /* of the watch that the call belongs to, if it is still the one with the record's id */
	__u32 reserved;
	struct ior_record record;
	struct ior_identity file[IOR_PLACES];
	char path[IOR_PATH_CAP + 7];
	char peek[IOR_PEEK_CAP];
};

#define WHOLE (sizeof(struct ior_record) + IOR_PLACES * sizeof(struct ior_identity))

_Static_assert(__builtin_offsetof(struct pending, path) == __builtin_offsetof(struct pending, record) + WHOLE,
	       "one copy takes all three");

enum progress {
	NO_CALL = 0,
	IN_CALL = 1,
	INTERRUPTED = 2, /* left with a restart code: it will be entered again, or a handler makes it fail with EINTR */
};

struct second_path {
	char path[IOR_PATH_CAP + 7];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pending);
} pending_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct second_path);
} second_paths SEC(".maps");

/* A call that waits to be restarted while a signal handler makes calls of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pending);
} interrupted_calls SEC(".maps");

/* A request of io_uring that was submitted and is not completed. */
struct request {
	__u64 watch;
	__u64 number;
	__u64 enter_ns;
	__u64 ring; /* its struct io_ring_ctx */
	__u64 user_data;
	__u64 addr;
	__u32 slot;
	__u32 pid;
	__u32 tid;
	__u32 opcode;
	__u32 head; /* of the ring's queue when it was submitted: it tells an entry from the one before */
	__u32 reserved;
};

/* By the address of their struct io_kiocb. More than these at a time are refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct request);
} requests SEC(".maps");

/* How many there are: nobody else's rings pay for a search. */
static __u64 in_flight;

/* Where the records of requests are made: the thread that submits is inside io_uring_enter, whose record is being made too. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending);
} scratch SEC(".maps");

static __always_inline struct ior_watch *watch_at(__u32 slot)
{
	return bpf_map_lookup_elem(&watches, &slot);
}

/* NULL if the entry is of a watch that has ended: its slot may be another one's by now. */
static __always_inline struct ior_watch *watch_of(struct ior_filter *entry)
{
	struct ior_watch *watch = watch_at(entry->watch);

	return watch && watch->id == entry->id ? watch : NULL;
}

/* What the filter has of a process that is not gone: whoever gets its pid after that is somebody else. */
static __always_inline struct ior_filter *watched(__u32 tgid)
{
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);

	return entry && !entry->gone ? entry : NULL;
}

static __always_inline struct ior_roles *roles_of(__u32 nr)
{
	return bpf_map_lookup_elem(&roles, &nr);
}

/* The argument that a role names, 1 to 6. The mask bounds it for the verifier. */
static __always_inline __u64 argument(const struct ior_record *record, __u8 role)
{
	return record->args[(role - 1) & 7];
}

extern void *bpf_rdonly_cast(const void *from, __u32 type) __ksym __weak;

/*
 * Whether an address can be made a pointer that the verifier lets be read directly: a load for each field where
 * bpf_probe_read_kernel() would be a call (40 ns less for a descriptor). Before Linux 6.2 there is no such cast, and the
 * verifier never sees the branch that uses it.
 */
#define CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

/* A word of the kernel's memory. Any struct that begins with one would do for the cast: registers are one that is at hand. */
static __always_inline unsigned long word_at(const void *address)
{
	unsigned long word = 0;

	if (CAN_CAST)
		return ((struct pt_regs *)bpf_rdonly_cast(address, bpf_core_type_id_kernel(struct pt_regs)))->FIRST_REGISTER;
	bpf_probe_read_kernel(&word, sizeof(word), address);
	return word;
}

/*
 * The file table is read without its locks: the thread that is in the call is this one. `to` is all zero before, and stays so
 * if the descriptor is not open.
 *
 * Each pointer is cast, the first two as well: for a pointer that is read from a trusted one (a task is) the verifier
 * searches all types of the kernel by name, which takes it milliseconds each time.
 */
static __always_inline void identify(struct ior_identity *to, struct task_struct *task, __s64 fd)
{
	struct files_struct *files = (struct files_struct *)word_at(&task->files);
	struct fdtable *fdt = (struct fdtable *)word_at(&files->fdt);
	unsigned long *close_on_exec;
	struct file *file, **table;
	struct super_block *super;
	struct inode *inode;
	unsigned int max_fds;

	if (CAN_CAST) {
		fdt = bpf_rdonly_cast(fdt, bpf_core_type_id_kernel(struct fdtable));
		max_fds = fdt->max_fds;
		table = fdt->fd;
		close_on_exec = fdt->close_on_exec;
	} else {
		max_fds = BPF_CORE_READ(fdt, max_fds);
		table = BPF_CORE_READ(fdt, fd);
		close_on_exec = BPF_CORE_READ(fdt, close_on_exec);
	}
	if (fd < 0 || fd >= max_fds)
		return;
	file = (struct file *)word_at(&table[fd]);
	if (!file)
		return;
	if (CAN_CAST) {
		file = bpf_rdonly_cast(file, bpf_core_type_id_kernel(struct file));
		inode = file->f_inode;
		to->inode = inode->i_ino;
		super = inode->i_sb;
		to->device = super->s_dev;
		to->magic = super->s_magic;
		to->mode = inode->i_mode;
		to->flags = file->f_flags;
	} else {
		inode = BPF_CORE_READ(file, f_inode);
		to->inode = BPF_CORE_READ(inode, i_ino);
		super = BPF_CORE_READ(inode, i_sb);
		to->device = BPF_CORE_READ(super, s_dev);
		to->magic = BPF_CORE_READ(super, s_magic);
		to->mode = BPF_CORE_READ(inode, i_mode);
		to->flags = BPF_CORE_READ(file, f_flags);
	}
	to->cloexec = word_at(&close_on_exec[fd / 64]) >> (fd % 64) & 1;
	to->open = 1;
}

static __always_inline void read_path(struct ior_text *text, char *to, __u64 address)
{
	long n = bpf_probe_read_user_str(to, IOR_PATH_CAP, (void *)address);

	text->len = n > 0 ? n - 1 : 0;
	text->err = n < 0 ? n : 0;
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
static __always_inline void identify_pair(struct pending *call, struct task_struct *task)
{
	const __s32 *pair = (const __s32 *)call->peek;

	if (call->record.peek.err)
		return;
	identify(&call->file[IOR_FIRST], task, pair[0]);
	identify(&call->file[IOR_SECOND], task, pair[1]);
}

static __always_inline struct second_path *second_path(struct task_struct *task)
{
	return bpf_task_storage_get(&second_paths, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void read_at_enter(struct pending *call, struct task_struct *task, const struct ior_roles *role)
{
	struct ior_record *record = &call->record;

	if (role->fd[0])
		identify(&call->file[IOR_FIRST], task, (__s32)argument(record, role->fd[0]));
	if (role->fd[1])
		identify(&call->file[IOR_SECOND], task, (__s32)argument(record, role->fd[1]));
	if (role->path[0] && !(role->flags & IOR_PATH_AT_EXIT))
		read_path(&record->path[0], call->path, argument(record, role->path[0]));
	if (role->path[1]) {
		struct second_path *second = second_path(task);

		if (second)
			read_path(&record->path[1], second->path, argument(record, role->path[1]));
		else
			record->path[1].err = -12; /* ENOMEM */
	}
	if (role->peek && !(role->flags & IOR_PEEK_AT_EXIT))
		read_peek(call, role);
}

/*
 * A page that the process has not touched yet cannot be read at enter, where faults are not allowed. By now the call has
 * read the string itself, so that its page is there (bpftrace issue 2005, bcc issue 1307).
 */
static __always_inline void read_at_exit(struct pending *call, struct task_struct *task, const struct ior_roles *role)
{
	struct ior_record *record = &call->record;
	bool done = record->ret >= 0;

	if (done && role->flags & IOR_RETURNS_FD)
		identify(&call->file[IOR_MADE], task, record->ret);
	if (done && role->peek && role->flags & IOR_PEEK_AT_EXIT)
		read_peek(call, role);
	if (done && role->flags & IOR_MAKES_PAIR)
		identify_pair(call, task);
	if (done && role->flags & IOR_REPLACES_MEMORY)
		return;
	if (role->path[0] && (record->path[0].err || (done && role->flags & IOR_PATH_AT_EXIT)))
		read_path(&record->path[0], call->path, argument(record, role->path[0]));
	if (role->path[1] && record->path[1].err) {
		struct second_path *second = second_path(task);

		if (second)
			read_path(&record->path[1], second->path, argument(record, role->path[1]));
	}
	if (role->peek && record->peek.err && !(role->flags & IOR_PEEK_AT_EXIT))
		read_peek(call, role);
}

static __always_inline bool a_quarter_is_full(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4;
}

/*
 * A reader that sleeps is woken only when a quarter of the ring is full, and asked for only now and then: waking it for
 * each record costs ten times the record. Whoever waits for the end of a process drains the ring by itself.
 */
static __always_inline __u64 wakeup(__u64 number, bool awaited)
{
	if (awaited)
		return BPF_RB_FORCE_WAKEUP;
	if (number % 64 == 63 && a_quarter_is_full())
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* How many of the places a record needs. A record with a path or a block has them all, since those stand behind them. */
static __always_inline __u32 places(const struct pending *call)
{
	const struct ior_record *record = &call->record;

	if (record->path[0].len || record->path[1].len || record->peek.len || call->file[IOR_SECOND].open)
		return IOR_PLACES;
	if (call->file[IOR_MADE].open)
		return IOR_MADE + 1;
	return call->file[IOR_FIRST].open & 1; /* the verifier needs the bound */
}

/* Sends the call to the ring as one record of exactly the size it needs, and counts it. 0, or -1 if there was no room. */
static __always_inline long send(struct ior_watch *watch, __u64 *counter, struct pending *call, struct task_struct *task)
{
	struct ior_record *record = &call->record;
	/* 64 bits wide: Linux 6.1 forgets the bounds of narrower ones when it runs out of registers. */
	__u64 first = record->path[0].len, second = record->path[1].len, peek = record->peek.len;
	__u32 identities = places(call);
	struct second_path *more = NULL;
	struct bpf_dynptr out;
	__u32 at = WHOLE;
	__u64 flags;

	if (first > IOR_PATH_CAP || second > IOR_PATH_CAP || peek > IOR_PEEK_CAP)
		return -1;
	flags = wakeup(record->number, record->state & IOR_UNFINISHED && watch->flags & IOR_FOLLOW);
	/* Counted before the record can be seen, so that whoever has read it finds it counted. */
	__sync_fetch_and_add(counter, 1);
	record->identities = identities;
	if (identities < IOR_PLACES)
		at = sizeof(*record) + identities * sizeof(struct ior_identity);
	if (!second && !peek) {
		if (!bpf_ringbuf_output(&ring, record, at + first, flags))
			return 0;
		goto refused;
	}
	if (second)
		more = second_path(task);
	if (bpf_ringbuf_reserve_dynptr(&ring, at + first + second + peek, 0, &out)) {
		bpf_ringbuf_discard_dynptr(&out, BPF_RB_NO_WAKEUP);
		goto refused;
	}
	bpf_dynptr_write(&out, 0, record, WHOLE, 0);
	if (first)
		bpf_dynptr_write(&out, at, call->path, first, 0);
	if (more)
		bpf_dynptr_write(&out, at + first, more->path, second, 0);
	if (peek)
		bpf_dynptr_write(&out, at + first + second, call->peek, peek, 0);
	bpf_ringbuf_submit_dynptr(&out, flags);
	return 0;
refused:
	__sync_fetch_and_add(counter, -1);
	return -1;
}

/* As two words, without bpf_get_current_comm(): this runs for every call. */
static __always_inline void copy_comm(struct ior_record *record, struct task_struct *task)
{
	((__u64 *)record->comm)[0] = *(__u64 *)&task->comm[0];
	((__u64 *)record->comm)[1] = *(__u64 *)&task->comm[8];
}

static __always_inline void finish(struct ior_watch *watch, struct pending *call, struct task_struct *task)
{
	call->active = NO_CALL;
	call->record.duration_ns = bpf_ktime_get_ns() - call->record.enter_ns;
	call->record.exit_tid = task->pid;
	copy_comm(&call->record, task);
	if (send(watch, &watch->emitted, call, task))
		__sync_fetch_and_add(&watch->refused, 1);
}

/* Not inlined, so that three programs share one copy of it in the kernel's cache. */
static __noinline int finish_unreturned(struct ior_watch *watch, struct pending *call)
{
	if (!watch || !call)
		return 0;
	call->record.state |= IOR_UNFINISHED;
	call->record.ret = 0;
	finish(watch, call, bpf_get_current_task_btf());
	return 0;
}

static __always_inline bool asks_for_restart(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}

/* Whether the call that is entered is the interrupted one, made again by the kernel. */
static __always_inline bool is_restart(const struct pending *call, const struct pt_regs *regs, __u32 nr)
{
	const struct ior_record *record = &call->record;
	struct ior_roles *role = roles_of(nr);
	__u64 args[6];

	if (call->active != INTERRUPTED)
		return false;
	if (role && role->flags & IOR_RESTARTS)
		return record->ret == -ERESTART_RESTARTBLOCK;
	SYSCALL_ARGS(regs, args);
	return record->nr == nr && record->args[0] == args[0] && record->args[1] == args[1] &&
	       record->args[2] == args[2] && record->args[3] == args[3] && record->args[4] == args[4] &&
	       record->args[5] == args[5];
}

static __noinline int copy_call(struct pending *to, struct pending *from)
{
	if (!to || !from)
		return 0;
	bpf_probe_read_kernel(to, sizeof(*to), from);
	return 0;
}

/*
 * An interrupted call is entered again: as itself, or after a handler that has made calls of its own. True if this enter
 * is no new call. Otherwise the interrupted one is put aside, since the handler has begun to make calls.
 */
static __always_inline bool resume(struct pending *call, struct task_struct *task, const struct pt_regs *regs, __u32 nr)
{
	struct pending *aside;

	if (is_restart(call, regs, nr)) {
		call->active = IN_CALL;
		return true;
	}
	if (call->active != INTERRUPTED && !call->saved)
		return false;
	aside = bpf_task_storage_get(&interrupted_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!aside)
		return false;
	if (call->active == INTERRUPTED && !call->saved) {
		copy_call(aside, call);
		call->active = NO_CALL;
		call->saved = 1;
		return false;
	}
	if (call->active == NO_CALL && is_restart(aside, regs, nr)) {
		copy_call(call, aside);
		call->active = IN_CALL;
		return true;
	}
	return false;
}

/* The watch that a thread's last call belonged to, if there still is one. */
static __always_inline struct ior_watch *watch_of_call(const struct pending *call)
{
	struct ior_watch *watch = watch_at(call->slot);

	return watch && watch->id == call->record.watch ? watch : NULL;
}

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
		(*call)->saved = 0;
	}
	return watch_of(entry);
}

/* The thread's own state is asked before the filter: what has made calls of a living watch makes more of them. */
SEC("tp_btf/sys_enter")
int BPF_PROG(ior_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pending *call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	struct ior_watch *watch = call ? watch_of_call(call) : NULL;
	struct ior_record *record;
	struct ior_roles *role;
	__u64 number;

	if (!watch)
		watch = first_call(task, &call);
	if (!watch)
		return 0;
	if (call && resume(call, task, regs, nr))
		return 0;
	if (call && call->active)
		finish_unreturned(watch, call);
	number = __sync_fetch_and_add(&watch->seen, 1);
	if (!call) {
		__sync_fetch_and_add(&watch->refused, 1);
		return 0;
	}
	record = &call->record;
	/* What stands before `path` is all set, here or when the call ends. */
	__builtin_memset(record->path, 0, WHOLE - __builtin_offsetof(struct ior_record, path));
	record->state = 0;
	record->watch = watch->id;
	record->number = number;
	record->pid = task->tgid;
	record->tid = task->pid;
	record->nr = nr;
	record->kind = IOR_CALL;
	SYSCALL_ARGS(regs, record->args);
	role = roles_of(nr);
	if (role)
		read_at_enter(call, task, role);
	call->active = IN_CALL;
	record->enter_ns = bpf_ktime_get_ns();
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

SEC("tp_btf/sys_exit")
int BPF_PROG(ior_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pending *call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	struct ior_watch *watch;
	struct ior_roles *role;

	if (!call || call->active != IN_CALL)
		return stray(task->tgid);
	watch = watch_of_call(call);
	if (!watch) {
		call->active = NO_CALL;
		return stray(task->tgid);
	}
	/*
	 * rt_sigreturn leaves with the registers of the interrupted code, which the kernel marks as no call's (-1): that is no
	 * result of its own. Another number is no such mark: what restart_syscall goes on with leaves under its number.
	 */
	if (SYSCALL_NUMBER(regs) == -1 && call->record.nr != (__u32)-1) {
		finish_unreturned(watch, call);
		return 0;
	}
	call->record.ret = ret;
	if (asks_for_restart(ret)) {
		call->active = INTERRUPTED;
		return 0;
	}
	role = roles_of(call->record.nr);
	if (role)
		read_at_exit(call, task, role);
	finish(watch, call, task);
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
	struct ior_roles *role;

	if (!watch || (unsigned long)action->sa.sa_handler <= 1) /* SIG_DFL, SIG_IGN */
		return 0;
	if (call->active != INTERRUPTED || call->record.ret == -ERESTARTNOINTR)
		return 0;
	if (call->record.ret == -ERESTARTSYS && action->sa.sa_flags & SA_RESTART)
		return 0;
	call->record.ret = -EINTR;
	role = roles_of(call->record.nr);
	if (role)
		read_at_exit(call, task, role);
	finish(watch, call, task);
	return 0;
}

/*
 * The requests of io_uring: what a process asks of the kernel without a system call for each.
 *
 * Whose a request is, is known when it is submitted: by a thread in io_uring_enter, or by the kernel's own thread of the
 * process (IORING_SETUP_SQPOLL). Who completes it may be anybody. These are no BTF programs: one of those could not be
 * loaded where its tracepoint has another name, while of these the kernel says when they are attached whether they fit.
 */

/*
 * These are global functions, each of which the verifier walks through once for a program, whatever is known where it is
 * called: a request may take a few nanoseconds more, so that the object loads in some milliseconds less.
 */

/* As identify(), of the thread that is running. */
__noinline int identify_current(struct ior_identity *to, __s64 fd)
{
	if (to)
		identify(to, bpf_get_current_task_btf(), fd);
	return 0;
}

/* As send(), of a request that is submitted. */
__noinline int send_request(struct ior_watch *watch, struct pending *call)
{
	if (!watch || !call)
		return -1;
	return send(watch, &watch->submitted, call, bpf_get_current_task_btf());
}

static __always_inline struct pending *empty_scratch(void)
{
	__u32 only = 0;
	struct pending *call = bpf_map_lookup_elem(&scratch, &only);

	if (call)
		__builtin_memset(&call->record, 0, WHOLE);
	return call;
}

/* The entry of the queue that is being submitted: the last that was taken (io_uring/io_uring.c, io_get_sqe()). */
static __always_inline const struct io_uring_sqe *last_entry(struct io_ring_ctx *ring)
{
	__u32 flags = BPF_CORE_READ(ring, flags), mask = BPF_CORE_READ(ring, sq_entries) - 1;
	__u32 at = (BPF_CORE_READ(ring, cached_sq_head) - 1) & mask;
	__u32 *indices = BPF_CORE_READ(ring, sq_array);

	if (!(flags & IORING_SETUP_NO_SQARRAY))
		bpf_probe_read_kernel(&at, sizeof(at), &indices[at]);
	at &= mask;
	if (flags & IORING_SETUP_SQE128)
		at *= 2;
	return BPF_CORE_READ(ring, sq_sqes) + at;
}

/* What is to be known of a request later than now. Its completion, whenever and wherever, is that of this watch. */
static __always_inline long keep(const struct ior_record *record, __u64 key, __u64 ring, __u32 head, __u32 slot,
				 const struct io_uring_sqe *sqe)
{
	struct request request = {
		.watch = record->watch,
		.number = record->number,
		.enter_ns = record->enter_ns,
		.ring = ring,
		.user_data = sqe->user_data,
		.addr = sqe->addr,
		.slot = slot,
		.pid = record->pid,
		.tid = record->tid,
		.opcode = sqe->opcode,
		.head = head,
	};

	if (bpf_map_update_elem(&requests, &key, &request, BPF_ANY))
		return -1;
	__sync_fetch_and_add(&in_flight, 1);
	return 0;
}

/* As read_at_enter(), at whose place the entry has been looked at already: there are no pages that were never touched. */
static __always_inline void read_arguments(struct pending *call, struct task_struct *task, const struct ior_roles *role)
{
	struct ior_record *record = &call->record;
	bool at_exit = role->flags & IOR_PEEK_AT_EXIT;
	struct second_path *second;

	if (role->fd[0])
		identify_current(&call->file[IOR_FIRST], (__s32)argument(record, role->fd[0]));
	if (role->fd[1])
		identify_current(&call->file[IOR_SECOND], (__s32)argument(record, role->fd[1]));
	if (role->path[0])
		read_path(&record->path[0], call->path, argument(record, role->path[0]));
	if (role->path[1]) {
		record->path[1].err = -12; /* ENOMEM */
		second = second_path(task);
		if (second)
			read_path(&record->path[1], second->path, argument(record, role->path[1]));
	}
	if (role->peek && !at_exit)
		read_peek(call, role);
}

static __always_inline void read_request(struct pending *call, struct task_struct *task, const struct io_uring_sqe *sqe)
{
	struct ior_record *record = &call->record;
	__u32 opcode = sqe->opcode;
	struct ior_roles *role = bpf_map_lookup_elem(&request_roles, &opcode);

	record->args[IOR_SQE_FD - 1] = sqe->fd;
	record->args[IOR_SQE_OFF - 1] = sqe->off;
	record->args[IOR_SQE_ADDR - 1] = sqe->addr;
	record->args[IOR_SQE_LEN - 1] = sqe->len;
	record->args[IOR_SQE_FD_IN - 1] = sqe->file_index;
	record->args[IOR_SQE_ADDR3 - 1] = sqe->addr3;
	if (role)
		read_arguments(call, task, role);
	__builtin_memcpy(record->args, sqe, sizeof(record->args));
}

/* A thread of the process shares its descriptors and its memory; a kworker does not. */
static __always_inline void read_completion(struct pending *to, struct task_struct *task, __u64 addr)
{
	__u32 opcode = to->record.nr;
	struct ior_roles *role = bpf_map_lookup_elem(&request_roles, &opcode);
	__s32 pair[2];

	if (!role || to->record.ret < 0 || task->tgid != to->record.pid)
		return;
	if (role->flags & IOR_RETURNS_FD)
		identify_current(&to->file[IOR_MADE], to->record.ret);
	if (!(role->flags & IOR_MAKES_PAIR) || bpf_probe_read_user(pair, sizeof(pair), (void *)addr))
		return;
	to->record.args[1] = pair[0];
	to->record.args[2] = pair[1];
	identify_current(&to->file[IOR_FIRST], pair[0]);
	identify_current(&to->file[IOR_SECOND], pair[1]);
}

/*
 * Sends the record of a completion, and ends the request unless more are to come. Whoever deletes it sends its record. Not by
 * send(): this has no paths, and would take the verifier as long as all else, in each of the programs that it is in.
 */
static __noinline int complete(struct request *request, __u64 key, __s64 res, __u32 state)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pending *out = empty_scratch();
	struct ior_watch *watch;

	if (!request || !out)
		return 0;
	watch = watch_at(request->slot);
	if (watch && watch->id != request->watch)
		watch = NULL;
	out->record.watch = request->watch;
	out->record.number = request->number;
	out->record.args[0] = request->number;
	out->record.duration_ns = bpf_ktime_get_ns() - request->enter_ns;
	out->record.ret = res;
	out->record.pid = request->pid;
	out->record.nr = request->opcode;
	out->record.kind = IOR_COMPLETION;
	out->record.state = state;
	out->record.identities = IOR_PLACES;
	if (!(state & IOR_UNFINISHED)) {
		out->record.state |= task->pid != request->tid ? IOR_WORKER : 0;
		read_completion(out, task, request->addr);
	}
	if (state & IOR_MORE) {
		if (watch)
			out->record.number = __sync_fetch_and_add(&watch->seen, 1);
	} else {
		if (bpf_map_delete_elem(&requests, &key))
			return 0;
		__sync_fetch_and_add(&in_flight, -1);
	}
	if (!watch)
		return 0;
	__sync_fetch_and_add(&watch->emitted, 1);
	if (bpf_ringbuf_output(&ring, &out->record, WHOLE, wakeup(out->record.number, false))) {
		__sync_fetch_and_add(&watch->emitted, -1);
		__sync_fetch_and_add(&watch->refused, 1);
	}
	return 0;
}

/* A request that its process did not live to see completed. Also forgets those of watches that are no more. */
static long end_request(void *map, __u64 *key, struct request *request, __u32 *tgid)
{
	struct ior_watch *watch = watch_at(request->slot);

	if (request->pid == *tgid || !watch || watch->id != request->watch)
		complete(request, *key, 0, IOR_UNFINISHED);
	return 0;
}

static __noinline int submit(__u64 key, const struct io_uring_sqe *from)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	struct ior_filter *entry = watched(tgid);
	struct ior_watch *watch = entry ? watch_of(entry) : NULL;
	struct io_ring_ctx *ring;
	struct io_uring_sqe sqe = {};
	struct ior_record *record;
	struct request *before;
	struct pending *call;
	__u32 head;

	if (!watch)
		return 0;
	ring = BPF_CORE_READ((struct io_kiocb *)key, ctx);
	head = BPF_CORE_READ(ring, cached_sq_head);
	before = bpf_map_lookup_elem(&requests, &key);
	/* Older kernels submit a linked entry, and may refuse it after that: it is one request. */
	if (before && from && before->ring == (__u64)ring && before->head == head)
		return 0;
	/* The kernel uses its memory again: it was done with the request that was there, and posted no completion of it. */
	if (before)
		complete(before, key, 0, IOR_UNFINISHED);
	bpf_probe_read_kernel(&sqe, sizeof(sqe), from ?: last_entry(ring));
	call = empty_scratch();
	if (!call)
		return 0;
	call->record.watch = watch->id;
	record = &call->record;
	record->number = __sync_fetch_and_add(&watch->seen, 1);
	record->pid = tgid;
	record->tid = task->pid;
	record->nr = sqe.opcode;
	record->kind = IOR_REQUEST;
	copy_comm(record, task);
	read_request(call, task, &sqe);
	record->enter_ns = bpf_ktime_get_ns();
	if (send_request(watch, call) || keep(record, key, (__u64)ring, head, entry->watch, &sqe))
		__sync_fetch_and_add(&watch->refused, 1);
	return 0;
}

/* io_uring_submit_req(req), before Linux 6.3 io_uring_submit_sqe(req, force_nonblock). */
SEC("raw_tp")
int ior_submit(struct bpf_raw_tracepoint_args *ctx)
{
	return submit(ctx->args[0], NULL);
}

/* io_uring_req_failed(sqe, req, error): an entry that is refused is never submitted, and completed all the same. */
SEC("raw_tp")
int ior_submit_refused(struct bpf_raw_tracepoint_args *ctx)
{
	return submit(ctx->args[1], (const struct io_uring_sqe *)ctx->args[0]);
}

/* A completion that comes without its request: what is known of it, and the request if one is found. */
struct search {
	__u64 ring;
	__u64 user_data;
	__u64 key;
};

static long is_of_completion(void *map, __u64 *key, struct request *request, struct search *search)
{
	if (request->ring != search->ring || request->user_data != search->user_data)
		return 0;
	search->key = *key;
	return 1;
}

/*
 * A request that completes more than once, and one whose completion found the queue full, is told by its ring and user_data
 * alone. What else has none belongs to no request that was seen: it was submitted before the watch, or sent by another ring.
 */
static __noinline int completed(__u64 ring, __u64 key, __u64 user_data, __s32 res, __u32 flags)
{
	struct search search = { .ring = ring, .user_data = user_data, .key = key };
	__u32 state = !key && flags & IORING_CQE_F_MORE ? IOR_MORE : 0;
	struct request *request;

	if (!in_flight)
		return 0;
	if (!key)
		bpf_for_each_map_elem(&requests, is_of_completion, &search, 0);
	request = bpf_map_lookup_elem(&requests, &search.key);
	/* A stranger's request may have the memory of one that was never completed. */
	if (request && request->ring == ring && request->user_data == user_data)
		complete(request, search.key, res, state);
	return 0;
}

/* io_uring_complete(ring, req, cqe). */
SEC("raw_tp")
int ior_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cqe cqe = {};

	bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)ctx->args[2]);
	return completed(ctx->args[0], ctx->args[1], cqe.user_data, cqe.res, cqe.flags);
}

/* On older kernels: io_uring_complete(ring, req, user_data, res, flags, extra1, extra2). It does not fit the other. */
SEC("raw_tp")
int ior_complete_words(struct bpf_raw_tracepoint_args *ctx)
{
	return completed(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]);
}

/* io_uring_cqe_overflow(ring, user_data, res, flags, ocqe): the completion waits until there is room in its queue. */
SEC("raw_tp")
int ior_overflow(struct bpf_raw_tracepoint_args *ctx)
{
	return completed(ctx->args[0], 0, ctx->args[1], ctx->args[2], ctx->args[3]);
}

/* As wait4(2) will report it, signals too (kernel/exit.c, wait_task_zombie()). */
static __always_inline int wait_status(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

/* A call that its thread did not live to return from (exit itself, or killed inside) goes out here, without a result. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(ior_gone, struct task_struct *task)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	struct ior_record end = {};
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
	if (call && call->active)
		finish_unreturned(watch, call);
	if (call && call->saved)
		finish_unreturned(watch, bpf_task_storage_get(&interrupted_calls, bpf_get_current_task_btf(), NULL, 0));
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	/* Of two threads that exit at the same time, both may find that none is alive. */
	if (__sync_lock_test_and_set(&entry->gone, 1))
		return 0;
	if (in_flight)
		bpf_for_each_map_elem(&requests, end_request, &tgid, 0);
	end.watch = watch->id;
	end.number = watch->seen;
	end.enter_ns = bpf_ktime_get_ns();
	end.ret = wait_status(task);
	end.pid = tgid;
	end.tid = end.exit_tid = id;
	end.kind = IOR_END;
	bpf_get_current_comm(end.comm, sizeof(end.comm));
	__sync_fetch_and_add(&watch->ends, 1);
	if (bpf_ringbuf_output(&ring, &end, sizeof(end), watch->flags & IOR_FOLLOW ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&watch->ends, -1);
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

	if (!watch || !(watch->flags & IOR_FOLLOW) || tgid == child_tgid)
		return 0;
	followed.watch = entry->watch;
	followed.id = entry->id;
	/* If it finds no room it is missed: its end will not be seen, and that is a loss. */
	bpf_map_update_elem(&filter, &child_tgid, &followed, 0);
	__sync_fetch_and_add(&watch->followed, 1);
	return 0;
}

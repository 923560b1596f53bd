/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps, the values in them, and the watch that a process or a call belongs to.
 */
#ifndef IOR_STATE_H
#define IOR_STATE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "record.h"

/* The loader reads this first, and refuses an object with another layout. */
const volatile __u32 ior_version SEC(".rodata.version") = IOR_VERSION;

/* The loader says whether to follow io_uring requests. If not, the verifier never sees the code for them. */
const volatile __u32 ior_requests SEC(".rodata.version") = 1;

/* Whether the programs of system calls are run by perf events, which give other arguments: see src/watch/tracer/by_perf.rs. */
const volatile __u32 ior_by_perf SEC(".rodata.version") = 0;

/*
 * What a program of sys_enter or sys_exit is given: registers and number or result, or the fields that perf records. The verifier
 * permits no other loads from there, which is what clang would make of these.
 */
#define GIVEN(ctx, at)                                                                                                 \
	({                                                                                                             \
		long given;                                                                                            \
		asm volatile("%0 = *(u64 *)(%1 + " #at ")" : "=r"(given) : "r"(ctx));                                  \
		given;                                                                                                 \
	})

static __always_inline struct pt_regs *registers(void *ctx, struct task_struct *task)
{
	return (struct pt_regs *)(ior_by_perf ? bpf_task_pt_regs(task) : GIVEN(ctx, 0));
}

static __always_inline long number(void *ctx)
{
	return GIVEN(ctx, 8);
}

static __always_inline long result(void *ctx)
{
	return ior_by_perf ? GIVEN(ctx, 16) : GIVEN(ctx, 8);
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, struct ior_filter);
} filter SEC(".maps");

/*
 * A bit for each process number (pid_max, proc_sys_kernel(5); the loader sets the size). Only a process whose bit is set can be in
 * the filter map. For all other processes, a call costs only this look.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} marked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOR_WATCHES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_watch);
} watches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * IOR_SYSCALLS); /* the second half is for 32-bit calls, whose numbers are others */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_roles);
} roles SEC(".maps");

/* The blocks of data of a system call. Only the programs in data.h look here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOR_SYSCALLS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ior_blocks);
} blocks SEC(".maps");

/* The same for io_uring requests, by opcode. */
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

struct path_room {
	char path[IOR_PATH_CAP + 7];
};

/*
 * The call that a thread is in. It is kept with the task and not by tid, because execve by a thread that is not the leader changes
 * the tid half-way. Each of two maps has room for one path, because task storage allocates at most 8 KiB.
 *
 * The record, the identities and the first path follow each other in memory, so that one copy sends most calls to the ring.
 */
struct pending {
	__u32 active;		  /* enum progress */
	__u32 aside;		  /* how many of the thread's calls are in interrupted_calls */
	__u32 slot;		  /* of the call's watch, if the watch there still has the record's id */
	__u32 wakeup;		  /* whether the record wakes the reader: flags of bpf_ringbuf_output() */
	__u32 unread;		  /* which blocks of data could not be read at the enter, by bits */
	__u32 room;		  /* of the block whose size is behind a pointer, as the program has set it */
	__u32 left_out;		  /* whether the call is not asked for */
	__u64 instruction, stack; /* where the call was made */
	__u64 first;		  /* the struct file at IOR_FIRST */
	struct ior_record record;
	struct ior_identity file[IOR_PLACES];
	struct path_room path;
	char peek[IOR_PEEK_CAP];
};

#define WHOLE (sizeof(struct ior_record) + IOR_PLACES * sizeof(struct ior_identity))

_Static_assert(__builtin_offsetof(struct pending, path) == __builtin_offsetof(struct pending, record) + WHOLE,
	       "one copy takes all three");

enum progress {
	NO_CALL = 0,
	IN_CALL = 1,
	INTERRUPTED = 2, /* left with a restart code: it is entered again, or a handler makes it fail with EINTR */
	BORN = 3,	 /* the thread is new: it is leaving the call that made it */
	KILLED = 4,	 /* seccomp(2) has killed the thread for its last call, whose record was sent */
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
	__type(value, struct path_room);
} second_paths SEC(".maps");

/* The key of a call that waits while a signal handler runs: its task, and how many calls of the task waited before it. */
struct aside {
	__u64 task;
	__u64 before;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, struct aside);
	__type(value, struct pending);
} interrupted_calls SEC(".maps");

/* An io_uring request that was submitted and is not completed. */
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
	__u32 head; /* of the ring's queue at the submission: it tells an entry from the one before */
	__u32 reserved;
};

/* By the address of the struct io_kiocb. Requests that find no room here are refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct request);
} requests SEC(".maps");

/* How many requests there are. While it is 0, the completions of other processes cost no search. */
static __u64 in_flight;

/* Room for the record of a request: the thread's own room holds the record of io_uring_enter meanwhile. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending);
} scratch SEC(".maps");

/* Names that were sent, by a hash of the file's address. Each CPU knows the names that it has sent. */
#define KNOWN_NAMES 512

struct known_name {
	__u64 dentry;
	__u64 mount;
	__u64 label;
	__u64 watch;
	__u64 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KNOWN_NAMES);
	__type(key, __u32);
	__type(value, struct known_name);
} known_names SEC(".maps");

/* The id of the name that was sent last. */
static __u64 last_name;

#define SPELL_MASK 4095
/*
 * A name that is being written down, from its end. A part has at most NAME_MAX bytes and begins within the first 4096 bytes. All
 * of it is in the map, because the verifier assumes nothing about the contents of a map.
 */
struct spelled {
	__u64 dentry;
	__u64 mount;
	__u64 length;
	__u32 state; /* enum ior_name_state */
	__u32 done;
	struct ior_record record;
	char path[SPELL_MASK + 1 + 256];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct spelled);
} spelling SEC(".maps");

/*
 * Reads a value back from a map. The verifier knows nothing about such a value: where several branches have written it, the
 * verifier goes on with one state and not with one for each branch.
 */
#define FROM_MAP(place) (*(volatile typeof(place) *)&(place))

static __always_inline __u64 *marks_of(__u32 tgid)
{
	__u32 at = tgid / 64;

	return bpf_map_lookup_elem(&marked, &at);
}

/* A number beyond the array counts as marked: pid_max may have been raised since the object was loaded. */
static __always_inline bool is_marked(__u32 tgid)
{
	__u64 *marks = marks_of(tgid);

	return !marks || *marks >> (tgid % 64) & 1;
}

static __always_inline void mark(__u32 tgid)
{
	__u64 *marks = marks_of(tgid);

	if (marks)
		__sync_fetch_and_or(marks, 1ULL << (tgid % 64));
}

static __always_inline struct ior_watch *watch_at(__u32 slot)
{
	return bpf_map_lookup_elem(&watches, &slot);
}

/* The watch of an entry, or NULL if it has ended: another watch may have its slot by now. */
static __always_inline struct ior_watch *watch_of(struct ior_filter *entry)
{
	struct ior_watch *watch = watch_at(entry->watch);

	return watch && watch->id == entry->id ? watch : NULL;
}

/* The filter's entry for a process that is alive. After its end, another process may get its pid. */
static __always_inline struct ior_filter *watched(__u32 tgid)
{
	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);

	return entry && !entry->gone ? entry : NULL;
}

/*
 * Takes a process's mark away. The process itself does this when it finds that it is not watched: it is alive, so no other process
 * has its number. User space enters a process into the filter map first and marks it then. If that happens meanwhile, either the
 * mark comes after this, or the look here finds the entry.
 */
static __always_inline void unmark(__u32 tgid)
{
	__u64 *marks = marks_of(tgid), bit = 1ULL << (tgid % 64);

	if (marks && __sync_fetch_and_and(marks, ~bit) & bit && watched(tgid))
		__sync_fetch_and_or(marks, bit);
}

static __always_inline struct ior_roles *roles_of(const struct ior_record *record)
{
	__u32 at = record->nr;

	if (at >= IOR_SYSCALLS)
		return NULL;
	if (record->state & IOR_COMPAT)
		at += IOR_SYSCALLS;
	return bpf_map_lookup_elem(&roles, &at);
}

/* Reading the clock takes as long as identifying the file of a descriptor. */
static __always_inline __u64 now(const struct ior_watch *watch)
{
	return watch->flags & IOR_UNTIMED ? 0 : bpf_ktime_get_ns();
}

/* The watch that a thread's last call belonged to, or NULL if it has ended. */
static __always_inline struct ior_watch *watch_of_call(const struct pending *call)
{
	struct ior_watch *watch = watch_at(call->slot);

	return watch && watch->id == call->record.watch ? watch : NULL;
}

/* Sends a record: 0, or -1 if there was no room. It is counted first, so that a reader never has a record that is not counted. */
static __always_inline long tell(__u64 *counter, const void *record, __u64 size, __u64 flags)
{
	__sync_fetch_and_add(counter, 1);
	if (!bpf_ringbuf_output(&ring, (void *)record, size, flags))
		return 0;
	__sync_fetch_and_add(counter, -1);
	return -1;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps, what is in them, and whose watch a process or a call belongs to.
 */
#ifndef IOR_STATE_H
#define IOR_STATE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "record.h"

/* Read by the loader before anything else: an object of another layout is refused. */
const volatile __u32 ior_version SEC(".rodata.version") = IOR_VERSION;

/* Whether requests of io_uring are followed, the loader says: if not, the verifier never sees what is done with them. */
const volatile __u32 ior_requests SEC(".rodata.version") = 1;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, struct ior_filter);
} filter SEC(".maps");

/*
 * A bit for each number that a process may have (pid_max, proc_sys_kernel(5); the loader sets the size): only who has his set can be
 * in the filter map. That is all that a call of anybody else costs.
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

struct path_room {
	char path[IOR_PATH_CAP + 7];
};

/*
 * The call that a thread is in. It belongs to the task and not to a tid, since execve by a thread that is not the leader
 * changes the tid half-way. Two maps of one path each: the allocators behind task storage end at 8 KiB.
 *
 * Record, identities and first path stand one behind the other, so that most calls go to the ring in one copy.
 */
struct pending {
	__u32 active; /* enum progress */
	__u32 aside;  /* how many of the thread's calls interrupted_calls has */
	__u32 slot;   /* of the watch that the call belongs to, if it is still the one with the record's id */
	__u32 wakeup; /* what the record says to who waits for the ring: flags of bpf_ringbuf_output() */
	__u64 instruction, stack; /* from where the call was made */
	__u64 first;		  /* the struct file of the first place */
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
	INTERRUPTED = 2, /* left with a restart code: it will be entered again, or a handler makes it fail with EINTR */
	BORN = 3,	 /* the thread has made no call yet: it leaves the one by which it was made */
	KILLED = 4,	 /* by seccomp(2), for its last call, which has been told */
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

/* A call that waits to be made again while a signal handler runs: of this task, which had so many of them before. */
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

/* Names that have been told, by the place in the table that the file's address leads to. Each CPU knows those that it told. */
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

/* The id of the name that was told last. */
static __u64 last_name;

#define SPELL_MASK 4095
/*
 * A name that is being written down, from its end. A part of it has at most NAME_MAX bytes, and begins within the first 4096. It is
 * all in the map, of whose contents the verifier assumes nothing.
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
 * What has been written to a map, as the map has it: the verifier knows nothing of it, and goes on one way where the values that
 * were written have come by several.
 */
#define FROM_MAP(place) (*(volatile typeof(place) *)&(place))

static __always_inline __u64 *marks_of(__u32 tgid)
{
	__u32 at = tgid / 64;

	return bpf_map_lookup_elem(&marked, &at);
}

/* pid_max may have been raised since the object was loaded: of a number beyond it nothing is known. */
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

/*
 * By a process itself, which has found that it is not watched: it is alive, so that nobody else has its number. Who puts it into the
 * filter map meanwhile sets the bit after that: either that bit comes later, or the process is found here.
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

/* To read the clock takes as long as to find out which file a descriptor is. */
static __always_inline __u64 now(const struct ior_watch *watch)
{
	return watch->flags & IOR_UNTIMED ? 0 : bpf_ktime_get_ns();
}

/* The watch that a thread's last call belonged to, if there still is one. */
static __always_inline struct ior_watch *watch_of_call(const struct pending *call)
{
	struct ior_watch *watch = watch_at(call->slot);

	return watch && watch->id == call->record.watch ? watch : NULL;
}

/* Counts first: whoever has read a record finds it counted. 0, or -1 if there was no room. */
static __always_inline long tell(__u64 *counter, const void *record, __u64 size, __u64 flags)
{
	__sync_fetch_and_add(counter, 1);
	if (!bpf_ringbuf_output(&ring, (void *)record, size, flags))
		return 0;
	__sync_fetch_and_add(counter, -1);
	return -1;
}

#endif

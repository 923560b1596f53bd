/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sends the record of a call to the ring.
 */
#ifndef IOR_SEND_H
#define IOR_SEND_H

#include "read.h"

static __always_inline bool a_quarter_is_full(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4;
}

/*
 * Whether a record wakes the reader. To wake it for each record would cost ten times the record. So it is woken when a quarter of
 * the ring is full, which is looked at only now and then. A thread that waits for the end of a process drains the ring by itself.
 */
static __always_inline __u64 wakeup(struct ior_watch *watch, __u64 number, bool awaited)
{
	if (awaited || watch->asleep) {
		watch->asleep = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	if (number % 64 == 63 && a_quarter_is_full())
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* If the record that was to wake the reader has found no room, the next one wakes it. */
static __always_inline void not_woken(struct ior_watch *watch, __u64 flags)
{
	if (flags == BPF_RB_FORCE_WAKEUP)
		watch->asleep = 1;
}

/* How many identities a record needs. A record with a path or a block has all of them, because paths follow identities. */
static __always_inline __u32 places(const struct pending *call)
{
	const struct ior_record *record = &call->record;

	if (record->path[0].len || record->path[1].len || record->peek.len || call->file[IOR_SECOND].open)
		return IOR_PLACES;
	if (call->file[IOR_MADE].open)
		return IOR_MADE + 1;
	return call->file[IOR_FIRST].open;
}

/* The bytes of a record before its path. */
static __always_inline __u64 size_before_path(const struct ior_record *record)
{
	return sizeof(*record) + (FROM_MAP(record->identities) & 3) * sizeof(struct ior_identity);
}

/*
 * Sends a record with more than the first path. The lengths have 64 bits: when Linux 6.1 runs out of registers, it forgets the
 * bounds of anything shorter.
 */
__noinline int send_parts(struct pending *call)
{
	__u64 first, second, peek;
	struct path_room *more = NULL;
	struct bpf_dynptr out;

	if (!call)
		return -1;
	first = call->record.path[0].len;
	second = call->record.path[1].len;
	peek = call->record.peek.len;
	if (first > IOR_PATH_CAP || second > IOR_PATH_CAP || peek > IOR_PEEK_CAP)
		return -1;
	if (second)
		more = second_path(bpf_get_current_task_btf());
	if (bpf_ringbuf_reserve_dynptr(&ring, WHOLE + first + second + peek, 0, &out)) {
		bpf_ringbuf_discard_dynptr(&out, BPF_RB_NO_WAKEUP);
		return -1;
	}
	bpf_dynptr_write(&out, 0, &call->record, WHOLE, 0);
	bpf_dynptr_write(&out, WHOLE, call->path.path, first, 0);
	if (more)
		bpf_dynptr_write(&out, WHOLE + first, more->path, second, 0);
	bpf_dynptr_write(&out, WHOLE + first + second, call->peek, peek, 0);
	bpf_ringbuf_submit_dynptr(&out, call->wakeup);
	return 0;
}

/* Sends the call as one record of exactly the size that it needs, and counts it. 0, or -1 if there was no room. */
static __always_inline long send(struct ior_watch *watch, __u64 *counter, struct pending *call)
{
	struct ior_record *record = &call->record;
	__u64 first;
	long failed;

	record->identities = places(call);
	call->wakeup = wakeup(watch, record->number, record->state & IOR_UNFINISHED && watch->flags & IOR_FOLLOW);
	/* It is counted first, so that a reader never has a record that is not counted. */
	__sync_fetch_and_add(counter, 1);
	first = FROM_MAP(record->path[0].len);
	if (record->path[1].len || record->peek.len)
		failed = send_parts(call);
	else if (first > IOR_PATH_CAP)
		failed = -1;
	else
		failed = bpf_ringbuf_output(&ring, record, size_before_path(record) + first, FROM_MAP(call->wakeup));
	if (!failed)
		return 0;
	__sync_fetch_and_add(counter, -1);
	not_woken(watch, call->wakeup);
	return -1;
}

/* It copies two words and calls no helper, because it runs for every call. */
static __always_inline void copy_comm(struct ior_record *record, struct task_struct *task)
{
	((__u64 *)record->comm)[0] = *(__u64 *)&task->comm[0];
	((__u64 *)record->comm)[1] = *(__u64 *)&task->comm[8];
}

static __always_inline void finish_now(struct ior_watch *watch, struct pending *call, struct task_struct *task)
{
	call->active = NO_CALL;
	if (call->left_out) {
		__sync_fetch_and_add(&watch->left_out, 1);
		return;
	}
	call->record.duration_ns = now(watch) - call->record.enter_ns;
	call->record.exit_tid = task->pid;
	copy_comm(&call->record, task);
	if (send(watch, &watch->emitted, call))
		__sync_fetch_and_add(&watch->refused, 1);
}

/* The same where nanoseconds do not matter: it is not inlined. */
__noinline int finish(struct ior_watch *watch, struct pending *call)
{
	if (watch && call)
		finish_now(watch, call, bpf_get_current_task_btf());
	return 0;
}

__noinline int finish_unreturned(struct ior_watch *watch, struct pending *call)
{
	if (!watch || !call)
		return 0;
	call->record.state |= IOR_UNFINISHED;
	call->record.ret = 0;
	read_when_unreturned(call);
	return finish(watch, call);
}

/*
 * The status of a process as wait4(2) reports it, signals too (kernel/exit.c, wait_task_zombie()). The last thread to exit has set it
 * (synchronize_group_exit()).
 */
static __always_inline int wait_status(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, group_exit_code);
}

#endif

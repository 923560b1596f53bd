/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Requests of io_uring: work that a process gives to the kernel without a system call for each.
 *
 * A request belongs to the process that submits it. The submitter is a thread in io_uring_enter, or a thread that the kernel has in
 * the process (IORING_SETUP_SQPOLL). Any thread may complete a request.
 *
 * The programs are raw tracepoints and not BTF programs. A BTF program cannot be loaded on a kernel whose tracepoint has another
 * name. For a raw tracepoint, the kernel says at the attachment whether it fits.
 */
#ifndef IOR_URING_H
#define IOR_URING_H

#include "send.h"

/* Sends the record of a submission. */
__noinline int send_request(struct ior_watch *watch, struct pending *call)
{
	if (!watch || !call)
		return -1;
	return send(watch, &watch->submitted, call);
}

/*
 * Room for a record, without what the one before has left where it would be read. All else is written for each record, or is not
 * read in one of this kind.
 */
static __always_inline struct pending *empty_scratch(void)
{
	__u32 only = 0;
	struct pending *call = bpf_map_lookup_elem(&scratch, &only);
	struct ior_record *record;

	if (!call)
		return NULL;
	record = &call->record;
	record->cwd = 0;
	record->root = 0;
	record->path[0].len = 0;
	record->path[1].len = 0;
	record->peek.len = 0;
	call->file[IOR_FIRST].open = call->file[IOR_MADE].open = call->file[IOR_SECOND].open = 0;
	return call;
}

/* The queue's entry that is being submitted: the last one taken (io_uring/io_uring.c, io_get_sqe()). */
static __always_inline __u64 last_entry(__u64 ring, __u32 head)
{
	__u64 indices = number_of(FIELD(io_ring_ctx, ring, sq_array));
	__u64 entries = number_of(FIELD(io_ring_ctx, ring, sq_sqes));
	__u32 flags = FIELD(io_ring_ctx, ring, flags), mask = FIELD(io_ring_ctx, ring, sq_entries) - 1;
	__u32 at = (head - 1) & mask;

	if (!(flags & IORING_SETUP_NO_SQARRAY))
		bpf_probe_read_kernel(&at, sizeof(at), (const void *)(indices + at * sizeof(at)));
	at &= mask;
	if (flags & IORING_SETUP_SQE128)
		at *= 2;
	return entries + (__u64)at * sizeof(struct io_uring_sqe);
}

/*
 * Notes what the completion of a request will need, in whatever thread it comes. It is not inlined, so that the request leaves the
 * stack at once.
 */
static __noinline long keep(const struct pending *call, __u64 key, __u64 ring, __u32 head,
			    const struct io_uring_sqe *sqe)
{
	const struct ior_record *record = &call->record;
	struct request request = {
		.watch = record->watch,
		.number = record->number,
		.enter_ns = record->enter_ns,
		.ring = ring,
		.user_data = sqe->user_data,
		.addr = sqe->addr,
		.slot = call->slot,
		.pid = record->pid,
		.tid = record->tid,
		.opcode = sqe->opcode,
		.head = head,
	};
	long err;

	err = bpf_map_update_elem(&requests, &key, &request, BPF_ANY);
	if (!err)
		__sync_fetch_and_add(&in_flight, 1);
	return err;
}

/* As read_at_enter(), for a request. No later read is needed: the kernel has prepared the request, so the pages are present. */
static __always_inline void read_arguments(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					   const struct ior_roles *role)
{
	struct ior_record *record = &call->record;
	__u64 files = files_of(task);

	if (role->fd[0])
		identify(&call->file[IOR_FIRST], watch, files, (__s32)argument(record, role->fd[0]), NULL);
	if (role->fd[1])
		identify(&call->file[IOR_SECOND], watch, files, (__s32)argument(record, role->fd[1]), NULL);
	if (role->path[0])
		read_path_at(record, watch, 0, &call->path, argument(record, role->path[0]));
	if (role->path[1]) {
		record->path[1].err = -12; /* ENOMEM, if there is no room */
		read_path_at(record, watch, 1, second_path(task), argument(record, role->path[1]));
	}
	if (role->peek)
		peek_at(call, role);
}

static __always_inline void read_request(struct pending *call, struct ior_watch *watch, struct task_struct *task,
					 const struct io_uring_sqe *sqe)
{
	const __u64 *words = (const __u64 *)sqe;
	struct ior_record *record = &call->record;
	__u32 opcode = sqe->opcode;
	struct ior_roles *role = bpf_map_lookup_elem(&request_roles, &opcode);

	/* The arguments by their places, and then the words of the entry. At two places they are the same. */
	record->args[IOR_SQE_FD - 1] = sqe->fd;
	record->args[IOR_SQE_OFF - 1] = sqe->off;
	record->args[IOR_SQE_ADDR - 1] = sqe->addr;
	record->args[IOR_SQE_LEN - 1] = sqe->len;
	record->args[IOR_SQE_FD_IN - 1] = sqe->file_index;
	record->args[IOR_SQE_ADDR3 - 1] = sqe->addr3;
	if (role)
		read_arguments(call, watch, task, role);
	record->args[0] = words[0];
	record->args[3] = words[3];
	record->args[4] = words[4];
	record->args[5] = words[5];
}

/* Identifies what a request has made. Only a thread of the process can: it shares descriptors and memory, a kworker does not. */
static __always_inline void read_completion(struct pending *to, struct ior_watch *watch, struct task_struct *task,
					    const struct request *request)
{
	__u32 opcode = request->opcode;
	struct ior_roles *role = bpf_map_lookup_elem(&request_roles, &opcode);
	__u64 files = files_of(task);
	__s32 pair[2];

	if (!role || to->record.ret < 0 || task->tgid != request->pid)
		return;
	if (role->flags & IOR_RETURNS_FD)
		identify(&to->file[IOR_MADE], watch, files, to->record.ret, NULL);
	if (!(role->flags & IOR_MAKES_PAIR) || bpf_probe_read_user(pair, sizeof(pair), (void *)request->addr))
		return;
	to->record.args[1] = pair[0];
	to->record.args[2] = pair[1];
	identify(&to->file[IOR_FIRST], watch, files, pair[0], NULL);
	identify(&to->file[IOR_SECOND], watch, files, pair[1], NULL);
}

/* Whether this thread is the one that ends the request. */
static __always_inline bool forget(__u64 key)
{
	if (bpf_map_delete_elem(&requests, &key))
		return false;
	__sync_fetch_and_add(&in_flight, -1);
	return true;
}

/*
 * Sends the record of a completion, and ends the request unless more completions follow. The thread that deletes the request is the
 * one that sends the record. send() is not used: a completion has no paths, and the verifier would check send() in each program.
 */
static __noinline int complete(struct request *request, __u64 key, __s64 res, __u32 state)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pending *out = empty_scratch();
	struct ior_watch *watch;
	__u64 file, flags;

	if (!request || !out)
		return 0;
	watch = watch_at(request->slot);
	if (!watch || watch->id != request->watch) {
		forget(key);
		return 0;
	}
	out->record.watch = request->watch;
	out->record.number = request->number;
	out->record.args[0] = request->number;
	out->record.duration_ns = now(watch) - request->enter_ns;
	out->record.ret = res;
	out->record.kind = IOR_COMPLETION;
	out->record.state = state;
	out->record.identities = IOR_PLACES;
	if (!(state & IOR_UNFINISHED)) {
		out->record.state |= task->pid != request->tid ? IOR_WORKER : 0;
		read_completion(out, watch, task, request);
	}
	/* The file that the descriptor was at the issue. A linked request waits for others, which may have changed it. */
	file = state & IOR_UNFINISHED ? 0 : number_of(FIELD(io_kiocb, key, file));
	if (file) {
		identify_any(&out->file[IOR_FIRST], watch, file);
		out->record.state |= IOR_HAS_FILE;
	}
	if (state & IOR_MORE)
		out->record.number = __sync_fetch_and_add(&watch->seen, 1);
	else if (!forget(key))
		return 0;
	flags = wakeup(watch, out->record.number, false);
	__sync_fetch_and_add(&watch->emitted, 1);
	if (bpf_ringbuf_output(&ring, &out->record, WHOLE, flags)) {
		__sync_fetch_and_add(&watch->emitted, -1);
		__sync_fetch_and_add(&watch->refused, 1);
		not_woken(watch, flags);
	}
	return 0;
}

/* Ends a request whose process has ended before its completion. It also forgets requests of watches that have ended. */
static long end_request(void *map, __u64 *key, struct request *request, __u32 *tgid)
{
	struct ior_watch *watch = watch_at(request->slot);
	bool has_ended = !watch || watch->id != request->watch;

	if (has_ended || request->pid == *tgid)
		complete(request, *key, 0, IOR_UNFINISHED);
	return GO_ON;
}

static __always_inline int submit(__u64 key, __u64 from)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	struct ior_filter *entry = is_marked(tgid) ? watched(tgid) : NULL;
	struct ior_watch *watch = entry ? watch_of(entry) : NULL;
	struct io_uring_sqe sqe = {};
	struct ior_record *record;
	struct request *before;
	struct pending *call;
	__u64 ring;
	__u32 head;

	if (!watch)
		return 0;
	ring = number_of(FIELD(io_kiocb, key, ctx));
	head = FIELD(io_ring_ctx, ring, cached_sq_head);
	before = bpf_map_lookup_elem(&requests, &key);
	/* Older kernels submit a linked entry and may refuse it then: that is one request. */
	if (before && from && before->ring == ring && before->head == head)
		return 0;
	/* The kernel uses the memory again: the request that was there has ended without a completion. */
	complete(before, key, 0, IOR_UNFINISHED);
	bpf_probe_read_kernel(&sqe, sizeof(sqe), (const void *)(from ? from : last_entry(ring, head)));
	call = empty_scratch();
	if (!call)
		return 0;
	call->slot = entry->watch;
	call->record.watch = watch->id;
	record = &call->record;
	record->number = __sync_fetch_and_add(&watch->seen, 1);
	record->pid = tgid;
	record->tid = task->pid;
	record->nr = sqe.opcode;
	record->kind = IOR_REQUEST;
	copy_comm(record, task);
	read_request(call, watch, task, &sqe);
	record->enter_ns = now(watch);
	if (send_request(watch, call)) {
		__sync_fetch_and_add(&watch->refused, 1);
	} else if (keep(call, key, ring, head, &sqe)) {
		__sync_fetch_and_add(&watch->refused, 1);
		__sync_fetch_and_add(&watch->crowded, 1);
	}
	return 0;
}

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/*
 * Programs share the memory of a CPU. Where the kernel runs these with preemption, the program of another thread may run there in
 * between, so they forbid it themselves. Those of system calls need not: perf events run them without preemption.
 */
static __always_inline void hold_cpu(void)
{
	if (ior_by_perf && bpf_preempt_disable)
		bpf_preempt_disable();
}

static __always_inline int let_go(int result)
{
	if (ior_by_perf && bpf_preempt_disable)
		bpf_preempt_enable();
	return result;
}

/* io_uring_submit_req(req), before Linux 6.3 io_uring_submit_sqe(req, force_nonblock). */
SEC("raw_tp")
int ior_submit(struct bpf_raw_tracepoint_args *ctx)
{
	hold_cpu();
	return let_go(submit(ctx->args[0], 0));
}

/* io_uring_req_failed(sqe, req, error): a refused entry is never submitted, but it is completed. */
SEC("raw_tp")
int ior_submit_refused(struct bpf_raw_tracepoint_args *ctx)
{
	hold_cpu();
	return let_go(submit(ctx->args[1], ctx->args[0]));
}

/*
 * A zero that the verifier does not know. Linux 6.1 assumes that a callback runs once, and would remove the code for a second
 * match.
 */
static __u32 none;

/* As complete(), but the verifier checks it once and not for each caller. */
__noinline int complete_any(struct request *request, __u64 key, __s64 res, __u32 state)
{
	return complete(request, key, res, state);
}

/* A search for the request of a completion that comes without one. */
struct search {
	__u64 ring;
	__u64 user_data;
	__u64 key;    /* of the match that was submitted first */
	__u64 number; /* and its number */
	__u32 found;  /* how many match: 2 stands for more, too */
};

static long is_of_completion(void *map, __u64 *key, struct request *request, struct search *search)
{
	if (request->ring != search->ring || request->user_data != search->user_data)
		return GO_ON;
	if (!search->found || request->number < search->number) {
		search->key = *key;
		search->number = request->number;
	}
	search->found = search->found ? 2 : 1;
	return GO_ON;
}

/* Added to the flags of a completion that has found its queue full. The kernel does not use this bit. */
#define OVERFLOWN (1U << 31)

/*
 * Two kinds of completions come without their request: one of several for the same request, and one that found its queue full. The
 * ring and user_data lead to the request; if several match, the completion is ambiguous. Any other one without a request completes
 * nothing: it is a message of another ring (IORING_OP_MSG_RING), which may have any user_data. The notification that a zero-copy
 * send is done with its memory is no completion either.
 */
static __always_inline int completed(__u64 ring, __u64 key, __u64 user_data, __s32 res, __u32 flags)
{
	struct search search = { .ring = ring, .user_data = user_data, .key = key, .found = FROM_MAP(none) };
	__u32 state = !key && flags & IORING_CQE_F_MORE ? IOR_MORE : 0;
	struct request *request;

	if (!in_flight || flags & IORING_CQE_F_NOTIF || (!key && !state && !(flags & OVERFLOWN)))
		return 0;
	if (!key)
		bpf_for_each_map_elem(&requests, is_of_completion, &search, 0);
	if (search.found > 1)
		state |= IOR_AMBIGUOUS;
	request = bpf_map_lookup_elem(&requests, &search.key);
	/* Another process's request may use the memory of one that was never completed. */
	if (request && request->ring == ring && request->user_data == user_data)
		complete_any(request, search.key, res, state);
	return 0;
}

/* io_uring_complete(ring, req, cqe). */
SEC("raw_tp")
int ior_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct io_uring_cqe cqe = {};

	bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)ctx->args[2]);
	hold_cpu();
	return let_go(completed(ctx->args[0], ctx->args[1], cqe.user_data, cqe.res, cqe.flags));
}

/* On older kernels: io_uring_complete(ring, req, user_data, res, flags, extra1, extra2). A newer kernel refuses to attach it. */
SEC("raw_tp")
int ior_complete_words(struct bpf_raw_tracepoint_args *ctx)
{
	hold_cpu();
	return let_go(completed(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]));
}

/* io_uring_cqe_overflow(ring, user_data, res, flags, ocqe): the completion waits for room in its queue. */
SEC("raw_tp")
int ior_overflow(struct bpf_raw_tracepoint_args *ctx)
{
	hold_cpu();
	return let_go(completed(ctx->args[0], 0, ctx->args[1], ctx->args[2], ctx->args[3] | OVERFLOWN));
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A tracer as somebody would write it in an hour: openat by tracepoint, one record for each call, of one process. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

struct enter { __u64 common; __u64 nr; __u64 dirfd; const char *path; __u64 flags; __u64 mode; };
struct exit { __u64 common; __u64 nr; __s64 ret; };
struct event { __u32 pid; __u32 tid; __u64 time; __s32 ret; __u32 flags; char comm[16]; char path[256]; };

const struct event *unused __attribute__((unused)); /* so that it is in the type information */
const volatile __u32 PID_FILTER = 0;
char LICENSE[] SEC("license") = "GPL";

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 18); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u32); __type(value, struct enter); } open SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } lost SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int handle_enter(struct enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct enter seen = { .common = bpf_ktime_get_ns(), .path = ctx->path, .flags = ctx->flags };

	if (id >> 32 == PID_FILTER)
		bpf_map_update_elem(&open, &tid, &seen, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int handle_exit(struct exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), *count;
	__u32 tid = id, first = 0;
	struct enter *seen = bpf_map_lookup_elem(&open, &tid);
	struct event *event = seen ? bpf_ringbuf_reserve(&events, sizeof(*event), 0) : NULL;

	if (seen && !event && (count = bpf_map_lookup_elem(&lost, &first)))
		*count += 1;
	if (!event)
		return 0;
	event->pid = id >> 32;
	event->tid = tid;
	event->time = seen->common;
	event->ret = ctx->ret;
	event->flags = seen->flags;
	event->path[0] = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(event->path, sizeof(event->path), seen->path);
	bpf_map_delete_elem(&open, &tid);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Of another program of the author: this one is not to be attached. */
SEC("tracepoint/syscalls/no_such_tracepoint")
int other(void *ctx)
{
	return 0;
}

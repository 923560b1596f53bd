// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A tracer of all calls, with enter and exit apart: a perf buffer of each CPU, and a map of the processes to watch. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_PERF_EVENT_ARRAY 4
#define BPF_F_CURRENT_CPU 0xffffffffULL

struct enter { __u64 common; __u64 nr; __u64 args[6]; };
struct exit { __u64 common; __u64 nr; __s64 ret; };

char LICENSE[] SEC("license") = "GPL";

struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u8); } pids SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } lost SEC(".maps");

static int is_watched(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&pids, &pid) != NULL;
}

static void send(void *ctx, void *event, __u64 size)
{
	__u32 first = 0, *count = bpf_map_lookup_elem(&lost, &first);

	if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, size) && count)
		__sync_fetch_and_add(count, 1);
}

SEC("tracepoint/raw_syscalls/sys_enter")
int handle_sys_enter(struct enter *ctx)
{
	struct { __u16 kind; __u32 tid; __u64 time; __u32 pid; __u32 nr; __u64 args[6]; } event = { .kind = 1, .time = bpf_ktime_get_ns() };
	__u64 id = bpf_get_current_pid_tgid();

	if (!is_watched())
		return 0;
	event.tid = id;
	event.pid = id >> 32;
	event.nr = ctx->nr;
	for (int at = 0; at < 6; at++)
		event.args[at] = ctx->args[at];
	send(ctx, &event, sizeof(event));
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int handle_sys_exit(struct exit *ctx)
{
	struct { __u16 kind; __u32 tid; __u64 time; __s64 ret; } event = { .kind = 2, .time = bpf_ktime_get_ns() };

	if (!is_watched())
		return 0;
	event.tid = bpf_get_current_pid_tgid();
	event.ret = ctx->ret;
	send(ctx, &event, sizeof(event));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A tracer of openat(2), as small as it can be: one record when the call returns. */
#include "kernel.h" /* types, as vmlinux.h has them */
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid, tid;
	__s64 ret;
	__s64 length; /* of the path with its NUL; negative if it could not be read */
	char path[4096];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} events SEC(".maps");

struct openat_exit {
	__u64 common;
	__s64 nr;
	__s64 ret;
};

struct openat_enter {
	__u64 common;
	__s64 nr, dirfd;
	const char *path;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, const char *);
} paths SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(struct openat_enter *call)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32;
	const char *path = call->path;

	if (bpf_map_lookup_elem(&pids, &pid))
		bpf_map_update_elem(&paths, &id, &path, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int leave(struct openat_exit *call)
{
	__u64 id = bpf_get_current_pid_tgid();
	const char **path = bpf_map_lookup_elem(&paths, &id);
	struct event *event;

	if (!path)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = id >> 32;
		event->tid = id;
		event->ret = call->ret;
		event->length = bpf_probe_read_user_str(event->path, sizeof(event->path), *path);
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&paths, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

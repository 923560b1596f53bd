/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads what a call's arguments lead to besides its paths: the bytes that it moves, and structs. These programs are only loaded where
 * somebody asks for data, and others pay nothing.
 *
 * User space attaches ior_data_exit before ior_exit, and ior_data_enter after ior_enter: the kernel runs programs in that order. So the
 * record of the call has begun when its data is read, and each record of data comes before the record of its call.
 */
#ifndef IOR_DATA_H
#define IOR_DATA_H

#include "tell.h"

/* When a block is read. */
enum reading {
	AT_ENTER = 0,
	AT_EXIT = 1,	 /* the call has filled it in */
	AGAIN = 2,	 /* it could not be read at the enter */
	AFTER_ENTER = 3, /* it was read at the enter, and the call has filled it in */
};

/* No call succeeds with so much room (accept(2), getsockopt(2)): it says that the room could not be read. */
#define UNKNOWN_ROOM (~0U)

/* How many elements a block has. `ret` is the result, where there is one. */
static __always_inline __u64 elements(struct pending *call, const struct ior_block *block, long ret, __u32 reading)
{
	__u64 count = argument(&call->record, block->count);
	__u32 word = 0;

	if (block->flags & IOR_BLOCK_INT)
		count = (__u32)count;
	switch (block->how) { /* enum ior_block_size */
	case IOR_SIZE_FIXED:
		return 1;
	case IOR_SIZE_MOVED:
		return (__u64)ret < count ? ret : count;
	case IOR_SIZE_POINTED:
		/* The call may need more room than it has. It fills in no more (accept(2)). */
		bpf_probe_read_user(&word, sizeof(word), (const void *)count);
		return word > call->room ? call->room : word;
	case IOR_SIZE_BITS:
		/* An fd_set has 1024 (select(2)). */
		count = (__s32)count < 0 ? 0 : (count + 63) / 64;
		return count < 16 ? count : 16;
	case IOR_SIZE_MESSAGES:
		return reading == AT_EXIT ? ret : count;
	case IOR_SIZE_OWN:
		bpf_probe_read_user(&word, sizeof(word),
				    (const void *)(argument(&call->record, block->arg) + block->detail));
		count = word ? word : block->size;
		return count < block->detail + sizeof(word) ? block->detail + sizeof(word) : count;
	case IOR_SIZE_GROUPS:
		return (count + block->base) >> block->detail;
	default:
		return count;
	}
}

/* Whether the arguments say that there is a block. */
static __always_inline bool is_there(const struct ior_record *record, const struct ior_block *block)
{
	__u64 value;

	if (!argument(record, block->arg))
		return false;
	if (!block->when)
		return true;
	value = (argument(record, block->when) & block->mask) - block->base;
	return value < 64 && block->values >> value & 1;
}

/* MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP, and the size of their struct group_req (include/uapi/linux/in.h). */
#define JOIN_GROUP 42
#define LEAVE_GROUP 45
#define SIZE_OF_GROUP 136

/* Of an option of a socket the kernel often reads only an int, whatever the size is (setsockopt(2)): what can be read is wanted. */
static __always_inline void want_option(const struct ior_record *record, struct asked *asked)
{
	__u32 name = record->args[2];

	asked->is_head = 1;
	if ((name == JOIN_GROUP || name == LEAVE_GROUP) && asked->limit < SIZE_OF_GROUP)
		asked->limit = SIZE_OF_GROUP;
}

#define SOCKET_TYPE 0140000
#define NETLINK_FAMILY 16

/* If the first descriptor of the call is a netlink socket, all of a block is wanted, and its part says the protocol. */
static __always_inline void want_messages(struct pending *call, struct asked *asked)
{
	struct file *file = (struct file *)call->first;
	struct socket *socket;
	struct sock *sock;

	if ((call->file[IOR_FIRST].mode & 0170000) != SOCKET_TYPE)
		return;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	if (BPF_CORE_READ(sock, __sk_common.skc_family) != NETLINK_FAMILY)
		return;
	asked->part = IOR_PART_NETLINK + (__u8)BPF_CORE_READ(sock, sk_protocol);
	asked->is_head = 1;
	asked->limit = IOR_DATA_CAP;
}

/* Sends the headers of messages that are to be filled in: they say how much room there is for each address. */
static __always_inline long tell_given(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 count)
{
	asked->part = IOR_PART_GIVEN;
	asked->size = count == 1 ? SIZE_OF_MESSAGE : count * sizeof(struct message);
	asked->limit = IOR_PARTS * sizeof(struct message);
	return tell_data(watch, call, asked);
}

/* Whether a block has something to read at the enter: the call reads it, or it has headers of messages. */
static __always_inline bool is_given(const struct ior_block *block)
{
	return block->flags & IOR_BLOCK_IN || block->how == IOR_SIZE_MESSAGE || block->how == IOR_SIZE_MESSAGES;
}

/* Whether a struct of so many bytes has the address of an array, and the count of its elements. */
static __always_inline bool has_array(const struct ior_block *block, __u64 size)
{
	return size >= block->detail + sizeof(__u64) && size >= (block->size >> 16) + (block->size >> 8 & 0xff);
}

/* Reads one block of a call, and sends it. 0, or the negative errno of the read. */
__noinline long read_block(struct ior_watch *watch, struct pending *call, struct ior_block *block, long ret,
			   __u32 reading)
{
	struct asked asked = {};
	__u64 count, wanted;
	long err;

	if (!watch || !call || !block || !is_there(&call->record, block))
		return 0;
	count = elements(call, block, ret, reading);
	wanted = watch->flags >> 32;
	asked.address = argument(&call->record, block->arg);
	asked.size = count * block->size;
	asked.limit = block->flags & IOR_BLOCK_WHOLE ? IOR_DATA_CAP : wanted * block->size;
	asked.arg = block->arg - 1;
	asked.part = reading == AFTER_ENTER ? IOR_PART_AFTER : IOR_PART_BLOCK;
	asked.late = reading == AGAIN;
	asked.is_head = block->flags & IOR_BLOCK_PART;
	if (block->flags & IOR_BLOCK_NETLINK)
		want_messages(call, &asked);
	if (block->flags & IOR_BLOCK_HEAD)
		want_option(&call->record, &asked);
	/* How much the call has filled in cannot be known. */
	if (block->how == IOR_SIZE_POINTED && call->room == UNKNOWN_ROOM)
		return 0;
	if (reading == AT_ENTER && !(block->flags & IOR_BLOCK_IN))
		return tell_given(watch, call, &asked, block->how == IOR_SIZE_MESSAGE ? 1 : count);
	switch (block->how) {
	case IOR_SIZE_VECTOR:
		asked.limit = wanted;
		return tell_vector(watch, call, &asked, count, reading == AT_EXIT ? ret : ~0ULL);
	case IOR_SIZE_STRINGS:
	case IOR_SIZE_STRING:
		/* With a NUL, and a byte that says that there is more than was wanted. */
		asked.limit = wanted + 2;
		if (block->how == IOR_SIZE_STRINGS)
			return tell_strings(watch, call, &asked);
		asked.is_string = 1;
		asked.size = asked.limit;
		return tell_data(watch, call, &asked);
	case IOR_SIZE_SIZED:
		asked.size = count;
		asked.limit = block->size;
		err = tell_data(watch, call, &asked);
		return err || !block->detail ? err : tell_text(watch, call, &asked, block->detail - 1, wanted);
	case IOR_SIZE_OWN:
		asked.size = count;
		asked.limit = IOR_DATA_CAP;
		return tell_data(watch, call, &asked);
	case IOR_SIZE_MESSAGE:
		asked.part = IOR_PART_MESSAGE;
		asked.size = SIZE_OF_MESSAGE;
		asked.limit = wanted;
		return tell_message(watch, call, &asked, reading == AT_EXIT ? ret : ~0ULL);
	case IOR_SIZE_MESSAGES:
		asked.limit = wanted;
		return tell_messages(watch, call, &asked, count, reading == AT_EXIT);
	case IOR_SIZE_WITHIN:
		if (block->count && !has_array(block, count))
			return 0;
		/* The call fills in no more than it says. */
		asked.size = reading == AT_EXIT ? ret : ~0ULL;
		asked.limit = block->flags & IOR_BLOCK_WHOLE ? IOR_DATA_CAP : wanted;
		return tell_within(watch, call, &asked, block->detail, block->size);
	case IOR_SIZE_POINTERS:
		asked.size = block->size;
		return tell_pointers(watch, call, &asked, count);
	default:
		return tell_data(watch, call, &asked);
	}
}

/* Notes how much room the program has for a block whose size the call will write over. */
static __always_inline void note_room(struct pending *call, const struct ior_block *block)
{
	if (bpf_probe_read_user(&call->room, sizeof(call->room), (const void *)argument(&call->record, block->count)))
		call->room = UNKNOWN_ROOM;
}

/* The blocks of a call that a watch wants the data of. The arguments of 32-bit calls lead to other structs. */
static __always_inline struct ior_blocks *wanted_blocks(struct ior_watch *watch, struct pending *call)
{
	__u32 nr = call->record.nr;

	if (!(watch->flags >> 32) || call->active != IN_CALL || call->record.state & IOR_COMPAT)
		return NULL;
	return bpf_map_lookup_elem(&blocks, &nr);
}

SEC("tp_btf/sys_enter")
int ior_data_enter(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ior_watch *watch;
	struct ior_blocks *list;
	struct pending *call;

	if (!is_marked(task->tgid))
		return 0;
	call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	watch = call ? watch_of_call(call) : NULL;
	list = watch ? wanted_blocks(watch, call) : NULL;
	if (!list)
		return 0;
	call->unread = 0;
	for (__u32 at = 0; at < IOR_BLOCKS; at++) {
		if (list->block[at].how == IOR_SIZE_POINTED)
			note_room(call, &list->block[at]);
		if (!is_given(&list->block[at]))
			continue;
		if (read_block(watch, call, &list->block[at], 0, AT_ENTER) && list->block[at].flags & IOR_BLOCK_IN)
			call->unread |= 1 << at;
	}
	return 0;
}

#define E2BIG 7

/* Whether the call has written there. Of a struct that is too long, it writes the size that it knows (sched_setattr(2)). */
static __always_inline bool is_filled_in(const struct ior_block *block, long ret)
{
	return (block->flags & IOR_BLOCK_OUT && ret >= 0) ||
	       (block->flags & IOR_BLOCK_IN && block->how == IOR_SIZE_OWN && ret == -E2BIG);
}

/* A page that could not be read at the enter has been read by the call itself: it is there now. */
SEC("tp_btf/sys_exit")
int ior_data_exit(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	long ret = result(ctx);
	struct ior_watch *watch;
	struct ior_blocks *list;
	struct ior_roles *role;
	struct pending *call;

	if (!is_marked(task->tgid))
		return 0;
	call = bpf_task_storage_get(&pending_calls, task, NULL, 0);
	watch = call ? watch_of_call(call) : NULL;
	list = watch ? wanted_blocks(watch, call) : NULL;
	if (!list)
		return 0;
	role = roles_of(&call->record);
	if (ret >= 0 && role && role->flags & IOR_REPLACES_MEMORY)
		return 0;
	for (__u32 at = 0; at < IOR_BLOCKS; at++) {
		if (is_filled_in(&list->block[at], ret))
			read_block(watch, call, &list->block[at], ret,
				   list->block[at].flags & IOR_BLOCK_IN ? AFTER_ENTER : AT_EXIT);
		else if (call->unread & 1 << at)
			read_block(watch, call, &list->block[at], ret, AGAIN);
	}
	return 0;
}

#endif

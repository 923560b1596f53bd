/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sends what lies behind a pointer: bytes, vectors, messages, strings, and what an array of pointers leads to.
 */
#ifndef IOR_TELL_H
#define IOR_TELL_H

#include "restart.h"

/* A record with the first bytes of a block. */
struct data {
	struct ior_record record;
	char bytes[IOR_DATA_CAP];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct data);
} data_room SEC(".maps");

/* The smallest page of all machines: a larger one is read up to such a border. */
#define PAGE 4096

struct segment {
	__u64 base;
	__u64 length;
};

/* A block that is to be read. The functions that take it are global, so that the verifier sees each of them once. */
struct asked {
	__u64 address;
	__u64 size;  /* of all of it, in bytes */
	__u64 limit; /* how many bytes of it are wanted */
	__u32 arg;   /* from 0 */
	__u32 part;
	__u32 late;
	__u16 is_string;
	__u16 is_head; /* if all of it cannot be read, what comes before the page that cannot be is wanted */
};

/* Begins the record of a block. Nothing else writes to the record: the other fields are 0 from the start. */
static __always_inline void begin_data(struct ior_record *record, const struct pending *call, const struct asked *asked)
{
	record->watch = call->record.watch;
	record->number = call->record.number;
	record->kind = IOR_DATA;
	record->late = 0;
	record->args[0] = asked->arg;
	record->args[1] = asked->part;
	record->args[2] = asked->size;
}

/* Sends the first bytes of a block. 0, or the negative errno of the read. */
__noinline long tell_data(struct ior_watch *watch, struct pending *call, struct asked *asked)
{
	__u32 first = 0;
	struct data *out = bpf_map_lookup_elem(&data_room, &first);
	long err = 0, unread;
	__u64 n, border;

	if (!out || !watch || !call || !asked)
		return 0;
	n = asked->size < asked->limit ? asked->size : asked->limit;
	begin_data(&out->record, call, asked);
	if (n > IOR_DATA_CAP)
		n = IOR_DATA_CAP;
	if (asked->is_string) {
		err = bpf_probe_read_user_str(out->bytes, n, (const void *)asked->address);
		if (err >= 0) {
			/*
			 * The NUL is not sent; old kernels do not count that of an empty string. A string that fills all the room may
			 * go on: its last byte is not sent either.
			 */
			bool is_full = err == n;

			n = err ? err - 1 : 0;
			out->record.args[2] = n;
			n -= is_full;
			err = 0;
		}
	} else if (n) {
		err = bpf_probe_read_user(out->bytes, n, (const void *)asked->address);
	}
	unread = err;
	border = PAGE - asked->address % PAGE;
	if (err && asked->is_head && border < n) {
		/* What comes before the page that cannot be read. The rest is read again, as any block. */
		n = border;
		unread = bpf_probe_read_user(out->bytes, n, (const void *)asked->address);
	}
	if (unread)
		n = 0;
	else if (asked->late && n && may_have_changed(asked->address))
		out->record.late = IOR_LATE_DATA;
	out->record.path[0].len = n;
	out->record.path[0].err = unread;
	if (n > IOR_DATA_CAP)
		return 0;
	if (tell(&watch->told, out, sizeof(out->record) + n, BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&watch->untold, 1);
	return err;
}

/* Sends an array of struct iovec, and the first bytes of its segments. `left` is how many bytes are in them. */
__noinline long tell_vector(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 count, __u64 left)
{
	__u64 array, wanted;
	struct segment segment;
	__u32 part;
	long err;

	if (!watch || !call || !asked)
		return 0;
	array = asked->address;
	wanted = asked->limit;
	part = asked->part;
	asked->size = count * sizeof(segment);
	if (count > IOR_PARTS)
		count = IOR_PARTS;
	asked->limit = count * sizeof(segment);
	err = tell_data(watch, call, asked);
	for (__u32 done = 0; done < IOR_PARTS; done++) {
		if (err || done >= count || !left)
			break;
		/* It has been read just now. */
		bpf_probe_read_user(&segment, sizeof(segment), (const void *)(array + done * sizeof(segment)));
		asked->part = part + done + 1;
		asked->address = segment.base;
		asked->size = segment.length < left ? segment.length : left;
		asked->limit = wanted;
		left -= asked->size;
		err = tell_data(watch, call, asked);
	}
	return err;
}

/* struct user_msghdr (include/linux/socket.h) and, in an array, how many bytes the message has. */
struct message {
	__u64 name;
	__u64 name_len;
	__u64 vector;
	__u64 count;
	__u64 control;
	__u64 control_len;
	__u64 flags;
	__u64 length;
};

#define SIZE_OF_MESSAGE __builtin_offsetof(struct message, length)

/* Sends a message, its address, its segments and its control messages. `left` is how many bytes are in the segments. */
__noinline long tell_message(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 left)
{
	struct message message;
	__u64 wanted;
	__u32 part;
	long err, first = 0;

	if (!watch || !call || !asked)
		return 0;
	wanted = asked->limit;
	part = asked->part;
	asked->limit = asked->size;
	err = tell_data(watch, call, asked);
	if (err)
		return err;
	bpf_probe_read_user(&message, SIZE_OF_MESSAGE, (const void *)asked->address);
	if (message.name) {
		asked->part = part + IOR_PART_ADDRESS;
		asked->address = message.name;
		asked->size = (__u32)message.name_len;
		asked->limit = IOR_ADDRESS_CAP;
		err = tell_data(watch, call, asked);
		first = err;
	}
	if (message.control) {
		asked->part = part + IOR_PART_CONTROL;
		asked->address = message.control;
		asked->size = message.control_len;
		asked->limit = IOR_DATA_CAP;
		err = tell_data(watch, call, asked);
		first = first ? first : err;
	}
	if (message.vector) {
		asked->part = part + IOR_PART_VECTOR;
		asked->address = message.vector;
		asked->limit = wanted;
		err = tell_vector(watch, call, asked, message.count, left);
		first = first ? first : err;
	}
	return first;
}

/* Sends an array of struct mmsghdr. Each one that was filled in says how many bytes it has. */
__noinline long tell_messages(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 count,
			      __u32 filled)
{
	__u64 array, wanted, left = ~0ULL;
	__u32 length;
	long err, first = 0;

	if (!watch || !call || !asked)
		return 0;
	array = asked->address;
	wanted = asked->limit;
	for (__u32 at = 0; at < IOR_PARTS; at++) {
		if (at >= count)
			break;
		asked->part = IOR_PART_MESSAGE + at * IOR_PARTS_OF_MESSAGE;
		asked->address = array + at * sizeof(struct message);
		asked->size = sizeof(struct message);
		asked->limit = wanted;
		if (filled) {
			bpf_probe_read_user(&length, sizeof(length), (const void *)(asked->address + SIZE_OF_MESSAGE));
			left = length;
		}
		err = tell_message(watch, call, asked, left);
		first = first ? first : err;
	}
	return first;
}

/* Sends what the pointers of an array lead to. */
__noinline long tell_pointers(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 count)
{
	__u64 array, pointer;
	long err = 0;

	if (!watch || !call || !asked)
		return 0;
	array = asked->address;
	for (__u32 at = 0; at < IOR_PARTS; at++) {
		if (err || at >= count)
			break;
		/* 0 where it cannot be read: nothing can be read there either. */
		bpf_probe_read_user(&pointer, sizeof(pointer), (const void *)(array + at * sizeof(pointer)));
		asked->part = at + 1;
		asked->address = pointer;
		err = tell_data(watch, call, asked);
	}
	return err;
}

/* Sends the string whose address is at this place of a block that was sent, if the block is so long. */
__noinline long tell_text(struct ior_watch *watch, struct pending *call, struct asked *asked, __u64 place, __u64 wanted)
{
	__u64 text;

	if (!watch || !call || !asked || asked->size < place + sizeof(text))
		return 0;
	/* 0 as well where it cannot be read. */
	bpf_probe_read_user(&text, sizeof(text), (const void *)(asked->address + place));
	if (!text)
		return 0;
	asked->part++;
	asked->address = text;
	asked->is_string = 1;
	asked->is_head = 0;
	/* With a NUL, and a byte that says that there is more than was wanted. */
	asked->size = wanted + 2;
	return tell_data(watch, call, asked);
}

/* Sends the array whose address is in a struct, if there is one (enum ior_block_size). */
__noinline long tell_within(struct ior_watch *watch, struct pending *call, struct asked *asked, __u32 place,
			    __u32 sizes)
{
	__u64 array, count = 0, width = sizes >> 8 & 0xff;
	long err;

	if (!watch || !call || !asked || width > sizeof(count))
		return 0;
	/* 0 as well where it cannot be read. */
	err = bpf_probe_read_user(&array, sizeof(array), (const void *)(asked->address + place));
	if (!array)
		return err;
	err = bpf_probe_read_user(&count, width, (const void *)(asked->address + (sizes >> 16)));
	if (err < 0)
		return err;
	asked->part = IOR_PART_WITHIN;
	asked->address = array;
	count *= sizes & 0xff;
	asked->size = count < asked->size ? count : asked->size;
	return tell_data(watch, call, asked);
}

/* Sends strings up to a NULL. */
__noinline long tell_strings(struct ior_watch *watch, struct pending *call, struct asked *asked)
{
	__u64 array, string;
	long err;

	if (!watch || !call || !asked)
		return 0;
	array = asked->address;
	asked->is_string = 1;
	asked->size = asked->limit;
	for (__u32 at = 0; at < IOR_PARTS; at++) {
		err = bpf_probe_read_user(&string, sizeof(string), (const void *)(array + at * sizeof(string)));
		if (!string)
			break;
		asked->part = at + 1;
		asked->address = string;
		err = tell_data(watch, call, asked);
		if (err)
			break;
	}
	return err;
}

#endif

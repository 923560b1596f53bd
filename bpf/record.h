/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The layout of records and maps, which BPF and user space share: fixed sizes, no pointers. src/table/layout.rs mirrors these structs
 * and asserts their sizes and offsets at compile time. A change here changes IOR_VERSION.
 */
#ifndef IOR_RECORD_H
#define IOR_RECORD_H

#define IOR_VERSION 13

/* The kernel reads at most this many bytes of a path, with the NUL. A string without a NUL among them is longer, and is cut. */
#define IOR_PATH_MAX 4096
/* The room for a path. */
#define IOR_PATH_CAP 4097
/* The largest struct file_handle: 8 bytes of header and MAX_HANDLE_SZ. */
#define IOR_PEEK_CAP 136
/* The most bytes of a block of data, whatever the watch asks for. */
#define IOR_DATA_CAP 4096
/* The most segments of a vector, strings or pointers of a list, and messages of an array. */
#define IOR_PARTS 16
/* The most bytes of a socket's address (struct sockaddr_storage). */
#define IOR_ADDRESS_CAP 128
#define IOR_WATCHES 1024
#define IOR_SYSCALLS 1024
/* An opcode of io_uring is a byte. */
#define IOR_OPCODES 256

enum ior_kind {
	IOR_CALL = 1, /* one system call */
	IOR_END = 2,  /* a watched process is gone */
	/*
	 * A request of io_uring leaves two records, because its completion comes in another context, where the arguments cannot be
	 * read again. The second record has the result, and the identities of what the request has made.
	 */
	IOR_REQUEST = 3,    /* submitted: nr is its opcode, args are the first 48 bytes of its struct io_uring_sqe */
	IOR_COMPLETION = 4, /* completed: args[0] is the number of its request, and the next two the pair it made */
	/*
	 * The text of a name, before the first record that has its id. Its path has the parts from the file up to the root of the
	 * mount namespace, each with a NUL; its state is enum ior_name_state.
	 */
	IOR_NAME = 5,
	/* A file that the call with this number closes besides its own: args[0] is the descriptor, the first place the file. */
	IOR_CLOSED = 6,
	/*
	 * What an argument of the call with this number leads to. args[0] is the argument from 0, args[1] the part (enum ior_part).
	 * args[2] is the size of all of it. The path has the first bytes.
	 */
	IOR_DATA = 7,
};

/* The parts of a block. The segments of a vector, and the items of a list, count from 1. */
enum ior_part {
	IOR_PART_BLOCK = 0,    /* the block itself */
	IOR_PART_AFTER = 32,   /* the block again, as the call has left it */
	IOR_PART_GIVEN = 33,   /* the headers of messages, as the call was given them to fill in */
	IOR_PART_WITHIN = 34,  /* an array, whose address is in a block */
	IOR_PART_MESSAGE = 64, /* the first message; each one has IOR_PARTS_OF_MESSAGE numbers */
	IOR_PARTS_OF_MESSAGE = 32,
	/* Within a message, after its struct msghdr: */
	IOR_PART_ADDRESS = 1,
	IOR_PART_CONTROL = 2,
	IOR_PART_VECTOR = 3, /* its segments follow */
	/* From here on: the block itself, which belongs to a netlink socket of this protocol. */
	IOR_PART_NETLINK = IOR_PART_MESSAGE + IOR_PARTS * IOR_PARTS_OF_MESSAGE,
};

enum ior_state {
	IOR_UNFINISHED = 1 << 0, /* the call has no result: its thread ended in it, or its exit was no call's */
	IOR_WORKER = 1 << 1,	 /* the request was completed by another thread than the one that submitted it */
	IOR_MORE = 1 << 2,	 /* the completion is not the last of its request: it has a number of its own */
	IOR_REFUSED = 1 << 3,	 /* the kernel did not make the call: seccomp or a ptrace tracer has answered it */
	IOR_COMPAT = 1 << 4,	 /* a 32-bit call: number and arguments are those of that table */
	IOR_AMBIGUOUS = 1 << 5,	 /* the completion may belong to another request of the ring with the same user_data */
	IOR_HAS_FILE = 1 << 6,	 /* the first place of the completion is the file that the request used */
	IOR_HIDDEN = 1 << 7,	 /* the process lives, but has become a program that its caller may not trace */
};

/* What was read only when the call ended: it may have been overwritten by then. */
enum ior_late {
	IOR_LATE_PATH = 1 << 0,
	IOR_LATE_PATH2 = 1 << 1,
	IOR_LATE_PEEK = 1 << 2,
	IOR_LATE_DATA = 1 << 3,
};

enum ior_name_state {
	IOR_NAME_DELETED = 1 << 0,  /* the file was removed: this was its name */
	IOR_NAME_CUT = 1 << 1,	    /* there is more above */
	IOR_NAME_DETACHED = 1 << 2, /* its mount is in no namespace (umount2(2), MNT_DETACH) */
	IOR_NAME_ALONE = 1 << 3,    /* no path, but the kernel's word for a file without one: [eventfd] */
};

/* The file of a descriptor, as the kernel's own tables have it. */
struct ior_identity {
	__u64 inode;
	__u64 name;   /* the id of its name, 0 if that is not known */
	__u32 device; /* s_dev: major << 20 | minor */
	__u32 flags;  /* f_flags: access mode and status flags */
	__u16 mode;   /* i_mode: type and permissions */
	__u8 open;    /* 1 if the descriptor was open; everything else means nothing if not */
	__u8 cloexec; /* 1 if close-on-exec is set on the descriptor */
	__u32 magic;  /* s_magic of its filesystem: type bits alone do not tell an anonymous inode from a file */
};

/* A string or block from the memory of the traced process. */
struct ior_text {
	__u16 len; /* bytes that follow in the record, without the NUL */
	__s16 err; /* 0, or the negative errno of the read that failed */
};

/*
 * One record: this header, `identities` of the places below, the bytes of path[0], of path[1] and of peek. Times are
 * CLOCK_MONOTONIC.
 */
struct ior_record {
	__u64 watch;
	__u64 number; /* of the call within its watch, from 0: a gap shows where something was lost */
	__u64 enter_ns;
	__u64 duration_ns;
	__s64 ret; /* of the call; in the record of an end the status, as wait4(2) reports it */
	__u64 args[6];
	__u64 cwd;  /* the name of the working directory, where a path may begin there; 0 if it is not known */
	__u64 root; /* the name of the root, where an absolute path may begin */
	__u32 pid;  /* tgid in kernel terms */
	__u32 tid;  /* pid in kernel terms, when the call was entered */
	__u32 nr;
	__u8 kind;	 /* enum ior_kind */
	__u8 state;	 /* enum ior_state */
	__u8 identities; /* how many follow */
	__u8 late;	 /* enum ior_late */
	char comm[16];
	struct ior_text path[2];
	struct ior_text peek;
	__u32 exit_tid; /* when it ended: execve by a thread that is not the leader goes on under the leader's */
};

/* The places of identities. The most frequent come first, because a record ends after the last that it has. */
enum ior_place {
	IOR_FIRST = 0, /* of the first descriptor argument, before the call did its work; or the first of a pair made */
	IOR_MADE = 1,  /* of the returned descriptor */
	IOR_SECOND = 2, /* as the first; or of the number that dup2 takes for the new descriptor, which it closes */
	IOR_PLACES = 3,
};

/* The places of a request's arguments, as struct ior_roles counts them: from 1. */
enum ior_sqe_place {
	IOR_SQE_FD = 1,
	IOR_SQE_OFF = 2,
	IOR_SQE_ADDR = 3,
	IOR_SQE_LEN = 4,
	IOR_SQE_FD_IN = 5,
	IOR_SQE_ADDR3 = 6,
};

/* How to read the arguments of a system call. Argument numbers count from 1, and 0 means none. */
enum ior_role_flags {
	IOR_RETURNS_FD = 1 << 0,
	IOR_PEEK_AT_EXIT = 1 << 1,    /* the kernel fills the block in: read it once the call has succeeded */
	IOR_PEEK_COUNTED = 1 << 2,    /* struct file_handle: its first word counts the bytes after its header of 8 */
	IOR_PATH_AT_EXIT = 1 << 3,    /* the kernel fills the path in (getcwd) */
	IOR_REPLACES_MEMORY = 1 << 4, /* execve: after success the address belongs to another program */
	IOR_MAKES_PAIR = 1 << 5,   /* the block is two descriptors that the call made; it has no descriptor arguments */
	IOR_CLOSES_RANGE = 1 << 6, /* close_range */
	IOR_LEFT_OUT = 1 << 7,	   /* the call is not asked for: it leaves no record */
};

struct ior_roles {
	__u8 fd[2];
	__u8 path[2];
	__u8 peek;
	__u8 replaces; /* the number of the new descriptor: a file that has it is closed */
	__u16 flags;
	__u16 peek_size;
	__u16 reserved[3]; /* the elements of an array map begin at multiples of 8 bytes */
};

/* How large a block is. */
enum ior_block_size {
	IOR_SIZE_FIXED = 0,   /* `size` bytes */
	IOR_SIZE_COUNTED = 1, /* the argument `count`, times `size` */
	IOR_SIZE_MOVED = 2,   /* the result, but no more than the argument `count`, times `size` */
	IOR_SIZE_POINTED = 3, /* the 32-bit word that the argument `count` points to, times `size` */
	IOR_SIZE_VECTOR =
		4, /* an array of struct iovec with as many elements as the argument `count` says, and its segments */
	IOR_SIZE_STRINGS = 5, /* an array of pointers to strings, which NULL ends, and its strings */
	IOR_SIZE_STRING = 6,  /* a string */
	IOR_SIZE_BITS = 7,    /* an array of words of 64 bits, of which the argument `count` counts the bits */
	IOR_SIZE_SIZED = 8,   /* as many bytes as the argument `count` says, of which `size` are read */
	IOR_SIZE_MESSAGE = 9, /* a struct msghdr, and what it leads to */
	IOR_SIZE_MESSAGES =
		10, /* an array of struct mmsghdr: the argument `count` counts those that are given, the result those filled in */
	IOR_SIZE_POINTERS =
		11,	   /* an array of pointers to blocks of `size` bytes, with as many elements as `count` says */
	IOR_SIZE_OWN = 12, /* as many bytes as its own word at `detail` says; `size` if that is 0 */
	IOR_SIZE_GROUPS = 13, /* the argument `count` and `base` more, shifted by `detail`, times `size` */
	/*
	 * An array whose address is in the struct at `detail`. In `size`, a byte each: the size of an element, how many bytes the count
	 * of elements has, and where in the struct that is. The struct has as many bytes as the argument `count` says, if there is one.
	 */
	IOR_SIZE_WITHIN = 14,
};

enum ior_block_flags {
	IOR_BLOCK_IN = 1 << 0,	/* the call reads it: it is read at the enter */
	IOR_BLOCK_OUT = 1 << 1, /* the call fills it in: it is read when the call has succeeded */
	/* With both, it is read twice. */
	IOR_BLOCK_INT = 1 << 3,	    /* the argument that counts has 32 bits */
	IOR_BLOCK_HEAD = 1 << 4,    /* of what cannot be read in whole, the first bytes are */
	IOR_BLOCK_NETLINK = 1 << 5, /* the first descriptor may be a netlink socket, of which all is read */
	IOR_BLOCK_WHOLE = 1 << 2,   /* all of it is read, whatever the watch asks for */
	IOR_BLOCK_PART = 1 << 6,    /* if all of it cannot be read, what comes before the next page is */
};

/* One block that an argument leads to. Argument numbers count from 1, and 0 means none. */
struct ior_block {
	__u8 arg;
	__u8 how; /* enum ior_block_size */
	__u8 count;
	__u8 flags; /* enum ior_block_flags */
	__u32 size;
	__u32 mask; /* of the argument `when` */
	__u8 when;  /* the argument that says whether there is a block; 0 if there always is */
	/* How far `count` is shifted; where in the block its size is; from 1, where the address of a string is; or where that of an array is. */
	__u8 detail;
	__u16 base;   /* its least value with which there is one; or, without `when`, what is added to `count` */
	__u64 values; /* all of them, by bits from the least one on */
};

#define IOR_BLOCKS 6

struct ior_blocks {
	struct ior_block block[IOR_BLOCKS];
};

enum ior_watch_flags {
	IOR_FOLLOW = 1 << 0, /* watch what the process forks, too */
	/* A process is watched no more when it becomes a program that its caller may not trace (is_secret()). */
	IOR_HIDE = 1 << 1,
	IOR_UNTIMED = 1 << 2, /* times are not wanted: both are 0 */
			      /* The upper half is how many bytes or elements of data are wanted; 0 is none. */
};

/* What the filter map holds for a process. */
struct ior_filter {
	__u32 watch; /* index into watches */
	__u32 gone;  /* set when its last thread has exited */
	__u64 id;    /* of the watch */
};

/*
 * One watch: its identity, and what became of its calls, requests among them. Once its processes are gone, seen is emitted plus
 * refused plus left_out.
 */
struct ior_watch {
	__u64 id;
	__u64 seen;
	__u64 emitted;	 /* records of calls in the ring */
	__u64 refused;	 /* calls for which there was no room */
	__u64 ends;	 /* end records in the ring */
	__u64 strays;	 /* exits without an enter */
	__u64 flags;	 /* enum ior_watch_flags */
	__u64 followed;	 /* descendants that were watched from their first call on */
	__u64 submitted; /* IOR_REQUEST records in the ring: those of `emitted` are the IOR_COMPLETION ones */
	__u64 told;	 /* IOR_NAME and IOR_CLOSED records in the ring */
	__u64 untold;	 /* those for which there was no room */
	__u64 crowded;	 /* requests for which there was no room beside those in flight */
	__u64 asleep;	 /* the reader has found nothing for a while: the next record wakes it */
	__u64 left_out;	 /* calls that are not asked for */
	__u64 movable;	 /* the kernel runs the programs with migration disabled, and not preemption */
};

#endif

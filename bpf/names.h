/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The name of a file, as the kernel has it: from the dentry up to the root of its mount namespace, through the mounts
 * (fs/d_path.c). It is told once, under an id. Whether it still holds is seen each time, by going the same way again.
 */
#ifndef IOR_NAMES_H
#define IOR_NAMES_H

#include "state.h"

/* The argument that a role names, 1 to 6. The mask bounds it for the verifier. */
static __always_inline __u64 argument(const struct ior_record *record, __u8 role)
{
	return record->args[(role - 1) & 7];
}

extern void *bpf_rdonly_cast(const void *from, __u32 type) __ksym __weak;

/*
 * Whether an address can be made a pointer that the verifier lets be read directly: a load for each field where
 * bpf_probe_read_kernel() would be a call (40 ns less for a descriptor). Before Linux 6.2 there is no such cast, and the
 * verifier never sees the branch that uses it.
 */
#define CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

/* A word of the kernel's memory. Any struct that begins with one would do for the cast: registers are one that is at hand. */
static __always_inline unsigned long word_at(const void *address)
{
	if (CAN_CAST) {
		return ((struct pt_regs *)bpf_rdonly_cast(address, bpf_core_type_id_kernel(struct pt_regs)))->FIRST_REGISTER;
	} else {
		unsigned long word = 0;

		bpf_probe_read_kernel(&word, sizeof(word), address);
		return word;
	}
}

/*
 * A field of a struct at any address, which is read as a word: on the architectures that there are its low bytes come first. So a
 * pointer is a number from the beginning, and the verifier follows it for nothing.
 */
#define FIELD(type, from, field)                                                                                       \
	((typeof(((struct type *)0)->field))word_at(&((struct type *)(from))->field))

/* From one name to the next above it. */
struct climb {
	__u64 dentry;
	__u64 mount;
};

static __always_inline __u64 mount_of(__u64 vfsmount)
{
	return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* What stops a climb that has come to the root of a mount. */
enum step {
	NAMED = 0,   /* this dentry has a name, and another one above it */
	CROSSED = 1, /* it is a mount's root: the climb goes on where that is mounted */
	TOP = 2,     /* it is the root of all */
	ALONE = 3,   /* it is the root of nothing: it belongs to no tree */
};

/* Whether the dentry is part of the name, and where the next one is. */
static __always_inline enum step step_up(struct climb *at)
{
	__u64 root = (__u64)FIELD(mount, at->mount, mnt.mnt_root);
	__u64 up;

	if (at->dentry == root) {
		up = (__u64)FIELD(mount, at->mount, mnt_parent);
		if (up == at->mount)
			return TOP;
		at->dentry = (__u64)FIELD(mount, at->mount, mnt_mountpoint);
		at->mount = up;
		return CROSSED;
	}
	up = (__u64)FIELD(dentry, at->dentry, d_parent);
	if (up == at->dentry)
		return ALONE;
	at->dentry = up;
	return NAMED;
}

/* The root of a filesystem is in no hash, and still there (d_unlinked() in include/linux/dcache.h). */
static __always_inline bool is_deleted(__u64 dentry)
{
	return !FIELD(dentry, dentry, d_hash.pprev) && (__u64)FIELD(dentry, dentry, d_parent) != dentry;
}

#define MIX(label, word) (((label) ^ (__u64)(word)) * 0x9e3779b97f4a7c15ULL)

/*
 * A number for the way to the root: each dentry, what it is called, and how often that has changed (d_seq counts). While it is
 * the same, so is the name.
 */
struct label {
	struct climb at;
	__u64 sum;
};

static __always_inline void begin_label(struct label *label, __u64 dentry, __u64 mount)
{
	label->at.dentry = dentry;
	label->at.mount = mount;
	label->sum = is_deleted(dentry) + 1;
}

/* One step more; true if it was the last one. */
static __always_inline bool add_to_label(struct label *label)
{
	__u64 here = label->at.dentry;
	enum step step = step_up(&label->at);

	if (step == CROSSED) {
		label->sum = MIX(label->sum, label->at.mount);
		return false;
	}
	if (step == TOP) {
		label->sum = MIX(label->sum, FIELD(mount, label->at.mount, mnt_ns)) | 1;
		return true;
	}
	label->sum = MIX(label->sum, here);
	label->sum = MIX(label->sum, FIELD(dentry, here, d_name.hash_len));
	label->sum = MIX(label->sum, FIELD(dentry, here, d_seq.seqcount.sequence));
	label->sum |= step == ALONE;
	return step == ALONE;
}

/* Nobody's path has more parts: PATH_MAX bytes, and the mounts on the way. */
#define LONGEST_WAY 4200

static long add_one_to_label(__u32 index, struct label *label)
{
	return add_to_label(label);
}

/* Not inlined, so that the verifier walks through it once for a program. 0 if the way is too long. */
__noinline __u64 label_of_any_way(__u64 dentry, __u64 mount)
{
	struct label label = {};

	begin_label(&label, dentry, mount);
	return bpf_loop(LONGEST_WAY, add_one_to_label, &label, 0) < LONGEST_WAY ? label.sum : 0;
}

/* Most ways are no longer. */
#define SHORT_WAY 8

static __always_inline __u64 label_of(__u64 dentry, __u64 mount)
{
	struct label label;
	int i;

	begin_label(&label, dentry, mount);
	for (i = 0; i < SHORT_WAY; i++)
		if (add_to_label(&label))
			return label.sum;
	return label_of_any_way(dentry, mount);
}

static long spell_one(__u32 index, void *none)
{
	__u32 only = 0;
	struct spelled *out = bpf_map_lookup_elem(&spelling, &only);
	struct climb at;
	__u64 here, length, size;
	enum step step;

	if (!out)
		return 1;
	at.dentry = here = out->dentry;
	at.mount = out->mount;
	step = step_up(&at);
	out->dentry = at.dentry;
	out->mount = at.mount;
	if (step == CROSSED)
		return 0;
	if (step == TOP) {
		if (!FIELD(mount, at.mount, mnt_ns))
			out->state |= IOR_NAME_DETACHED;
		out->done = 1;
		return 1;
	}
	length = out->length;
	if (length > SPELL_MASK)
		return 1;
	size = FIELD(dentry, here, d_name.hash_len) >> 32;
	if (size > 255)
		size = 255;
	bpf_probe_read_kernel(&out->path[length], size, FIELD(dentry, here, d_name.name));
	out->path[length + size] = 0;
	out->length = length + size + 1;
	if (step == ALONE) {
		out->state |= IOR_NAME_ALONE;
		out->done = 1;
		return 1;
	}
	return 0;
}

/* Tells a name, whose way has this label. Its id, or 0 if it cannot be known: it has changed meanwhile, or there is no room. */
__noinline __u64 tell_name(struct ior_watch *watch, __u64 dentry, __u64 mount, __u64 label)
{
	__u32 only = 0;
	struct spelled *out = bpf_map_lookup_elem(&spelling, &only);
	__u64 length;

	if (!watch || !out)
		return 0;
	out->dentry = dentry;
	out->mount = mount;
	out->length = 0;
	out->state = is_deleted(dentry) ? IOR_NAME_DELETED : 0;
	out->done = 0;
	bpf_loop(LONGEST_WAY, spell_one, NULL, 0);
	if (label_of_any_way(dentry, mount) != label)
		return 0;
	length = out->length;
	if (length > sizeof(out->path))
		return 0;
	__builtin_memset(&out->record, 0, sizeof(out->record));
	out->record.watch = watch->id;
	out->record.number = __sync_fetch_and_add(&last_name, 1) + 1;
	out->record.kind = IOR_NAME;
	out->record.state = out->state | (out->done ? 0 : IOR_NAME_CUT);
	out->record.path[0].len = length;
	if (tell(&watch->told, &out->record, sizeof(out->record) + length, BPF_RB_NO_WAKEUP)) {
		__sync_fetch_and_add(&watch->untold, 1);
		return 0;
	}
	return out->record.number;
}

/* The id of the name of a struct path, which is told before if it is not known to whoever reads. */
static __always_inline __u64 name_of(struct ior_watch *watch, __u64 dentry, __u64 vfsmount)
{
	__u64 mount = mount_of(vfsmount), label = label_of(dentry, mount), id;
	__u32 at = (dentry >> 6 ^ mount >> 8) & (KNOWN_NAMES - 1);
	struct known_name *known = bpf_map_lookup_elem(&known_names, &at);

	if (!known)
		return 0;
	if (known->dentry == dentry && known->mount == mount && known->label == label && label && known->watch == watch->id)
		return known->id;
	id = tell_name(watch, dentry, mount, label);
	if (!id)
		return 0;
	known->dentry = dentry;
	known->mount = mount;
	known->label = label;
	known->watch = watch->id;
	known->id = id;
	return id;
}

/* The same for what is not on the way of most calls: the verifier walks through it once for a program. */
__noinline __u64 name_of_path(struct ior_watch *watch, __u64 dentry, __u64 vfsmount)
{
	return watch ? name_of(watch, dentry, vfsmount) : 0;
}

#endif

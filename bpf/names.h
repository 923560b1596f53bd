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
/* Most ways are no longer than the first; those that are longer than the second are told each time. */
#define SHORT_WAY 8
#define LONG_WAY 32

/*
 * A number for the way to the root: each dentry, what it is called, and how often that has changed (d_seq counts). While it is
 * the same, so is the name. 0 if the way is too long.
 */
static __always_inline __u64 label_within(__u64 dentry, __u64 mount, int most)
{
	struct climb at = { .dentry = dentry, .mount = mount };
	__u64 label = is_deleted(dentry) + 1, here;
	enum step step;
	int i;

	for (i = 0; i < most; i++) {
		here = at.dentry;
		step = step_up(&at);
		if (step == CROSSED) {
			label = MIX(label, at.mount);
			continue;
		}
		if (step == TOP)
			return MIX(label, FIELD(mount, at.mount, mnt_ns)) | 1;
		label = MIX(label, here);
		label = MIX(label, FIELD(dentry, here, d_name.hash_len));
		label = MIX(label, FIELD(dentry, here, d_seq.seqcount.sequence));
		if (step == ALONE)
			return label | 1;
	}
	return 0;
}

/* Not inlined, so that the verifier walks through it once. */
__noinline __u64 label_of_long_way(__u64 dentry, __u64 mount)
{
	return label_within(dentry, mount, LONG_WAY);
}

static __always_inline __u64 label_of(__u64 dentry, __u64 mount)
{
	return label_within(dentry, mount, SHORT_WAY) ?: label_of_long_way(dentry, mount);
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
	bpf_loop(4200, spell_one, NULL, 0);
	if (label_of(dentry, mount) != label)
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
	if (tell(watch, &out->record, sizeof(out->record) + length)) {
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

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The name of a file, as the kernel has it: from the dentry up to the root of the mount namespace, through the mounts
 * (fs/d_path.c). It is sent once, with an id. Each use climbs the same way again, to see whether the name still holds.
 */
#ifndef IOR_NAMES_H
#define IOR_NAMES_H

#include "state.h"

/* What a callback of the helpers that make loops returns (bpf-helpers(7), bpf_loop()). */
enum loop {
	GO_ON = 0,
	STOP = 1,
};

/* The argument that a role names, 1 to 6. The mask bounds it for the verifier. */
static __always_inline __u64 argument(const struct ior_record *record, __u8 role)
{
	const __s64 *one_before = &record->ret;

	return one_before[role & 7];
}

_Static_assert(__builtin_offsetof(struct ior_record, args) ==
		       __builtin_offsetof(struct ior_record, ret) + sizeof(__u64),
	       "the arguments follow the result");

extern void *bpf_rdonly_cast(const void *from, __u32 type) __ksym __weak;

/*
 * Whether the kernel can turn an address into a pointer that BPF may read through. Then a field costs a load and not a call to
 * bpf_probe_read_kernel(), which saves 40 ns for a descriptor. Before Linux 6.2 there is no such cast, and the verifier never sees
 * the branch that uses it.
 */
#define CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

/*
 * AT() makes an address a pointer to a struct, and READ() reads a field through it. `cast` is a constant, so that inlined code has
 * one branch alone: a branch for each field would cost the verifier time.
 */
#define AT(cast, type, address)                                                                                        \
	((struct type *)((cast) ? bpf_rdonly_cast((const void *)(address), bpf_core_type_id_kernel(struct type)) :     \
				  (void *)(address)))
#define READ(cast, pointer, field)                                                                                     \
	({                                                                                                             \
		typeof((pointer)->field) read_;                                                                        \
		if (cast)                                                                                              \
			read_ = (pointer)->field;                                                                      \
		else                                                                                                   \
			bpf_probe_read_kernel(&read_, sizeof(read_), &(pointer)->field);                               \
		read_;                                                                                                 \
	})
/* One field at an address. */
#define FIELD(type, address, field)                                                                                    \
	(CAN_CAST ? READ(true, AT(true, type, address), field) : READ(false, AT(false, type, address), field))
/* A word at any address. The cast needs a struct that begins with a word: struct pt_regs is one. */
#define WORD(cast, address) READ(cast, AT(cast, pt_regs, address), FIRST_REGISTER)

/* A pointer as a number. The verifier forbids arithmetic with pointers, and takes a negated value for a number. */
static __always_inline __u64 number_of(const void *pointer)
{
	__u64 number = (__u64)pointer;

	asm("%0 = -%0\n%0 = -%0" : "+r"(number));
	return number;
}

static __always_inline __u64 mount_of(__u64 vfsmount)
{
	return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* As d_unlinked() in include/linux/dcache.h. The root of a filesystem is in no hash and is not deleted. */
static __always_inline bool is_deleted(__u64 dentry)
{
	return !FIELD(dentry, dentry, d_hash.pprev) && number_of(FIELD(dentry, dentry, d_parent)) != dentry;
}

/*
 * A sum over the way to the root: each dentry, its name, and how often that has changed (d_seq counts). While the sum is the same,
 * so is the name.
 */
struct label {
	__u64 dentry;
	__u64 mount;
	__u64 sum;
};

#define MIX(label, word) (((label) ^ (__u64)(word)) * 0x9e3779b97f4a7c15ULL)
/* A dentry and its name as one word. Without the factors, changes could cancel out in the sum. */
static __always_inline __u64 name_word(__u64 dentry, __u64 hash_len, __u64 seq)
{
	return dentry + hash_len * 0xd6e8feb86659fd93ULL + seq * 0xa0761d6478bd642fULL;
}

static __always_inline __u64 label_with(bool cast, __u64 sum, struct dentry *dentry)
{
	return MIX(sum, name_word(number_of(dentry), READ(cast, dentry, d_name.hash_len),
				  READ(cast, dentry, d_seq.seqcount.sequence)));
}

#define STRIDE 2

/* Climbs STRIDE steps at most, through mounts too. True if it has come to the top. `cast` is a constant. */
static __always_inline bool climb_by(bool cast, struct label *label)
{
	struct dentry *dentry = AT(cast, dentry, label->dentry), *up;
	struct mount *mount = AT(cast, mount, label->mount), *below;
	__u64 sum = label->sum;
	bool done = false;
	int i;

	for (i = 0; i < STRIDE && !done; i++) {
		if (dentry == READ(cast, mount, mnt.mnt_root)) {
			below = mount;
			mount = READ(cast, below, mnt_parent);
			dentry = READ(cast, below, mnt_mountpoint);
			done = mount == below;
			sum = MIX(sum, number_of(done ? (void *)READ(cast, mount, mnt_ns) : mount));
		} else {
			sum = label_with(cast, sum, dentry);
			up = READ(cast, dentry, d_parent);
			done = up == dentry;
			dentry = up;
		}
	}
	label->dentry = number_of(dentry);
	label->mount = number_of(mount);
	label->sum = sum;
	return done;
}

/* No path has more parts than this: PATH_MAX bytes, and the mounts on the way. */
#define LONGEST_WAY 4200

static long climb(__u32 index, struct label *label)
{
	if (CAN_CAST)
		return climb_by(true, label);
	return climb_by(false, label);
}

/*
 * The label when the rest of the way is added to `sum`. This is a global function, as others here are: the verifier checks it once
 * for a program, and not for each caller.
 */
__noinline __u64 rest_of_label(__u64 dentry, __u64 mount, __u64 sum)
{
	struct label label = { .dentry = dentry, .mount = mount, .sum = sum };

	bpf_loop(LONGEST_WAY / STRIDE, climb, &label, 0);
	return label.sum;
}

/* Most names have no more parts on the same mount. */
#define SHORT_WAY 8

/*
 * The label of most names: up to the root of a mount that has no mount above it, or only the kernel's first one (rootfs). It is
 * inlined, because each call of a watched process runs it. `cast` is a constant.
 */
static __always_inline __u64 label_by(bool cast, __u64 from, __u64 within)
{
	struct dentry *dentry = AT(cast, dentry, from), *up = READ(cast, dentry, d_parent), *root;
	struct mount *mount = AT(cast, mount, within), *above;
	__u64 sum = !READ(cast, dentry, d_hash.pprev) && up != dentry;
	int i;

	root = READ(cast, mount, mnt.mnt_root);
	for (i = 0; i < SHORT_WAY; i++) {
		if (dentry == root) {
			above = READ(cast, mount, mnt_parent);
			if (above == mount)
				return MIX(sum, number_of(READ(cast, mount, mnt_ns)));
			if (READ(cast, mount, mnt_mountpoint) != READ(cast, above, mnt.mnt_root) ||
			    READ(cast, above, mnt_parent) != above)
				break;
			sum = MIX(sum, number_of(above));
			return MIX(sum, number_of(READ(cast, above, mnt_ns)));
		}
		sum = label_with(cast, sum, dentry);
		if (up == dentry)
			return sum;
		dentry = up;
		up = READ(cast, dentry, d_parent);
	}
	return rest_of_label(number_of(dentry), within, sum);
}

static __always_inline __u64 label_of(__u64 dentry, __u64 mount)
{
	return CAN_CAST ? label_by(true, dentry, mount) : label_by(false, dentry, mount);
}

/* Writes down one part and goes up to the next. True if it was the last. `cast` is a constant. */
static __always_inline bool spell_by(bool cast, struct spelled *out)
{
	struct dentry *dentry = AT(cast, dentry, out->dentry), *up;
	struct mount *mount = AT(cast, mount, out->mount), *below;
	const unsigned char *name;
	__u64 length, size;

	if (dentry == READ(cast, mount, mnt.mnt_root)) {
		below = mount;
		mount = READ(cast, below, mnt_parent);
		if (mount == below) {
			/* NULL, or the error that an internal mount of the kernel has (MNT_NS_INTERNAL, fs/mount.h) */
			if (number_of(READ(cast, mount, mnt_ns)) - 1 >= -4096UL)
				out->state |= IOR_NAME_DETACHED;
			out->done = 1;
			return true;
		}
		out->dentry = number_of(READ(cast, below, mnt_mountpoint));
		out->mount = number_of(mount);
		return false;
	}
	name = READ(cast, dentry, d_name.name);
	size = READ(cast, dentry, d_name.hash_len) >> 32;
	if (size > 255)
		size = 255;
	/* It is read only here: when Linux 6.1 runs out of registers, it forgets the bounds. */
	length = FROM_MAP(out->length);
	if (length > SPELL_MASK)
		return true;
	bpf_probe_read_kernel(&out->path[length], size, name);
	out->path[length + size] = 0;
	out->length = length + size + 1;
	up = READ(cast, dentry, d_parent);
	if (up == dentry) {
		out->state |= IOR_NAME_ALONE;
		out->done = 1;
		return true;
	}
	out->dentry = number_of(up);
	return false;
}

static long spell_one(__u32 index, void *none)
{
	__u32 only = 0;
	struct spelled *out = bpf_map_lookup_elem(&spelling, &only);

	if (!out)
		return STOP;
	if (CAN_CAST)
		return spell_by(true, out);
	return spell_by(false, out);
}

/* Sends a name whose way has this label. Returns its id, or 0 if the name has changed meanwhile or the ring has no room. */
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
	if (rest_of_label(dentry, mount, is_deleted(dentry)) != label)
		return 0;
	length = out->length;
	if (length > sizeof(out->path))
		return 0;
	/* Nothing else writes to the record: the other fields are 0 from the start. */
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

/* The id of the name of a struct path whose way has this label. The name is sent first, unless this CPU has sent it already. */
static __always_inline __u64 name_with(struct ior_watch *watch, __u64 dentry, __u64 mount, __u64 label)
{
	__u32 at = (dentry >> 6 ^ mount >> 8) & (KNOWN_NAMES - 1);
	struct known_name *known = bpf_map_lookup_elem(&known_names, &at);
	__u64 id;

	if (!known)
		return 0;
	if (known->dentry == dentry && known->mount == mount && known->label == label && known->watch == watch->id)
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

static __always_inline __u64 name_of(struct ior_watch *watch, __u64 dentry, __u64 vfsmount)
{
	__u64 mount = mount_of(vfsmount);

	return name_with(watch, dentry, mount, label_of(dentry, mount));
}

/* The same where nanoseconds do not matter: nothing is inlined. */
static __always_inline __u64 name_of_base(struct ior_watch *watch, __u64 dentry, __u64 vfsmount)
{
	__u64 mount = mount_of(vfsmount);

	return name_with(watch, dentry, mount, rest_of_label(dentry, mount, is_deleted(dentry)));
}

#endif

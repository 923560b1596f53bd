use super::*;

/// Type information as a kernel would have it: records, as words, and the names that they lead to.
fn kernel(records: &[&[u32]]) -> Vec<u8> {
    let types: Vec<u8> = records.iter().flat_map(|record| record.iter().flat_map(|word| word.to_ne_bytes())).collect();
    let strings = b"\0file\0f_flags\0f_inode\0inode\0unsigned int\0file___old\0btf_trace_io_uring_complete\0";
    let [type_len, str_len] = [types.len(), strings.len()].map(|length| length as u32);
    let places = [24, 0, type_len, type_len, str_len].map(u32::to_ne_bytes).concat();
    [MAGIC.to_ne_bytes().as_slice(), &[1, 0], &places, &types, strings].concat()
}

const FILE: u32 = 1;
const F_FLAGS: u32 = 6;
const F_INODE: u32 = 14;
const INODE: u32 = 22;
const UNSIGNED: u32 = 28;
const FLAVORED: u32 = 41;
const COMPLETE_NAME: u32 = 52;

fn info(kind: u32, count: u32) -> u32 {
    kind << 24 | count
}

/// 1: struct inode, which nobody asks for; 2: a pointer to it; 3: struct file; 4: unsigned int; 5: a struct with a flavor;
/// 6: the arguments of a tracepoint; 7 and 8: its typedef. 9: nothing of interest.
fn sample() -> Vec<u8> {
    kernel(&[
        &[INODE, info(kind::STRUCT, 1), 4, F_FLAGS, 4, 0],
        &[0, info(kind::PTR, 0), 1],
        &[FILE, info(kind::STRUCT, 2), 16, F_FLAGS, 4, 0, F_INODE, 2, 64],
        &[UNSIGNED, info(kind::INT, 0), 4, 32],
        &[FLAVORED, info(kind::STRUCT, 0), 0],
        &[0, info(kind::FUNC_PROTO, 4), 0, 0, 2, 0, 2, 0, 2, 0, 2],
        &[0, info(kind::PTR, 0), 6],
        &[COMPLETE_NAME, info(kind::TYPEDEF, 0), 7],
        &[INODE, info(kind::FWD, 0), 0],
    ])
}

#[test]
fn what_is_asked_for_keeps_its_id_and_what_is_inside() {
    let excerpt = excerpt(&sample(), &["file"]).unwrap();
    assert_eq!((excerpt.tracepoints, excerpt.complete_takes), (vec![(COMPLETE, 8)], Some(3)));
    let small = KernelTypes::read(&excerpt.bytes, &["file"]).unwrap();
    assert_eq!((small.starts.len() - 1, small.found.as_slice()), (5, [3, 5].as_slice()));
    let kinds: Vec<u32> = (1..=5).map(|id| small.record(id).unwrap().0.kind()).collect();
    assert_eq!(kinds, [kind::PTR, kind::PTR, kind::STRUCT, kind::INT, kind::STRUCT]);
    let (file, members) = small.record(3).unwrap();
    let names = members.chunks(12).map(|member| BtfMember::read_from_bytes(member).unwrap());
    let names: Vec<&[u8]> = names.map(|member| small.name(member.name).unwrap()).collect();
    assert_eq!((small.name(file.name).unwrap(), names), (&b"file"[..], vec![&b"f_flags"[..], b"f_inode"]));
    assert_eq!(small.name(small.record(4).unwrap().0.name), Some(&b"unsigned int"[..]));
}

#[test]
fn nothing_is_asked_of_what_is_not_as_it_is_known() {
    let whole = sample();
    for end in 0..whole.len() {
        assert_eq!(excerpt(&whole[..end], &["file"]), None, "the first {end} bytes");
    }
    for (at, sentence) in [(0, "the magic number"), (2, "the version"), (24 + 4 + 3, "the kind of the first type")] {
        let mut damaged = whole.clone();
        damaged[at] = 0x7f;
        assert_eq!(excerpt(&damaged, &["file"]), None, "{sentence}");
    }
    // A struct in itself, and a member of a type that there is not.
    let strange = kernel(&[&[FILE, info(kind::STRUCT, 1), 8, F_INODE, 1, 0]]);
    assert!(excerpt(&strange, &["file"]).is_some());
    let beyond = kernel(&[&[FILE, info(kind::STRUCT, 1), 8, F_INODE, 7, 0]]);
    assert_eq!(excerpt(&beyond, &["file"]), None);
}

#[test]
fn no_damage_is_a_panic() {
    let whole = sample();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _ = excerpt(&damaged, &["file"]);
        }
    }
}

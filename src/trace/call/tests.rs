use super::*;

/// A call of thread 1 of process 1 without anything but these.
pub(crate) fn call(order: u64, number: u32, args: [u64; 6], ret: i64) -> Call {
    let nothing = || Text::Read { bytes: Vec::new(), cut: false };
    let deed = Deed {
        number,
        comm: [0; 16],
        args,
        outcome: Outcome::Returned(ret),
        texts: [nothing(), nothing()],
        fds: [None, None],
        made: None,
        peek: None,
        late: [false; 3],
        abi: Abi::Native,
        refused: false,
        data: Vec::new(),
        request: None,
        files: Files::default(),
    };
    Call { order, pid: 1, tid: 1, exit_tid: 1, enter_ns: 0, duration_ns: 0, deed: Arc::new(deed) }
}

#[test]
fn a_result_is_a_success_or_an_errno_and_never_both() {
    let rows = [
        ("zero", Outcome::Returned(0), Some(0), None),
        ("a count", Outcome::Returned(5), Some(5), None),
        ("the first errno", Outcome::Returned(-1), None, Some(libc::EPERM)),
        ("the last errno", Outcome::Returned(-4095), None, Some(4095)),
        ("an address, whose sign says nothing", Outcome::Returned(-4096), Some(-4096), None),
        ("no result", Outcome::Unfinished, None, None),
    ];
    let sync = call(0, libc::SYS_sync as u32, [0; 6], 0);
    for (sentence, outcome, success, errno) in rows {
        let call = sync.clone().with(|deed| deed.outcome = outcome);
        assert_eq!((call.success(), call.errno()), (success, errno), "{sentence}");
    }
}

#[test]
fn a_number_that_is_no_calls_is_shown_as_it_is() {
    let sync = call(0, libc::SYS_sync as u32, [0; 6], 0);
    let rows = [
        (u32::MAX, Abi::Native, "syscall_0xffffffff"),
        (crate::table::syscalls::REQUESTS + 18, Abi::Native, "syscall_0x80000012"),
        (0x4000_0001, Abi::Native, "syscall_0x40000001"),
        (9999, Abi::Compat, "[32 bit] nr=9999"),
    ];
    for (number, abi, name) in rows {
        let call = sync.clone().with(|deed| (deed.number, deed.abi) = (number, abi));
        assert_eq!((call.name().as_str(), call.syscall().is_none()), (name, true));
    }
}

#[test]
fn the_name_of_a_thread_ends_at_its_first_nul() {
    let sync = call(0, libc::SYS_sync as u32, [0; 6], 0);
    let rows: [(&[u8; 16], &[u8]); 3] =
        [(b"cat\0rest-of-old\0", b"cat"), (&[0; 16], b""), (b"sixteen-letters!", b"sixteen-letters!")];
    for (comm, expected) in rows {
        let call = sync.clone().with(|deed| deed.comm = *comm);
        assert_eq!(Call::comm(&call), expected);
    }
}

fn number(name: &str) -> u32 {
    Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number
}

fn named(name: &str, args: [u64; 6]) -> Call {
    call(0, number(name), args, 0)
}

#[test]
fn an_index_of_a_request_is_no_descriptor() {
    let is = |name: &str, at: usize, change: fn(&mut [u64; 6])| {
        let mut words = [0; 6];
        change(&mut words);
        let entry = RingRequest { sqe: Sqe(words), ..RingRequest::default() };
        named(name, [0; 6]).with(|deed| deed.request = Some(entry)).is_registered(at)
    };
    // struct io_uring_sqe (include/uapi/linux/io_uring.h): flags are byte 1, the flags of the operation bytes 28 to 31, and the index
    // of a file bytes 44 to 47.
    type Row = (&'static str, usize, bool, fn(&mut [u64; 6]));
    let rows: [Row; 8] = [
        ("IORING_OP_READ", 0, false, |_| {}),
        ("IORING_OP_READ", 0, true, |words| words[0] = 1 << 8),
        ("IORING_OP_READ", 0, false, |words| words[0] = 0xfe << 8),
        ("IORING_OP_READ", 1, false, |words| words[0] = 1 << 8),
        ("IORING_OP_CLOSE", 0, false, |_| {}),
        ("IORING_OP_CLOSE", 0, true, |words| words[5] = 1 << 32),
        ("IORING_OP_SPLICE", 0, true, |words| words[3] = 1 << 63),
        ("IORING_OP_SPLICE", 0, false, |words| words[3] = 1 << 62),
    ];
    for (name, at, expected, change) in rows {
        assert_eq!(is(name, at, change), expected, "{name} {at}");
    }
}

#[test]
fn a_ring_may_be_registered_with_its_thread() {
    let is = |name: &str, at: usize, args| named(name, args).is_registered(at);
    let rows = [
        ("io_uring_enter", 0, [3, 0, 0, 1 << 4, 0, 0], true),
        ("io_uring_enter", 0, [3, 0, 0, 1 << 3, 0, 0], false),
        ("io_uring_enter", 1, [3, 0, 0, 1 << 4, 0, 0], false),
        ("io_uring_enter", 0, [3, 1 << 31, 0, 0, 0, 0], false),
        ("io_uring_register", 0, [3, 1 << 31, 0, 0, 0, 0], true),
        ("io_uring_register", 0, [3, 1 << 30, 0, 0, 0, 0], false),
        ("io_uring_register", 0, [3, 0, 0, 1 << 4, 0, 0], false),
        ("read", 0, [3, 1 << 31, 0, 1 << 4, 0, 0], false),
    ];
    for (name, at, args, expected) in rows {
        assert_eq!(is(name, at, args), expected, "{name} {at} {args:x?}");
    }
}

#[test]
fn the_words_of_openat2_are_known_if_the_struct_is_whole() {
    let openat2 =
        |size: u64, block: Option<Vec<u8>>| named("openat2", [0, 0, 0, size, 0, 0]).with(|deed| deed.peek = block);
    let block: Vec<u8> = [0x11_u64, 0x2222, 0x33_3333].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let words = |call: Call| [0, 1, 2, 3].map(|word| call.how(word));
    let all = [Some(0x11), Some(0x2222), Some(0x33_3333), None];
    assert_eq!(words(openat2(24, Some(block.clone()))), all);
    assert_eq!(words(openat2(32, Some(block.clone()))), all, "a later version of it");
    assert_eq!(words(openat2(23, Some(block.clone()))), [None; 4]);
    assert_eq!(words(openat2(24, Some(block[..8].to_vec()))), [Some(0x11), None, None, None]);
    assert_eq!(words(openat2(24, None)), [None; 4]);
    assert_eq!(words(named("pipe2", [0; 6]).with(|deed| deed.peek = Some(block))), [None; 4]);
}

#[test]
fn a_file_without_a_name_is_opened_by_all_bits_of_its_flag() {
    let openat = |flags: i32| named("openat", [0, 0, flags as u64, 0, 0, 0]).opens_unnamed();
    assert!(openat(libc::O_TMPFILE | libc::O_RDWR));
    assert!(!openat(libc::O_DIRECTORY), "which is part of it");
    assert!(!openat(libc::O_RDWR));
    let openat2 = |flags: u64| {
        let block = [flags, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        named("openat2", [0, 0, 0, 24, 0, 0]).with(|deed| deed.peek = Some(block)).opens_unnamed()
    };
    assert_eq!([openat2(libc::O_TMPFILE as u64), openat2(0)], [true, false]);
    assert!(!named("read", [0, 0, libc::O_TMPFILE as u64, 0, 0, 0]).opens_unnamed());
}

#[test]
fn strings_belong_to_their_arguments() {
    let text = |bytes: &[u8]| Text::Read { bytes: bytes.to_vec(), cut: false };
    let renameat = named("renameat2", [0; 6]).with(|deed| {
        deed.texts = [text(b"one"), text(b"two")];
        deed.late = [false, true, true];
    });
    assert_eq!(
        [0, 1, 2, 3, 4].map(|at| renameat.text(at).cloned()),
        [None, Some(text(b"one")), None, Some(text(b"two")), None]
    );
    assert_eq!([0, 1, 2, 3, 4].map(|at| renameat.is_late(at)), [false, false, false, true, false]);
}

#[test]
fn a_register_of_a_32_bit_call_has_32_bits() {
    let lseek = named("lseek", [0, u64::from(u32::MAX), 0, 0, 0, 0]);
    assert_eq!(lseek.signed(1), i64::from(u32::MAX));
    assert_eq!(lseek.with(|deed| deed.abi = Abi::Compat).signed(1), -1);
}

#[test]
fn a_pair_is_the_first_eight_bytes_of_the_block() {
    let pipe = |block: Option<Vec<u8>>| named("pipe2", [0; 6]).with(|deed| deed.peek = block).pair();
    let bytes = [3_i32, -4, 5].iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
    assert_eq!(pipe(Some(bytes.clone())), Some([3, -4]));
    assert_eq!(pipe(Some(bytes[..7].to_vec())), None);
    assert_eq!(pipe(None), None);
}

#[test]
fn a_call_that_did_not_move_bytes_moved_none() {
    let moved = |name: &str, outcome| named(name, [3, 0, 9, 0, 0, 0]).with(|deed| deed.outcome = outcome).bytes();
    assert_eq!(moved("read", Outcome::Returned(5)), Some(5));
    assert_eq!(moved("read", Outcome::Returned(-9)), Some(0));
    assert_eq!(moved("read", Outcome::Unfinished), None);
    assert_eq!(moved("lseek", Outcome::Returned(5)), None);
}

#[test]
fn a_thread_that_keeps_its_id_has_no_other() {
    let other = |exit_tid| Call { exit_tid, ..call(0, number("execve"), [0; 6], 0) }.other_exit_tid();
    assert_eq!([other(0), other(1), other(2)], [None, None, Some(2)]);
}

#[test]
fn a_call_ends_when_it_has_begun_and_lasted() {
    let ends = |enter_ns, duration_ns| Call { enter_ns, duration_ns, ..call(0, 0, [0; 6], 0) }.exit_ns();
    assert_eq!([ends(5, 7), ends(u64::MAX, 7)], [12, u64::MAX]);
}

#[test]
fn descriptors_of_one_file_have_its_device_and_inode() {
    let file = Identity { device: 1, inode: 7, magic: 0, mode: 0, flags: 0, cloexec: false };
    assert!(file.same_file(&Identity { flags: 2, cloexec: true, ..file }));
    assert!(!file.same_file(&Identity { device: 2, ..file }));
    assert!(!file.same_file(&Identity { inode: 8, ..file }));
}

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

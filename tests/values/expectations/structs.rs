//! Structs of which a program may give more or less than is known, arrays, and what else lies behind pointers, as strace would write
//! them.

use super::calls::{CWD, call, told};
use ior_it::support::table::blocks::{self, What, part};
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::call::{Bytes, Call, Data};
use ior_it::support::trace::show;

/// Some address, which begins a page.
const PLACE: i64 = 0x7000;

fn data(arg: u8, size: u64, bytes: &[u8]) -> Data {
    Data { arg, part: 0, size, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

fn with(call: Call, data: Vec<Data>) -> String {
    show::call(&call.with(|deed| deed.data = data))
}

/// The words of 64 bits one after another.
fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Words of 32 bits.
fn halves(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// openat2(2) with this size, and with these bytes of the struct.
fn openat2(size: i64, bytes: &[u8]) -> String {
    let opened = told(call("openat2", &[CWD, 16, PLACE, size], -7), ["x", ""]);
    with(opened, vec![data(2, size as u64, bytes)])
}

#[test]
fn what_follows_the_known_members_is_shown_unless_it_is_zero() {
    let how = words(&[0, 0, 8]);
    let more = |rest: &[u64]| [how.clone(), words(rest)].concat();
    let rows = [
        (openat2(24, &how), "{flags=O_RDONLY, resolve=RESOLVE_BENEATH}, 24"),
        (openat2(32, &more(&[0])), "{flags=O_RDONLY, resolve=RESOLVE_BENEATH}, 32"),
        (
            openat2(32, &more(&[0x8000_0000_0000_0000])),
            r#"{flags=O_RDONLY, resolve=RESOLVE_BENEATH, /* bytes 24..31 */ "\x00\x00\x00\x00\x00\x00\x00\x80"}, 32"#,
        ),
        (openat2(32, &how), "{flags=O_RDONLY, resolve=RESOLVE_BENEATH, ???}, 32"),
        // The kernel refuses both sizes.
        (openat2(23, &how[..23]), "0x7000, 23"),
        (openat2(4097, &more(&[1])), "0x7000, 4097"),
        (openat2(24, &words(&[0o100, 0, 0])), "{flags=O_RDONLY|O_CREAT, mode=000, resolve=0}, 24"),
    ];
    for (line, end) in rows {
        assert_eq!(line, format!(r#"openat2(AT_FDCWD, "x", {end}) = -1 E2BIG"#));
    }
    let long = openat2(24 + 40, &more(&[1; 5]));
    assert!(long.contains("/* bytes 24..63 */") && long.contains("\"...}"), "{long}");
}

#[test]
fn a_struct_may_say_its_own_size() {
    let statmount =
        |request: &[u8]| with(call("statmount", &[PLACE, 0, 0, 0], -22), vec![data(0, request.len() as u64, request)]);
    let request = |size: u32| [halves(&[size, 5]), words(&[7, 2, 9])].concat();
    let end = ", NULL, 0, 0) = -1 EINVAL";
    let rows = [
        (statmount(&request(23)), "{size=23}"),
        (statmount(&request(24)), "{size=24, mnt_ns_fd=5, mnt_id=0x7, param=STATMOUNT_MNT_BASIC}"),
        (statmount(&request(32)), "{size=32, mnt_ns_fd=5, mnt_id=0x7, param=STATMOUNT_MNT_BASIC, mnt_ns_id=0x9}"),
        (statmount(&request(24)[..8]), "{size=24, ???}"),
        (statmount(&request(40)), "{size=40, mnt_ns_fd=5, mnt_id=0x7, param=STATMOUNT_MNT_BASIC, mnt_ns_id=0x9, ???}"),
    ];
    for (line, argument) in rows {
        assert_eq!(line, format!("statmount({argument}{end}"));
    }
    let given = halves(&[60, 0, 0, 0]);
    let left = Data { part: part::AFTER, ..data(1, 56, &halves(&[56])) };
    let refused = with(call("sched_setattr", &[0, PLACE, 0], -7), vec![data(1, 60, &given), left]);
    assert_eq!(refused, "sched_setattr(0, {size=60, ???} => {size=56}, 0) = -1 E2BIG");
}

#[test]
fn members_that_say_nothing_are_left_out() {
    let clone3 = |words: &[u64]| {
        let bytes = self::words(words);
        with(call("clone3", &[PLACE, bytes.len() as i64], -22), vec![data(0, bytes.len() as u64, &bytes)])
    };
    let rows = [
        (clone3(&[0, 1, 1, 1, 17, 0, 0, 1]), "{flags=0, exit_signal=SIGCHLD, stack=NULL, stack_size=0}, 64"),
        (
            clone3(&[0x1000, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0]),
            "{flags=CLONE_PIDFD, pidfd=0x1, exit_signal=0, stack=NULL, stack_size=0, set_tid=NULL, set_tid_size=3}, 88",
        ),
    ];
    for (line, arguments) in rows {
        assert_eq!(line, format!("clone3({arguments}) = -1 EINVAL"));
    }
    let event = [words(&[5]), halves(&[14, 4]), words(&[77, 0])].concat();
    let notified = with(call("mq_notify", &[-1, PLACE], -9), vec![data(1, 32, &event)]);
    assert_eq!(
        notified,
        "mq_notify(-1, {sigev_value={sival_int=5, sival_ptr=0x5}, sigev_signo=SIGALRM, sigev_notify=SIGEV_THREAD_ID, \
         sigev_notify_thread_id=77}) = -1 EBADF"
    );
}

#[test]
fn an_array_that_cannot_be_read_to_its_end_says_where_it_goes_on() {
    let pages = |address: i64, count: i64, pages: &[u64]| {
        let moved = call("move_pages", &[1, count, address, 0, 0, 0], -14);
        with(moved, vec![data(2, 8 * count as u64, &words(pages))])
    };
    let rows = [
        (pages(PLACE, 2, &[1, 2]), "2, [0x1, 0x2]"),
        (pages(PLACE, 3, &[1, 2]), "3, [0x1, 0x2, ...]"),
        (pages(PLACE + 4080, 3, &[1, 2]), "3, [0x1, 0x2, ... /* 0x8000 */]"),
        (pages(PLACE, 0, &[]), "0, []"),
    ];
    for (line, arguments) in rows {
        assert_eq!(line, format!("move_pages(1, {arguments}, NULL, NULL, 0) = -1 EFAULT"));
    }
    let moved = call("move_pages", &[1, 2, 0, 0, PLACE, 0], 0);
    assert_eq!(
        with(moved, vec![data(4, 8, &halves(&[3, -14_i32 as u32]))]),
        "move_pages(1, 2, NULL, NULL, [3, -EFAULT], 0) = 0"
    );
}

#[test]
fn bpf_takes_what_is_not_given_as_zero_and_its_strings_are_shown() {
    let looked_up = call("bpf", &[1, PLACE, 4], -9);
    assert_eq!(
        with(looked_up, vec![data(1, 4, &halves(&[7]))]),
        "bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=7, key=NULL, value=NULL}, 4) = -1 EBADF"
    );
    let path = Data { part: 1, ..data(1, 5, b"/sys/") };
    let got = call("bpf", &[7, PLACE, 16], -2);
    assert_eq!(
        with(got, vec![data(1, 16, &words(&[16, 8 << 32])), path]),
        r#"bpf(BPF_OBJ_GET, {pathname="/sys/", bpf_fd=0, file_flags=BPF_F_RDONLY}, 16) = -1 ENOENT"#
    );
    let link = [halves(&[3, 4, 41, 0]), words(&[9])].concat();
    assert_eq!(
        with(call("bpf", &[28, PLACE, 24], -22), vec![data(1, 24, &link)]),
        "bpf(BPF_LINK_CREATE, {link_create={prog_fd=3, target_fd=4, attach_type=BPF_PERF_EVENT, flags=0, perf_event={bpf_cookie=0x9}}}, \
         24) = -1 EINVAL"
    );
}

#[test]
fn an_event_has_its_flags_by_name() {
    let event = [halves(&[0, 64]), words(&[1, 4000, 3, 0, 1 << 10 | 3 << 15 | 1]), words(&[0, 0])].concat();
    let opened = call("perf_event_open", &[PLACE, 0, -1, -1, 0], -22);
    assert_eq!(
        with(opened, vec![data(0, 64, &event)]),
        "perf_event_open({type=PERF_TYPE_HARDWARE, size=PERF_ATTR_SIZE_VER0, config=PERF_COUNT_HW_INSTRUCTIONS, sample_freq=4000, \
         sample_type=PERF_SAMPLE_IP|PERF_SAMPLE_TID, read_format=0, disabled=1, freq=1, precise_ip=3 /* must have 0 skid */, ...}, 0, \
         -1, -1, 0) = -1 EINVAL"
    );
}

#[test]
fn an_operation_of_quotactl_says_which_arguments_there_are() {
    let quota = |op: u32, id: i64| show::call(&told(call("quotactl", &[op.into(), 16, id, 0], -2), ["/dev/x", ""]));
    assert_eq!(quota(0x8000_0101, 3), r#"quotactl(QCMD(Q_SYNC, GRPQUOTA), "/dev/x") = -1 ENOENT"#);
    assert_eq!(quota(0x8000_0500, 3), r#"quotactl(QCMD(Q_GETINFO, USRQUOTA), "/dev/x", NULL) = -1 ENOENT"#);
    assert_eq!(
        quota(0x8000_0202, 1),
        r#"quotactl(QCMD(Q_QUOTAON, PRJQUOTA), "/dev/x", QFMT_VFS_OLD, NULL) = -1 ENOENT"#
    );
    assert_eq!(quota(0x8000_0700, -1), r#"quotactl(QCMD(Q_GETQUOTA, USRQUOTA), "/dev/x", -1, NULL) = -1 ENOENT"#);
    assert_eq!(quota(0x1203, 5), r#"quotactl(QCMD(0x12, 0x3), "/dev/x", 5, NULL) = -1 ENOENT"#);
}

#[test]
fn sets_of_processors_and_priorities_are_taken_apart() {
    let allowed = call("sched_getaffinity", &[0, 128, PLACE], 8);
    assert_eq!(
        with(allowed, vec![data(2, 8, &words(&[0b1011 | 1 << 40]))]),
        "sched_getaffinity(0, 128, [0 1 3 40]) = 8"
    );
    let allow = |bytes: &[u8]| {
        let size = bytes.len();
        with(call("sched_setaffinity", &[0, size as i64, PLACE], -22), vec![data(2, size as u64, bytes)])
    };
    assert_eq!(allow(&[]), "sched_setaffinity(0, 0, []) = -1 EINVAL");
    assert_eq!(allow(&[0, 2]), "sched_setaffinity(0, 2, [9]) = -1 EINVAL");
    let set = |priority: i64| show::call(&call("ioprio_set", &[1, 0, priority], 0));
    assert_eq!(set(2 << 13 | 7), "ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7)) = 0");
    assert_eq!(set(4 << 13), "ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(0x4, 0)) = 0");
}

#[test]
fn only_all_bits_of_an_id_are_a_negative_one() {
    let groups = call("setgroups", &[2, PLACE], 0);
    assert_eq!(
        with(groups, vec![data(1, 8, &halves(&[u32::MAX - 1, u32::MAX]))]),
        "setgroups(2, [4294967294, -1]) = 0"
    );
}

#[test]
fn a_limit_of_whole_kibibytes_is_shown_as_such() {
    let limit = |limits: [u64; 2]| with(call("setrlimit", &[3, PLACE], 0), vec![data(1, 16, &words(&limits))]);
    assert_eq!(
        limit([8192 * 1024, u64::MAX]),
        "setrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0"
    );
    assert_eq!(limit([1024, 1025]), "setrlimit(RLIMIT_STACK, {rlim_cur=1024, rlim_max=1025}) = 0");
}

#[test]
fn the_arguments_of_setxattrat_may_be_longer_than_is_known() {
    let set = |size: u64, bytes: &[u8]| {
        let set = told(call("setxattrat", &[CWD, 16, 0, 16, PLACE, size as i64], -7), ["x", "user.a"]);
        with(set, vec![data(4, size, bytes)])
    };
    let args = [words(&[0]), halves(&[1, 1])].concat();
    let begin = r#"setxattrat(AT_FDCWD, "x", 0, "user.a", "#;
    assert_eq!(set(15, &args[..15]), format!("{begin}0x7000, 15) = -1 E2BIG"));
    let longer = [&args[..], &[0, 5]].concat();
    let known = "{value=NULL, size=1, flags=XATTR_CREATE";
    assert_eq!(set(18, &longer), format!("{begin}{known}, /* bytes 16..17 */ \"\\x00\\x05\"}}, 18) = -1 E2BIG"));
}

#[test]
fn a_call_that_the_crate_lacks_has_its_row() {
    let request = [halves(&[32, 0]), words(&[0]), halves(&[0x2002_0000, 0]), words(&[u64::MAX])].concat();
    let listed = call("listns", &[PLACE, PLACE, 2, 0], 1);
    assert_eq!(
        with(listed, vec![data(0, 32, &request), data(1, 8, &words(&[7]))]),
        "listns({size=32, ns_id=0, ns_type=MNT_NS|PID_NS, user_ns_id=LISTNS_CURRENT_USER}, [0x7], 2, 0) = 1"
    );
}

/// The array to which a struct leads.
fn within(arg: u8, size: u64, bytes: &[u8]) -> Data {
    Data { part: part::WITHIN, ..data(arg, size, bytes) }
}

#[test]
fn a_struct_may_lead_to_an_array() {
    let waited = |size: u64, set: &[u8]| {
        let waited = call("pselect6", &[0, 0, 0, 0, 0, PLACE], 0);
        with(waited, vec![data(5, 16, &words(&[0x7100, size])), within(5, size, set)])
    };
    let rows = [
        (waited(8, &words(&[1 << 9])), "{sigmask=[USR1], sigsetsize=8}"),
        (waited(4, &[0; 4]), "{sigmask=0x7100, sigsetsize=4}"),
        (waited(16, &[0; 16]), "{sigmask=0x7100, sigsetsize=16}"),
        (waited(8, &[0; 4]), "{sigmask=0x7100, sigsetsize=8}"),
    ];
    for (line, sigmask) in rows {
        assert_eq!(line, format!("pselect6(0, NULL, NULL, NULL, NULL, {sigmask}) = 0"));
    }
    let cloned = |ids: Data, size: u64| {
        let args = words(&[0, 0, 0, 0, 0, 0, 0, 0, 0x7100, size, 0]);
        with(call("clone3", &[PLACE, 88], -22), vec![data(0, 88, &args), ids])
    };
    let beginning = "clone3({flags=0, exit_signal=0, stack=NULL, stack_size=0, set_tid=";
    let rows = [
        (cloned(within(0, 8, &halves(&[7, 8])), 2), "[7, 8], set_tid_size=2"),
        (cloned(within(0, 0, &[]), 0), "0x7100, set_tid_size=0"),
        (cloned(within(0, 8, &[7, 0]), 2), "0x7100, set_tid_size=2"),
        (cloned(Data { bytes: Bytes::Unreadable(14), ..within(0, 8, &[]) }, 2), "0x7100, set_tid_size=2"),
    ];
    for (line, ids) in rows {
        assert_eq!(line, format!("{beginning}{ids}}}, 88) = -1 EINVAL"));
    }
}

#[test]
fn the_value_of_setxattrat_is_behind_its_arguments() {
    let value = |name: &str, ret: i64, value: Data| {
        let args = [words(&[0x7100]), halves(&[5, 0])].concat();
        let call = told(call(name, &[CWD, 16, 0, 16, PLACE, 16], ret), ["x", "user.a"]);
        with(call, vec![data(4, 16, &args), value])
    };
    let end = ", size=5, flags=0}, 16)";
    let rows = [
        (value("setxattrat", 0, within(4, 5, b"value")), "setxattrat", "\"value\"", 0),
        (value("setxattrat", 0, within(4, 5, b"val")), "setxattrat", "\"val\"...", 0),
        (value("getxattrat", 2, within(4, 2, b"va")), "getxattrat", "\"va\"", 2),
        (value("getxattrat", 2, within(4, 0, b"")), "getxattrat", "0x7100", 2),
    ];
    for (line, name, value, ret) in rows {
        assert_eq!(line, format!(r#"{name}(AT_FDCWD, "x", 0, "user.a", {{value={value}{end} = {ret}"#));
    }
}

/// Each block of each call, with as many bytes as there may be, and with fewer.
#[test]
fn whatever_lies_there_is_shown() {
    for row in Syscall::all().iter().filter(|row| !row.is_request()) {
        for block in blocks::of(row) {
            let arg = row.arg(block.arg).unwrap() as u8;
            let size = if let What::Struct(of) = block.what { of.size } else { 16 };
            for len in (0..=size + 9).chain([600, 4096]) {
                let bytes: Vec<u8> = (0..len).map(|at| (at * 37 + len) as u8).collect();
                let mut args = [PLACE; 6];
                if let Some(when) = &block.when {
                    args[row.arg(when.arg).unwrap()] = i64::from(when.base) + i64::from(when.values.trailing_zeros());
                }
                for ret in [0, -7] {
                    let parts =
                        [0, 1, part::AFTER, part::WITHIN].map(|part| Data { part, ..data(arg, len as u64, &bytes) });
                    assert!(!with(call(row.name, &args, ret), parts.to_vec()).is_empty());
                }
            }
        }
    }
}

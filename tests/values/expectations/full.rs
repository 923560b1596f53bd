//! What pointers lead to, with all that was read of it: `--no-abbrev`.

use super::calls::{call, told};
use ior_it::support::table::blocks::{self, What, part};
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::call::{Bytes, Call, Data};
use ior_it::support::trace::show::{self, Detail};

/// Some address.
const PLACE: i64 = 0x7000;

fn data(arg: u8, bytes: &[u8]) -> Data {
    Data { arg, part: 0, size: bytes.len() as u64, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

/// The call in brief, and in full.
fn both(call: Call, data: Vec<Data>) -> [String; 2] {
    let call = call.with(|deed| deed.data = data);
    [Detail::Brief, Detail::Full].map(|detail| show::call_in(&call, detail))
}

/// The bytes of the struct that this call fills in, with these values of its members.
fn filled(name: &str, values: &[(&str, u64)]) -> Vec<u8> {
    let What::Struct(of) = blocks::of(Syscall::by_name(name).unwrap())[0].what else {
        panic!("{name} fills in no struct")
    };
    let mut bytes = vec![0; of.size];
    for (name, value) in values {
        let member = of.members.iter().find(|member| member.name == *name).unwrap();
        bytes[member.offset..][..member.size].copy_from_slice(&value.to_le_bytes()[..member.size]);
    }
    bytes
}

/// The line without its dates, which depend on the time zone.
fn undated(line: &str) -> String {
    let mut parts = line.split(" /* ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |line, part| line + " /**/" + part.split_once(" */").unwrap().1)
}

#[test]
fn a_file_has_its_device_its_times_and_their_dates() {
    let stat = |mode: u64| {
        let values = [("st_dev", 0x801), ("st_ino", 7), ("st_mode", mode), ("st_nlink", 1), ("st_gid", 9)];
        let more = [("st_blksize", 4096), ("st_blocks", 8), ("st_rdev", 0x103), ("st_size", 5)];
        let times = [("st_atime", 60), ("st_atime_nsec", 2), ("st_mtime", 1)];
        let bytes = filled("fstat", &[&values[..], &more, &times].concat());
        both(call("fstat", &[3, PLACE], 0), vec![data(1, &bytes)]).map(|line| undated(&line))
    };
    assert_eq!(
        stat(0o100_640),
        [
            "fstat(3, {st_mode=S_IFREG|0640, st_size=5, ...}) = 0",
            "fstat(3, {st_dev=makedev(0x8, 0x1), st_ino=7, st_mode=S_IFREG|0640, st_nlink=1, st_uid=0, st_gid=9, st_blksize=4096, \
             st_blocks=8, st_size=5, st_atime=60 /**/, st_atime_nsec=2, st_mtime=1 /**/, st_mtime_nsec=0, st_ctime=0, \
             st_ctime_nsec=0}) = 0",
        ]
    );
    let [brief, full] = stat(0o20_600);
    assert_eq!(brief, "fstat(3, {st_mode=S_IFCHR|0600, st_rdev=makedev(0x1, 0x3), ...}) = 0");
    assert!(full.contains("st_blocks=8, st_rdev=makedev(0x1, 0x3), st_atime=60"), "{full}");
}

#[test]
fn what_statx_has_found_is_in_its_mask() {
    let values = [("stx_mask", 0x1302), ("stx_mode", 0o40_755), ("stx_ino", 7), ("stx_size", 5), ("stx_mnt_id", 30)];
    let more = [("stx_attributes", 0x2000), ("stx_attributes_mask", 0x3000), ("stx_uid", 9)];
    let found = |mask: u64, times: &[(&str, u64)]| {
        let bytes = filled("statx", &[&values[..], &more, times, &[("stx_mask", mask)]].concat());
        let asked = told(call("statx", &[3, 16, 0x1000, 0, PLACE], 0), ["", ""]);
        both(asked, vec![data(4, &bytes)]).map(|line| undated(&line))
    };
    let end = "stx_rdev_major=0, stx_rdev_minor=0, stx_dev_major=0, stx_dev_minor=0";
    assert_eq!(
        found(0x1302, &[]),
        [
            "statx(3, \"\", AT_STATX_SYNC_AS_STAT|AT_EMPTY_PATH, 0, {stx_mask=STATX_MODE|STATX_INO|STATX_SIZE|STATX_MNT_ID, \
             stx_attributes=STATX_ATTR_MOUNT_ROOT, stx_mode=S_IFDIR|0755, stx_size=5, ...}) = 0"
                .to_owned(),
            format!(
                "statx(3, \"\", AT_STATX_SYNC_AS_STAT|AT_EMPTY_PATH, 0, {{stx_mask=STATX_MODE|STATX_INO|STATX_SIZE|STATX_MNT_ID, \
                 stx_blksize=0, stx_attributes=STATX_ATTR_MOUNT_ROOT, stx_mode=S_IFDIR|0755, stx_ino=7, stx_size=5, \
                 stx_attributes_mask=STATX_ATTR_AUTOMOUNT|STATX_ATTR_MOUNT_ROOT, {end}, stx_mnt_id=0x1e}}) = 0"
            ),
        ]
    );
    let [_, full] = found(0x20, &[("stx_atime.tv_sec", 1), ("stx_atime.tv_nsec", 2)]);
    let time = format!("stx_atime={{tv_sec=1, tv_nsec=2}} /**/, {end}}}) = 0");
    assert!(full.ends_with(&time), "{full}");
    let [_, full] = found(0x20, &[]);
    assert!(full.contains(&format!("stx_atime={{tv_sec=0, tv_nsec=0}}, {end}")), "{full}");
}

#[test]
fn no_member_is_left_out() {
    let [brief, full] = both(call("uname", &[PLACE], 0), vec![data(0, &filled("uname", &[]))]);
    assert_eq!(brief, r#"uname({sysname="", nodename="", ...}) = 0"#);
    assert_eq!(full, r#"uname({sysname="", nodename="", release="", version="", machine="", domainname=""}) = 0"#);
    let used = filled("getrusage", &[("ru_stime.tv_sec", 3), ("ru_nivcsw", 4)]);
    let [brief, full] = both(call("getrusage", &[0, PLACE], 0), vec![data(1, &used)]);
    assert!(brief.contains("ru_stime={tv_sec=3, tv_usec=0}, ...}"), "{brief}");
    assert!(
        full.contains("ru_stime={tv_sec=3, tv_usec=0}, ru_maxrss=0, ") && full.contains(", ru_nivcsw=4}"),
        "{full}"
    );
}

#[test]
fn an_event_has_all_that_is_given_of_it() {
    let event = |kind: u32, words: &[(usize, u64)], size: usize| {
        let mut bytes = vec![0; size];
        bytes[..4].copy_from_slice(&kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&(size as u32).to_le_bytes());
        for &(at, word) in words {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        let [brief, full] = both(call("perf_event_open", &[PLACE, 0, -1, -1, 0], -22), vec![data(0, &bytes)]);
        assert!(brief.contains(", precise_ip=0 /* arbitrary skid */, ...}, "), "{brief}");
        full
    };
    let full = event(5, &[(48, 7 | 3 << 32), (56, 16), (64, 8)], 72);
    assert!(full.contains("disabled=0, ") && full.contains(", sigtrap=0, wakeup_events=7, "), "{full}");
    assert!(full.contains(", bp_type=HW_BREAKPOINT_RW, bp_addr=0x10, bp_len=8}, "), "{full}");
    let full = event(0, &[(40, 1 << 14), (48, 7), (104, 5 << 48), (112, 10 << 32)], 152);
    assert!(full.contains(", wakeup_watermark=7, config1=0, config2=0, sample_regs_user=0, "), "{full}");
    assert!(full.contains(", sample_max_stack=0 /* bytes 110..111: 0x5 */, aux_sample_size=0, "), "{full}");
    let end = ", aux_start_paused=0, aux_pause=1, aux_resume=0, __reserved_3=0x1 /* Bits 931..959 */, sig_data=0, config3=0, config4=0, ...}, ";
    assert!(full.contains(end), "{full}");
}

#[test]
fn what_follows_the_members_of_bpf_is_shown() {
    let given = both(call("bpf", &[22, PLACE, 6], -7), vec![data(1, &[7, 0, 0, 0, 0, 5])]);
    assert_eq!(given[0], "bpf(BPF_MAP_FREEZE, {map_fd=7, ...}, 6) = -1 E2BIG");
    assert_eq!(given[1], r#"bpf(BPF_MAP_FREEZE, {map_fd=7, extra_data="\x00\x05" /* bytes 4..5 */}, 6) = -1 E2BIG"#);
}

#[test]
fn filters_are_shown_by_their_instructions() {
    let code = |rows: &[(u16, u8, u8, u32)]| {
        let bytes =
            |&(code, yes, no, k): &(u16, u8, u8, u32)| [&code.to_ne_bytes()[..], &[yes, no], &k.to_ne_bytes()].concat();
        rows.iter().flat_map(bytes).collect::<Vec<u8>>()
    };
    let program = |len: u64| [len.to_ne_bytes(), 0x7100_u64.to_ne_bytes()].concat();
    let within = |arg: u8, bytes: &[u8]| Data { part: part::WITHIN, ..data(arg, bytes) };
    let of_seccomp = [(0x20, 0, 0, 4), (0x15, 1, 0, 0xc000_003e), (6, 0, 0, 0x5_0001), (6, 0, 0, 0x7fff_0000)];
    let set = call("seccomp", &[1, 0, PLACE], 0);
    assert_eq!(
        both(set, vec![data(2, &program(4)), within(2, &code(&of_seccomp))]),
        [
            "seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=4, filter=0x7100}) = 0",
            "seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=4, filter=[BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4), \
             BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0xc000003e, 0x1, 0), BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ERRNO|0x1), \
             BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW)]}) = 0",
        ]
    );
    let of_socket = [
        (0x30, 0, 0, 0xffff_f000),
        (0x28, 0, 0, 0xfff0_0008),
        (0x20, 0, 0, 0xffe0_0004),
        (0x20, 0, 0, 0xffff_f001),
        (0x84, 0, 0, 0),
        (7, 0, 0, 0),
        (2, 0, 0, 3),
        (0x116, 0, 0, 0),
    ];
    let set = call("setsockopt", &[3, 1, 26, PLACE, 16], 0);
    let [brief, full] = both(set, vec![data(3, &program(8)), within(3, &code(&of_socket))]);
    assert_eq!(brief, "setsockopt(3, SOL_SOCKET, SO_ATTACH_FILTER, {len=8, filter=0x7100}, 16) = 0");
    let instructions = [
        "BPF_STMT(BPF_LD|BPF_B|BPF_ABS, SKF_AD_OFF+SKF_AD_PROTOCOL)",
        "BPF_STMT(BPF_LD|BPF_H|BPF_ABS, SKF_NET_OFF+8)",
        "BPF_STMT(BPF_LD|BPF_W|BPF_ABS, SKF_LL_OFF+4)",
        "BPF_STMT(BPF_LD|BPF_W|BPF_ABS, SKF_AD_OFF+0x1)",
        "BPF_STMT(BPF_ALU|BPF_K|BPF_NEG, 0)",
        "BPF_STMT(BPF_MISC|BPF_TAX, 0)",
        "BPF_STMT(BPF_ST, 0x3)",
        "BPF_STMT(BPF_RET|BPF_A|0x100, 0)",
    ];
    assert_eq!(
        full,
        format!("setsockopt(3, SOL_SOCKET, SO_ATTACH_FILTER, {{len=8, filter=[{}]}}, 16) = 0", instructions.join(", "))
    );
    // Another level has another option of this number.
    let [_, other] =
        both(call("setsockopt", &[3, 41, 26, PLACE, 16], 0), vec![data(3, &program(8)), within(3, &[0; 8])]);
    assert!(!other.contains("filter="), "{other}");
}

#[test]
fn all_entries_of_a_directory_are_shown() {
    let mut entry = [[0; 8], [0; 8], [24, 0, 4, b'a', 0, 0, 0, 0]].concat();
    entry[0] = 3;
    let [brief, full] = both(call("getdents64", &[3, PLACE, 1000], 40 * 24), vec![data(1, &entry.repeat(40))]);
    assert_eq!(brief.matches("{d_ino=3, d_off=0, d_reclen=24, d_type=DT_DIR, d_name=\"a\"}").count(), 32);
    assert!(brief.contains(", ...]") && !full.contains("...") && full.matches("d_name=\"a\"").count() == 40, "{full}");
}

#[test]
fn the_times_of_a_file_have_dates() {
    let words = |words: &[i64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    let set = |name: &str, args: &[i64], at: u8, times: &[i64]| {
        undated(&both(told(call(name, args, 0), ["x", ""]), vec![data(at, &words(times))])[0])
    };
    let rows = [
        (
            set("utimensat", &[-100, 16, PLACE, 0], 2, &[1, 2, 5, libc::UTIME_NOW]),
            "utimensat(AT_FDCWD, \"x\", [{tv_sec=1, tv_nsec=2} /**/, UTIME_NOW], 0) = 0",
        ),
        (
            set("utimes", &[16, PLACE], 1, &[1, 2, 3, 1_000_000]),
            "utimes(\"x\", [{tv_sec=1, tv_usec=2} /**/, {tv_sec=3, tv_usec=1000000}]) = 0",
        ),
        (set("utime", &[16, PLACE], 1, &[1, 0]), "utime(\"x\", {actime=1 /**/, modtime=0}) = 0"),
    ];
    for (line, expected) in rows {
        assert_eq!(line, expected);
    }
}

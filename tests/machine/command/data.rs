//! What pointers lead to: each block of a known program, as it was.

use std::io::{IoSlice, IoSliceMut, Read, Write, pipe};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitCode};

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, socket};

use super::{whole, working};
use crate::support::{Tested, ior_it, text, traced};

/// Makes the calls that [`shown`] expects.
pub fn work() -> ExitCode {
    let worked = || -> std::io::Result<()> {
        let (mut from, mut to) = pipe()?;
        to.write_all(b"a text of thirty-six bytes, no less..")?;
        let mut buffer = [0; 37];
        from.read_exact(&mut buffer)?;
        let written = to.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b"two")])?;
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let read = from.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])?;
        assert_eq!((written, read), (6, 6));
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        udp.connect("127.0.0.1:9")?;
        let (one, _other) = UnixDatagram::pair()?;
        let _ = one.local_addr()?;
        let _ = UnixDatagram::unbound()?.connect("/no/such/socket");
        ask_generic()?;
        std::thread::sleep(std::time::Duration::from_nanos(1001));
        let _ = Command::new("/no/such/program").arg("with spaces").spawn();
        Ok(())
    };
    worked().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Sends a message of generic netlink(7): which number has the family nlctrl?
fn ask_generic() -> std::io::Result<()> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::empty(), SockProtocol::NetlinkGeneric)?;
    let mut message = [0; 32];
    message[0] = 32;
    message[4..8].copy_from_slice(&[16, 0, 1, 0]); // GENL_ID_CTRL, NLM_F_REQUEST
    message[16..18].copy_from_slice(&[3, 2]); // CTRL_CMD_GETFAMILY
    message[20..24].copy_from_slice(&[11, 0, 2, 0]); // CTRL_ATTR_FAMILY_NAME
    message[24..30].copy_from_slice(b"nlctrl");
    sendto(socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    Ok(())
}

/// How its message is shown.
const ASKED_GENERIC: &str = "[socket], [{nlmsg_len=32, nlmsg_type=nlctrl, nlmsg_flags=NLM_F_REQUEST, nlmsg_seq=0, nlmsg_pid=0}, \
                             {cmd=CTRL_CMD_GETFAMILY, version=2}, [{nla_len=11, nla_type=CTRL_ATTR_FAMILY_NAME}, \"nlctrl\"]], 32, 0, \
                             {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 32";

pub fn shown() -> Tested {
    let trace = whole(working(&[], "data", &[])?, 0)?;
    let rows = [
        "[pipe], \"a text of thirty-six bytes, no l\"..., 37) = 37",
        "writev(4[pipe], [{iov_base=\"one\", iov_len=3}, {iov_base=\"two\", iov_len=3}], 2) = 6",
        "readv(3[pipe], [{iov_base=\"on\", iov_len=2}, {iov_base=\"etwo\", iov_len=8}], 2) = 6",
        "{sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0",
        "{sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0",
        "{sa_family=AF_UNIX, sun_path=\"/no/such/socket\"}, 18) = -1 ENOENT",
        ASKED_GENERIC,
        "{tv_sec=0, tv_nsec=1001}",
        "execve(\"/no/such/program\", [\"/no/such/program\", \"with spaces\"], 0x",
    ];
    for part in rows {
        require!(trace.contains(part), "no {part}:\n{trace}");
    }
    Ok(())
}

/// `-s` says how much is shown, and 0 that nothing is read.
pub fn limited() -> Tested {
    let rows = [
        ("3", "write(4[pipe], \"a t\"..., 37) = 37"),
        // Messages are whole.
        ("3", ASKED_GENERIC),
        ("37", "write(4[pipe], \"a text of thirty-six bytes, no less..\", 37) = 37"),
        ("0", "write(4[pipe], 0x"),
        // A string of just that many bytes is whole.
        ("11", "\"with spaces\"], 0x"),
        ("10", "\"with space\"...], 0x"),
    ];
    for (limit, part) in rows {
        let trace = whole(working(&["-s", limit], "data", &[])?, 0)?;
        require!(trace.contains(part), "-s {limit}: no {part}:\n{trace}");
    }
    let output = traced(&["-s", "4097"], &["true"]).output()?;
    require!(output.status.code() == Some(2), "{}", output.status);
    Ok(())
}

/// The loader asks for the size of a file. `-v` and `--no-abbrev` are the same.
pub fn full() -> Tested {
    for options in [&[][..], &["-v"], &["--no-abbrev"]] {
        let trace = whole(working(options, "data", &[])?, 0)?;
        let is_full = trace.contains(", st_mtime_nsec=") && !trace.contains(", ...}");
        require!(is_full != options.is_empty(), "{options:?}: {trace}");
    }
    Ok(())
}

/// JSON lines have the same, and an archive has them as well.
pub fn json_lines() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().to_str().ok_or("its path is no text")?;
    let lines = working(&["--format", "json", "--archive", archives], "data", &[])?.output()?;
    let archive = std::fs::read_dir(folder.path())?.next().ok_or("there is no archive")??.path();
    let archive = archive.to_str().ok_or("its path is no text")?;
    let shown = ior_it(&["--show", archive, "--format", "json"]).output()?;
    let limited = working(&["--format", "json", "-s", "0"], "data", &[])?.output()?;
    let rows = [
        r#""data":{"buf":"a text of thirty-six bytes, no l"},"data_is":{"buf":"cut"}"#,
        r#""data":{"iov":["one","two"]}"#,
        r#""data":{"iov":["on","etwo"]}"#,
        r#""data":{"addr":{"sa_family":"AF_INET","sin_addr":"127.0.0.1","sin_port":9}}"#,
        r#""data":{"argv":["/no/such/program","with spaces"]}"#,
    ];
    for part in rows {
        require!(text(&lines.stderr).contains(part), "no {part}:\n{}", text(&lines.stderr));
        require!(text(&shown.stdout).contains(part), "no {part} in the archive:\n{}", text(&shown.stdout));
    }
    require!(!text(&limited.stderr).contains(r#""data""#), "-s 0: {}", text(&limited.stderr));
    Ok(())
}

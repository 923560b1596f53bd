//! What pointers lead to: each block of a known program, as it was.

use std::io::{IoSlice, IoSliceMut, Read, Write, pipe};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitCode};

use super::{whole, working};
use crate::support::{Tested, traced};

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
        std::thread::sleep(std::time::Duration::from_nanos(1001));
        let _ = Command::new("/no/such/program").arg("with spaces").spawn();
        Ok(())
    };
    worked().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

pub fn shown() -> Tested {
    let trace = whole(working(&[], "data", &[])?, 0)?;
    let rows = [
        "[pipe], \"a text of thirty-six bytes, no l\"..., 37) = 37",
        "writev(4[pipe], [{iov_base=\"one\", iov_len=3}, {iov_base=\"two\", iov_len=3}], 2) = 6",
        "readv(3[pipe], [{iov_base=\"on\", iov_len=2}, {iov_base=\"etwo\", iov_len=8}], 2) = 6",
        "{sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0",
        "{sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0",
        "{sa_family=AF_UNIX, sun_path=\"/no/such/socket\"}, 18) = -1 ENOENT",
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

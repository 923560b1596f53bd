//! The command line of the guest: that of the host without what is about kernels. No I/O.

use std::ffi::{OsStr, OsString};

/// The flags of the host, and whether they take more than one value.
const OF_HOST: [(&str, bool); 6] = [
    ("--kernel", true),
    ("--kernel-program", false),
    ("--kernel-table", false),
    ("--machines", false),
    ("--silence", false),
    ("--archive", false),
];

/// The arguments of the guest: those of the host, without its program and its own flags. After `--` all are the command's.
pub fn for_guest(args: &[OsString]) -> Vec<OsString> {
    let command = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let mut own = args[..command].iter().skip(1).peekable();
    let mut kept = Vec::new();
    while let Some(arg) = own.next() {
        match of_host(arg) {
            None => kept.push(arg.clone()),
            Some(HostFlag { has_value: true, .. }) => {}
            Some(HostFlag { takes_more: false, .. }) => drop(own.next()),
            Some(HostFlag { takes_more: true, .. }) => {
                while own.next_if(|value| !value.as_encoded_bytes().starts_with(b"-")).is_some() {}
            }
        }
    }
    kept.extend_from_slice(&args[command..]);
    kept
}

struct HostFlag {
    has_value: bool,
    takes_more: bool,
}

fn of_host(arg: &OsStr) -> Option<HostFlag> {
    let text = arg.to_str()?;
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let (_, takes_more) = OF_HOST.iter().find(|(flag, _)| *flag == name)?;
    Some(HostFlag { has_value: value.is_some(), takes_more: *takes_more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_gets_what_is_not_about_kernels() {
        let rows: [(&[&str], &[&str]); 6] = [
            (&["--kernel", "a", "b", "--filter", "dup"], &["--filter", "dup"]),
            (&["dup", "--kernel=a", "--witness"], &["dup", "--witness"]),
            (&["--kernel", "a", "--archive", "x", "--machines=2", "-v"], &["-v"]),
            (&["-v", "--kernel", "a", "--silence", "5", "--kernel-program", "b"], &["-v"]),
            (&["--kernel", "a", "--", "ls", "--kernel", "b"], &["--", "ls", "--kernel", "b"]),
            (&["--kernel", "a", "--kernel", "b"], &[]),
        ];
        for (host, guest) in rows {
            let host: Vec<OsString> = ["ior-it"].iter().chain(host).map(OsString::from).collect();
            assert_eq!(for_guest(&host), guest.iter().map(OsString::from).collect::<Vec<_>>(), "{host:?}");
        }
    }
}

//! The calls that the running kernel has, from the text of /proc/kallsyms (proc_kallsyms(5)).

use std::collections::BTreeSet;

/// What the function of a call is called, before the name of the call (arch/*/include/asm/syscall_wrapper.h).
const PREFIXES: [&str; 3] = ["__x64_sys_", "__arm64_sys_", "__riscv_sys_"];

/// Functions that have another name than their call (arch/x86/entry/syscalls/syscall_64.tbl).
const ALIASES: [(&str, &str); 6] = [
    ("newstat", "stat"),
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newuname", "uname"),
    ("sendfile64", "sendfile"),
    ("umount", "umount2"),
];

/// The names of the calls; `None` if the text names none. A weak symbol (`W`) stands for a call that the kernel was built without
/// (kernel/sys_ni.c).
pub fn calls_in(kallsyms: &str) -> Option<BTreeSet<String>> {
    let functions = kallsyms.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_strong = words.next()? == "T";
        let symbol = words.next().filter(|_| is_strong)?;
        PREFIXES.iter().find_map(|prefix| symbol.strip_prefix(prefix))
    });
    let name = |function: &str| {
        let alias = ALIASES.iter().find(|(of, _)| *of == function);
        alias.map_or(function, |(_, call)| call).to_owned()
    };
    let calls: BTreeSet<String> = functions.map(name).collect();
    (!calls.is_empty()).then_some(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_strong_function_of_its_name() {
        let text =
            "0 T __x64_sys_read\n0 W __x64_sys_kexec_load\n0 t __x64_sys_ni\n0 T __x64_sys_newfstat\n0 T sys_read\n";
        let calls = calls_in(text).unwrap();
        assert_eq!(calls.into_iter().collect::<Vec<_>>(), ["fstat", "read"]);
        assert_eq!(calls_in("0 T vfs_read\n"), None);
    }
}

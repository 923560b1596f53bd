//! System V IPC and keys (sysvipc(7), keyrings(7)).

use super::{Arg, Other, PortableRow, Ret, other, row};
use crate::table::names;
use crate::table::syscalls::Role::{Choice, Flags, Int, Named, Pointer, Signed, Text, Unsigned, UnsignedInt};

/// All of them.
#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<PortableRow> {
    vec![
        other("shmget", args![key: Int, size: Unsigned, shmflg: Flags(&names::SHM_GET)]),
        row("shmat", Other, args![shmid: Int, shmaddr: Pointer, shmflg: Flags(&names::SHM_AT)], Ret::Pointer),
        other("shmdt", args![shmaddr: Pointer]),
        other("shmctl", args![shmid: Int, op: Choice(&names::SHM_CONTROL), buf: Pointer]),
        other("semget", args![key: Int, nsems: Int, semflg: Flags(&names::IPC)]),
        other("semop", args![semid: Int, sops: Pointer, nsops: UnsignedInt]),
        other("semtimedop", args![semid: Int, sops: Pointer, nsops: UnsignedInt, timeout: Pointer]),
        // What the fourth argument is depends on the operation.
        other("semctl", args![semid: Int, semnum: Int, op: Choice(&names::SEM_CONTROL), arg: Pointer]),
        other("msgget", args![key: Int, msgflg: Flags(&names::IPC)]),
        other("msgsnd", args![msqid: Int, msgp: Pointer, msgsz: Unsigned, msgflg: Flags(&names::MSG_QUEUE)]),
        row(
            "msgrcv",
            Other,
            args![msqid: Int, msgp: Pointer, msgsz: Unsigned, msgtyp: Signed, msgflg: Flags(&names::MSG_QUEUE)],
            Ret::Bytes,
        ),
        other("msgctl", args![msqid: Int, op: Choice(&names::MSG_CONTROL), buf: Pointer]),
        other(
            "add_key",
            args![path: Text, path2: Text, payload: Pointer, plen: Unsigned, keyring: Named(&names::KEYRING)],
        ),
        other(
            "request_key",
            args![path: Text, path2: Text, callout_info: Pointer, dest_keyring: Named(&names::KEYRING)],
        ),
        other("keyctl", args![op: Choice(&names::KEYCTL), arg2: Signed, arg3: Signed, arg4: Signed, arg5: Signed]),
    ]
}

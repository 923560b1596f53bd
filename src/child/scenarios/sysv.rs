//! Shared memory, semaphores and queues of System V (sysvipc(7)).
#![allow(unsafe_code)]

use std::ptr;

use libc::{GETVAL, IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_PRIVATE, IPC_RMID, IPC_STAT, SETVAL, SHM_RDONLY};
use nix::errno::Errno;

use super::steps::skip_on;
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("sysv-memory", sysv_memory),
    Scenario::new("sysv-semaphore", sysv_semaphore),
    Scenario::new("sysv-queue", sysv_queue),
];

/// A key of the scenario's own namespace.
const KEY: i32 = 0x696f72;

/// A namespace of IPC, so that no object outlives the scenario, and no other has its key.
fn alone() -> Result<(), Broken> {
    // SAFETY: a number.
    let alone = Errno::result(unsafe { libc::unshare(libc::CLONE_NEWIPC) });
    let skip = skip_on(Errno::EPERM, "it takes the rights of root: a namespace of IPC");
    alone.map(drop).map_err(|errno| skip(Failed { call: "unshare", errno }))
}

/// Memory is made, mapped twice, and is gone at its last detach.
fn sysv_memory() -> Setup {
    alone()?;
    act(|| {
        let memory = call!(shmget, KEY, 4096, IPC_CREAT | IPC_EXCL | 0o600)?;
        fails(call!(shmget, KEY, 4096, IPC_CREAT | IPC_EXCL | 0o600), Errno::EEXIST)?;
        let address = call!(shmat, memory, 0, 0)?;
        let same = call!(shmat, memory, 0, SHM_RDONLY)?;
        // SAFETY: the page is mapped at both addresses.
        let read = unsafe {
            (address as *mut u8).write_volatile(7);
            (same as *const u8).read_volatile()
        };
        ensure(read == 7, "the two mappings are of different memory")?;
        let mut about = [0_u64; 64];
        returns(call!(shmctl, memory, IPC_STAT, about.as_mut_ptr()), 0)?;
        returns(call!(shmctl, memory, IPC_RMID, 0), 0)?;
        returns(call!(shmdt, same), 0)?;
        returns(call!(shmdt, address), 0)?;
        fails(call!(shmdt, address), Errno::EINVAL)?;
        fails(call!(shmat, memory, 0, 0), Errno::EINVAL)
    })
}

/// A semaphore counts up and down, and does not go below zero.
fn sysv_semaphore() -> Setup {
    alone()?;
    act(|| {
        let set = call!(semget, IPC_PRIVATE, 2, IPC_CREAT | 0o600)?;
        returns(call!(semctl, set, 1, SETVAL, 1), 0)?;
        let down = libc::sembuf { sem_num: 1, sem_op: -1, sem_flg: IPC_NOWAIT as i16 };
        returns(call!(semop, set, &raw const down, 1), 0)?;
        fails(call!(semop, set, &raw const down, 1), Errno::EAGAIN)?;
        let wait = libc::sembuf { sem_flg: 0, ..down };
        let no_time = [0_i64; 2];
        fails(call!(semtimedop, set, &raw const wait, 1, no_time.as_ptr()), Errno::EAGAIN)?;
        returns(call!(semctl, set, 1, GETVAL, 0), 0)?;
        fails(call!(semctl, set, 2, GETVAL, 0), Errno::EINVAL)?;
        returns(call!(semctl, set, 0, IPC_RMID, 0), 0)?;
        fails(call!(semop, set, &raw const down, 1), Errno::EINVAL)
    })
}

/// A message of one type is taken out from behind one of another type.
fn sysv_queue() -> Setup {
    alone()?;
    act(|| {
        let queue = call!(msgget, KEY, IPC_CREAT | 0o600)?;
        // struct msgbuf: the type, then the text.
        let first = [1_u64, u64::from_ne_bytes(*b"first ..")];
        let second = [2_u64, u64::from_ne_bytes(*b"second .")];
        returns(call!(msgsnd, queue, first.as_ptr(), 8, IPC_NOWAIT), 0)?;
        returns(call!(msgsnd, queue, second.as_ptr(), 8, IPC_NOWAIT), 0)?;
        let mut message = [0_u64; 2];
        fails(call!(msgrcv, queue, message.as_mut_ptr(), 4, 2, IPC_NOWAIT), Errno::E2BIG)?;
        returns(call!(msgrcv, queue, message.as_mut_ptr(), 8, 2, IPC_NOWAIT), 8)?;
        ensure(message == second, "another message was received than the second")?;
        fails(call!(msgrcv, queue, message.as_mut_ptr(), 8, 2, IPC_NOWAIT), Errno::ENOMSG)?;
        returns(call!(msgctl, queue, IPC_RMID, ptr::null::<u8>()), 0)?;
        fails(call!(msgsnd, queue, first.as_ptr(), 8, IPC_NOWAIT), Errno::EINVAL)
    })
}

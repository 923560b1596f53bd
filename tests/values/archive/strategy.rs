//! Any archive.

use std::sync::Arc;
use std::time::Duration;

use ior_it::support::archive::{Archive, Origin};
use ior_it::support::child::ending::{Ending, How, Phase};
use ior_it::support::judge::verdict::Observed;
use ior_it::support::table::blocks::{self, part};
use ior_it::support::table::kind::Kind;
use ior_it::support::table::syscalls::{Abi, Sqe, Syscall};
use ior_it::support::trace::call::{
    Attribute, Bytes, Call, Contradiction, Data, Deed, Files, Identity, Outcome, RingRequest, Text,
};
use ior_it::support::trace::counts::Counts;
use ior_it::support::trace::whole::Trace;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        (bytes(), any::<bool>()).prop_map(|(bytes, cut)| Text::Read { bytes, cut }),
        any::<i32>().prop_map(Text::Unreadable),
    ]
}

fn identity() -> impl Strategy<Value = Option<Identity>> {
    let fields = any::<(u32, u64, u32, u16, u32, bool)>();
    proptest::option::of(fields.prop_map(|(device, inode, magic, mode, flags, cloexec)| Identity {
        device,
        inode,
        magic,
        mode,
        flags,
        cloexec,
    }))
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::File), Just(Kind::IoUring), Just(Kind::Anonymous)]
}

fn disagreement() -> impl Strategy<Value = Contradiction> {
    let attribute = || {
        prop_oneof![
            kind().prop_map(Attribute::Kind),
            any::<u32>().prop_map(Attribute::Status),
            any::<bool>().prop_map(Attribute::Cloexec),
        ]
    };
    (any::<i32>(), attribute(), attribute()).prop_map(|(fd, call, kernel)| Contradiction { fd, call, kernel })
}

fn files() -> impl Strategy<Value = Files> {
    let path = || proptest::option::of(bytes());
    let closes = proptest::collection::vec(bytes(), 0..3);
    let kind = || proptest::option::of(kind());
    let said = ([kind(), kind()], kind(), proptest::collection::vec(disagreement(), 0..3));
    ([path(), path(), path(), path()], closes, said).prop_map(|([path, path2, made_path, cwd], closes, said)| {
        let (kinds, made, disagreements) = said;
        Files { path, path2, closes, made_path, cwd, kinds, made, disagreements }
    })
}

/// Numbers, most of which have a meaning.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..8_u64, Just(libc::AT_FDCWD as u64)]
}

fn request() -> impl Strategy<Value = RingRequest> {
    let entry = any::<[u64; 6]>().prop_map(Sqe);
    (entry, any::<[bool; 3]>()).prop_map(|(sqe, [worker, more, ambiguous])| RingRequest {
        sqe,
        worker,
        more,
        ambiguous,
    })
}

fn data() -> impl Strategy<Value = Data> {
    let read = prop_oneof![bytes().prop_map(Bytes::Read), any::<i32>().prop_map(Bytes::Unreadable)];
    let parts = (0..6_u8, any::<u16>(), any::<u64>(), read, any::<bool>());
    parts.prop_map(|(arg, part, size, bytes, late)| Data { arg, part, size, bytes, late })
}

pub fn call() -> impl Strategy<Value = Call> {
    let outcome = prop_oneof![any::<i64>().prop_map(Outcome::Returned), Just(Outcome::Unfinished)];
    let number = prop_oneof![any::<u32>(), 0..460_u32];
    let words = (number, any::<[u64; 3]>(), any::<[u32; 3]>(), any::<[u8; 16]>(), prop::array::uniform6(word()));
    let how = (any::<[bool; 3]>(), prop_oneof![Just(Abi::Native), Just(Abi::Compat)], any::<bool>());
    let rest = (outcome, [text(), text()], [identity(), identity(), identity()], how);
    let data = proptest::collection::vec(data(), 0..3);
    let blocks = (proptest::option::of(bytes()), data, proptest::option::of(request()));
    (words, rest, blocks, files()).prop_map(|(words, rest, (peek, data, request), files)| {
        let (number, [order, enter_ns, duration_ns], [pid, tid, exit_tid], comm, args) = words;
        let (outcome, texts, [fd, fd2, made], (late, abi, refused)) = rest;
        let fds = [fd, fd2];
        let head = (number, order, pid, tid, comm, args, outcome);
        let (number, order, pid, tid, comm, args, outcome) = head;
        Call {
            order,
            pid,
            tid,
            exit_tid,
            enter_ns,
            duration_ns,
            deed: Arc::new(Deed {
                number,
                comm,
                args,
                outcome,
                texts,
                fds,
                made,
                peek,
                late,
                abi,
                refused,
                data,
                request,
                files,
            }),
        }
    })
}

/// A call of a row of the table whose arguments lead to blocks. The bytes there are any bytes: a faulty tracer sends such.
pub fn pointing() -> impl Strategy<Value = Call> {
    let bytes = proptest::collection::vec(prop_oneof![any::<u8>(), Just(0)], 0..160);
    let read = prop_oneof![9 => bytes.prop_map(Bytes::Read), 1 => Just(Bytes::Unreadable(libc::EFAULT))];
    let parts = prop_oneof![5 => Just(0), 2 => Just(part::AFTER), 1 => Just(part::GIVEN), 2 => Just(part::WITHIN), 3 => 1..8_u16, 2 => 64..70_u16, 2 => part::NETLINK..part::END];
    let data = (0..6_u8, parts, any::<u16>(), read, any::<bool>());
    let data = data.prop_map(|(arg, part, size, bytes, late)| Data { arg, part, size: size.into(), bytes, late });
    let result = prop_oneof![Just(0), 0..9_i64, -40..0_i64].prop_map(Outcome::Returned);
    let choices = (any::<proptest::sample::Index>(), prop::array::uniform6(any::<u64>()), result);
    (call(), choices, proptest::collection::vec(data, 1..6)).prop_map(|(call, (row, bits, outcome), data)| {
        let row = row.get(Syscall::all());
        let mut args = call.args;
        for (block, bits) in blocks::of(row).iter().zip(bits) {
            let Some(when) = block.when else { continue };
            let value = (0..64).map(|at| (at + bits) % 64).find(|value| when.values >> value & 1 != 0).unwrap_or(0);
            row.arg(when.arg).into_iter().for_each(|at| args[at] = u64::from(when.base) + value);
        }
        call.with(|deed| {
            (deed.number, deed.args, deed.outcome, deed.data) = (row.number, args, outcome, data);
            (deed.abi, deed.request) = (Abi::Native, None);
        })
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    let how = prop_oneof![
        Just(How::Finished),
        any::<String>().prop_map(How::Failed),
        any::<String>().prop_map(How::Skipped),
        any::<String>().prop_map(How::Panicked),
        any::<i32>().prop_map(How::Signal),
        any::<String>().prop_map(How::PremiseNotMet),
        any::<i32>().prop_map(How::Exited),
        any::<Duration>().prop_map(How::TimedOut),
    ];
    (prop_oneof![Just(Phase::Setup), Just(Phase::Act)], how).prop_map(|(phase, how)| Ending { phase, how })
}

fn trace() -> impl Strategy<Value = Trace> {
    let calls = proptest::collection::vec(call(), 0..8);
    let lines = proptest::collection::vec(any::<String>(), 0..3);
    (calls, any::<[u64; 20]>(), lines, any::<u64>()).prop_map(|(calls, counts, bad_records, watch)| {
        let [seen, emitted, refused, strays, skipped, followed, ends, received, ends_received, undecoded, more @ ..] =
            counts;
        let [submitted, submissions_received, told, told_received, untold, crowded, unnamed, hidden, left_out, begun] =
            more;
        let counts = Counts {
            seen,
            emitted,
            refused,
            strays,
            skipped,
            followed,
            ends,
            received,
            ends_received,
            undecoded,
            submitted,
            submissions_received,
            told,
            told_received,
            untold,
            unnamed,
            crowded,
            hidden,
            left_out,
            begun,
        };
        Trace { watch, calls, counts, bad_records }
    })
}

fn origin() -> impl Strategy<Value = Origin> {
    let scenario = prop_oneof![any::<String>(), Just("dup-basic".to_owned())];
    (scenario, any::<[String; 2]>(), bytes(), any::<u64>()).prop_map(
        |(scenario, [ior_it, kernel], workspace, began_ns)| Origin {
            scenario,
            ior_it,
            kernel,
            architecture: std::env::consts::ARCH.to_owned(),
            workspace,
            began_ns,
        },
    )
}

pub fn archive() -> impl Strategy<Value = Archive> {
    (origin(), ending(), trace())
        .prop_map(|(origin, ending, trace)| Archive { origin, observed: Observed { ending, trace } })
}

/// Some damage to bytes.
#[derive(Clone, Debug)]
pub enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Splice(prop::sample::Index, prop::sample::Index, Vec<u8>),
    Move(prop::sample::Index, prop::sample::Index),
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Damage::Cut),
        (index(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (index(), index(), bytes()).prop_map(|(from, to, bytes)| Damage::Splice(from, to, bytes)),
        (index(), index()).prop_map(|(from, to)| Damage::Move(from, to)),
    ]
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |from: &prop::sample::Index, to: &prop::sample::Index| {
            let (one, other) = (from.index(bytes.len()), to.index(bytes.len()));
            one.min(other)..one.max(other)
        };
        match self {
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Damage::Splice(from, to, new) => drop(bytes.splice(range(from, to), new.iter().copied())),
            Damage::Move(from, to) => {
                let piece: Vec<u8> = bytes.drain(range(from, to)).collect();
                bytes.extend(piece);
            }
        }
    }
}

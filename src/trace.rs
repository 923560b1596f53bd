//! A trace: the calls of one scenario in order, and what was lost of them.
//!
//! No I/O. Filled by [`crate::record`] (what the kernel recorded) and [`crate::files`] (which file a descriptor is).

use serde::{Deserialize, Serialize};

use crate::files::{AtGate, Follower};
use crate::record::{self, Record};
use crate::syscalls::{Peek, Ret, Syscall};

/// One system call as observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The system call number.
    pub number: u32,
    /// Its place among the calls that its watch has seen, from 0.
    pub order: u64,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The thread's name when the call returned, NUL-padded.
    #[serde(with = "serde_bytes")]
    pub comm: [u8; 16],
    /// The six raw arguments.
    pub args: [u64; 6],
    /// What became of it.
    pub outcome: Outcome,
    /// When it was entered, in nanoseconds of CLOCK_MONOTONIC.
    pub enter_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// The strings behind its path arguments, in the order of [`Syscall::path_args`].
    pub texts: [Text; 2],
    /// The files behind its descriptor arguments, in the order of [`Syscall::fd_args`]; `None` if not open. Of a call that
    /// makes a pair of descriptors ([`Syscall::makes_pair`]), which has no such argument, those behind the pair.
    pub fds: [Option<Identity>; 2],
    /// The file behind the descriptor it returned.
    pub made: Option<Identity>,
    /// The block behind the argument that [`Syscall::peek`] names; `None` if it could not be read.
    #[serde(with = "serde_bytes")]
    pub peek: Option<Vec<u8>>,
    /// What following the descriptors adds.
    pub files: Files,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned: the raw result, negative for an errno.
    Returned(i64),
    /// It never did: the thread ended in it.
    Unfinished,
}

/// A string in the memory of the traced process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// It was read.
    Read {
        /// Its bytes without the NUL; empty also where the call has no such argument.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        /// Whether it is longer than what a record holds (PATH_MAX).
        cut: bool,
    },
    /// It could not be read: the errno.
    Unreadable(i32),
}

/// The file behind a descriptor, as the kernel's tables had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `s_dev`: major << 20 | minor.
    pub device: u32,
    /// The inode number.
    pub inode: u64,
    /// Type and permissions (inode(7)).
    pub mode: u16,
    /// Access mode and file status flags (fcntl(2), F_GETFL).
    pub flags: u32,
    /// Whether close-on-exec is set on the descriptor.
    pub cloexec: bool,
}

impl Identity {
    /// Whether both are descriptors of the same file.
    pub fn same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// The files of a call, by name. Paths are absolute, or relative to the workspace where they lie inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The file that the call is about: of its path, else of its descriptor.
    #[serde(with = "serde_bytes")]
    pub path: Option<Vec<u8>>,
    /// The second one.
    #[serde(with = "serde_bytes")]
    pub path2: Option<Vec<u8>>,
    /// The files whose descriptors the call closed besides its own (close_range, dup2 over an open one), in the order of the
    /// numbers.
    #[serde(with = "byte_strings")]
    pub closes: Vec<Vec<u8>>,
    /// Descriptors whose followed name the kernel's identity contradicted: the name was dropped.
    pub contradicted: Vec<i32>,
}

impl Call {
    /// The table's row of the call.
    pub fn syscall(&self) -> Option<&'static Syscall> {
        Syscall::by_number(self.number)
    }

    /// The name of the call.
    pub fn name(&self) -> String {
        crate::syscalls::name_of(self.number)
    }

    /// The result of a call that succeeded.
    pub fn success(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Returned(value) if !is_error(value) => Some(value),
            Outcome::Returned(_) | Outcome::Unfinished => None,
        }
    }

    /// The errno of a call that failed, as a positive number.
    pub fn errno(&self) -> Option<i32> {
        match self.outcome {
            Outcome::Returned(value) if is_error(value) => Some(-value as i32),
            Outcome::Returned(_) | Outcome::Unfinished => None,
        }
    }

    /// The string behind the argument of this index, if that is a path or a text.
    pub fn text(&self, at: usize) -> Option<&Text> {
        let place = self.syscall()?.path_args().position(|arg| arg == at)?;
        self.texts.get(place)
    }

    /// A word of openat2's `struct open_how`: flags, mode, resolve. `None` if it could not be read.
    pub fn how(&self, word: usize) -> Option<u64> {
        let (_, Peek::OpenHow) = self.syscall()?.peek? else { return None };
        let bytes = self.peek.as_ref()?.get(word * 8..word * 8 + 8)?;
        bytes.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    }

    /// Whether the file that the call opens has no name: its path is that of the directory that holds it (open(2),
    /// O_TMPFILE).
    pub fn opens_unnamed(&self) -> bool {
        let flags = match self.name().as_str() {
            "open" => Some(self.args[1]),
            "openat" => Some(self.args[2]),
            "openat2" => self.how(0),
            _ => None,
        };
        // O_TMPFILE contains O_DIRECTORY, which opens a file that has a name.
        let unnamed = libc::O_TMPFILE as u64;
        flags.is_some_and(|flags| flags & unnamed == unnamed)
    }

    /// The bytes that the call moved: its result where that counts bytes, else none.
    pub fn bytes(&self) -> i64 {
        let counts_bytes = self.syscall().is_some_and(|row| matches!(row.ret_for(&self.args), Ret::Bytes));
        self.success().filter(|_| counts_bytes).unwrap_or(0)
    }

    /// The thread's name.
    pub fn comm(&self) -> &[u8] {
        self.comm.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// The kernel's own bound: results from -4095 to -1 are errnos (include/linux/err.h, MAX_ERRNO).
fn is_error(value: i64) -> bool {
    (-4095..0).contains(&value)
}

/// How many calls and records there were on the way from the kernel to the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that BPF saw entered.
    pub seen: u64,
    /// Records that BPF put into the ring.
    pub emitted: u64,
    /// Calls for which the ring had no room.
    pub refused: u64,
    /// Exits without an enter (the gate's own write is one): dropped.
    pub strays: u64,
    /// Processes that were watched because a watched one forked them.
    #[serde(default)]
    pub followed: u64,
    /// End records that BPF put into the ring.
    pub ends: u64,
    /// Records of calls that were read from the ring.
    pub received: u64,
    /// End records that were read.
    pub ends_received: u64,
    /// Records that could not be decoded.
    pub undecoded: u64,
}

impl Counts {
    /// How many of the processes are not gone.
    pub fn left(&self) -> u64 {
        (self.followed + 1).saturating_sub(self.ends)
    }

    /// What was lost, a sentence for each place; empty if everything that was seen was received, and every process was seen
    /// to end.
    pub fn losses(&self) -> Vec<String> {
        let Counts { seen, emitted, refused, ends, received, ends_received, undecoded, strays: _, followed } = *self;
        let mut losses = Vec::new();
        let mut lost = |holds: bool, sentence: String| {
            if !holds {
                losses.push(sentence);
            }
        };
        lost(refused == 0, format!("{refused} of {seen} calls found no room in the ring buffer"));
        lost(
            seen == emitted.saturating_add(refused),
            format!("{seen} calls were seen, but {emitted} emitted and {refused} refused"),
        );
        lost(emitted == received, format!("{emitted} records were emitted and {received} received"));
        lost(undecoded == 0, format!("{undecoded} records could not be decoded"));
        match (followed, ends) {
            (0, _) => lost(ends > 0, "the end of the process was not seen".to_owned()),
            _ => lost(ends > followed, format!("of {} processes, {ends} were seen to end", followed + 1)),
        }
        lost(ends == ends_received, format!("{ends} end records were emitted and {ends_received} received"));
        losses
    }
}

/// The calls of one scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The watch that its records carry; 0 if there is none.
    pub watch: u64,
    /// In the order in which they were entered.
    pub calls: Vec<Call>,
    /// What became of them on the way.
    pub counts: Counts,
    /// What could not be decoded, a sentence each (the first few).
    pub bad_records: Vec<String>,
}

/// How many bad records are described, rather than only counted.
const BAD_RECORDS_DESCRIBED: usize = 5;

impl Trace {
    /// The trace that these records are: decoded, put into the order of entering, and their descriptors followed.
    /// `counts` is what BPF counted; `gate` is what the process had when its watch began.
    pub fn assemble<'r>(records: impl Iterator<Item = &'r [u8]>, counts: Counts, gate: AtGate) -> Self {
        let mut trace = Trace { counts, ..Trace::default() };
        for bytes in records {
            trace.watch = record::watch_of(bytes).unwrap_or(trace.watch);
            match record::decode(bytes) {
                Ok(Record::Call(call)) => trace.calls.push(*call),
                Ok(Record::End { .. }) => trace.counts.ends_received += 1,
                Err(bad) => {
                    trace.counts.undecoded += 1;
                    if trace.bad_records.len() < BAD_RECORDS_DESCRIBED {
                        trace.bad_records.push(bad.0);
                    }
                }
            }
        }
        trace.counts.received = trace.calls.len() as u64;
        trace.calls.sort_by_key(|call| call.order);
        let mut follower = Follower::new(gate);
        trace.calls.iter_mut().for_each(|call| follower.follow(call));
        trace
    }

    /// What was lost, a sentence for each place; empty if the trace is whole.
    pub fn losses(&self) -> Vec<String> {
        let gap = self.first_gap().map(|gap| format!("the first missing call is number {gap} of {}", self.counts.seen));
        self.counts.losses().into_iter().chain(gap).collect()
    }

    /// The first number that no call has, if the calls are not all there.
    fn first_gap(&self) -> Option<u64> {
        let mut numbers: Vec<u64> = self.calls.iter().map(|call| call.order).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().zip(0..).find(|&(&number, expected)| number != expected).map(|(_, expected)| expected).or_else(
            || {
                let count = numbers.len() as u64;
                (count < self.counts.seen).then_some(count)
            },
        )
    }
}

/// A list of byte strings, each as such and not as a list of numbers.
mod byte_strings {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_bytes::{ByteBuf, Bytes};

    pub(super) fn serialize<S: Serializer>(list: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|bytes| Bytes::new(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Ok(Vec::<ByteBuf>::deserialize(from)?.into_iter().map(ByteBuf::into_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{call_bytes, end_bytes};

    fn number_of(name: &str) -> u32 {
        Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number
    }

    fn assembled(records: &[Vec<u8>], counts: Counts) -> Trace {
        Trace::assemble(records.iter().map(Vec::as_slice), counts, AtGate::in_workspace(b"/ws"))
    }

    /// A sync(2) for each of these places in the order of entering.
    fn syncs(orders: &[u64]) -> Vec<Vec<u8>> {
        orders.iter().map(|&order| call_bytes(order, number_of("sync"), 0, b"", 0)).collect()
    }

    #[test]
    fn calls_are_put_into_the_order_in_which_they_were_entered() {
        let orders = |trace: &Trace| trace.calls.iter().map(|call| call.order).collect::<Vec<_>>();
        let rows: [(&str, &[u64], &[u64]); 4] = [
            ("none", &[], &[]),
            ("in order already", &[0, 1, 2], &[0, 1, 2]),
            ("a call that took long comes after those that began later", &[1, 2, 0], &[0, 1, 2]),
            ("a gap stays a gap", &[9, 0, 4], &[0, 4, 9]),
        ];
        for (sentence, given, expected) in rows {
            assert_eq!(orders(&assembled(&syncs(given), Counts::default())), expected, "{sentence}");
        }
    }

    #[test]
    fn files_are_followed_in_that_order_too() {
        let cwd = libc::AT_FDCWD as u64;
        let write = call_bytes(1, number_of("write"), 3, b"", 5);
        let openat = call_bytes(0, number_of("openat"), cwd, b"x", 3);
        let trace = assembled(&[write, openat], Counts::default());
        let paths: Vec<_> = trace.calls.iter().map(|call| call.files.path.as_deref()).collect();
        assert_eq!(paths, [Some(b"x".as_slice()); 2], "the write came first and was entered second");
    }

    #[test]
    fn what_was_received_is_counted_and_what_bpf_counted_is_kept() {
        let bad = |length: usize| vec![0; length];
        let records = [syncs(&[0, 1, 2]), vec![end_bytes(3)], (0..7).map(bad).collect()].concat();
        let counted = Counts { seen: 3, emitted: 4, refused: 5, strays: 6, ends: 7, ..Counts::default() };
        let trace = assembled(&records, counted);
        assert_eq!(trace.counts, Counts { received: 3, ends_received: 1, undecoded: 7, ..counted });
        assert_eq!(trace.bad_records.len(), 5, "the first five of seven are described");
        assert_eq!(trace.bad_records[4], "4 bytes are less than a header");
    }

    /// The counts of a whole trace of so many calls.
    fn whole(calls: u64) -> Counts {
        Counts { seen: calls, emitted: calls, ends: 1, received: calls, ends_received: 1, ..Counts::default() }
    }

    /// What is said to be lost of a trace with these counts and calls at these places.
    fn losses(counts: Counts, orders: &[u64]) -> Vec<String> {
        let calls = assembled(&syncs(orders), Counts::default()).calls;
        Trace { calls, counts, ..Trace::default() }.losses()
    }

    #[test]
    fn a_whole_trace_lost_nothing() {
        let rows: [(&str, Counts, &[u64]); 4] = [
            ("three calls", whole(3), &[0, 1, 2]),
            ("in any order", whole(3), &[2, 0, 1]),
            ("no call at all", whole(0), &[]),
            ("the gate's own call is a stray and no loss", Counts { strays: 1, ..whole(1) }, &[0]),
        ];
        for (sentence, counts, orders) in rows {
            assert_eq!(losses(counts, orders), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    fn each_loss_is_told_with_its_count_and_place() {
        let rows: [(&str, Counts, &[u64], &[&str]); 7] = [
            (
                "no room for the second of three calls",
                Counts { refused: 1, emitted: 2, received: 2, ..whole(3) },
                &[0, 2],
                &["1 of 3 calls found no room in the ring buffer", "the first missing call is number 1 of 3"],
            ),
            (
                "BPF itself lost the first of two",
                Counts { emitted: 1, received: 1, ..whole(2) },
                &[1],
                &["2 calls were seen, but 1 emitted and 0 refused", "the first missing call is number 0 of 2"],
            ),
            (
                "the reader lost the last of two",
                Counts { received: 1, ..whole(2) },
                &[0],
                &["2 records were emitted and 1 received", "the first missing call is number 1 of 2"],
            ),
            (
                "a record came twice",
                Counts { received: 3, ..whole(2) },
                &[0, 1, 1],
                &["2 records were emitted and 3 received"],
            ),
            (
                "a record makes no sense",
                Counts { undecoded: 1, ..whole(2) },
                &[0, 1],
                &["1 records could not be decoded"],
            ),
            (
                "the process never ended",
                Counts { ends: 0, ends_received: 0, ..whole(1) },
                &[0],
                &["the end of the process was not seen"],
            ),
            (
                "the end did not arrive",
                Counts { ends_received: 0, ..whole(1) },
                &[0],
                &["1 end records were emitted and 0 received"],
            ),
        ];
        for (sentence, counts, orders, expected) in rows {
            assert_eq!(losses(counts, orders), expected, "{sentence}");
        }
    }

    #[test]
    fn nothing_counted_is_not_nothing_lost() {
        assert_eq!(Trace::default().losses(), ["the end of the process was not seen"]);
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
        let call = assembled(&syncs(&[0]), Counts::default()).calls.remove(0);
        for (sentence, outcome, success, errno) in rows {
            let call = Call { outcome, ..call.clone() };
            assert_eq!((call.success(), call.errno()), (success, errno), "{sentence}");
        }
    }

    #[test]
    fn the_name_of_a_thread_ends_at_its_first_nul() {
        let call = assembled(&syncs(&[0]), Counts::default()).calls.remove(0);
        let rows: [(&[u8; 16], &[u8]); 3] =
            [(b"cat\0rest-of-old\0", b"cat"), (&[0; 16], b""), (b"sixteen-letters!", b"sixteen-letters!")];
        for (comm, expected) in rows {
            assert_eq!(Call { comm: *comm, ..call.clone() }.comm(), expected);
        }
    }
}

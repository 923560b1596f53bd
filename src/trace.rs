//! A trace: the calls of one scenario in order, and what was lost of them.
//!
//! No I/O. Filled by [`crate::record`] (what the kernel recorded) and [`crate::files`] (which file a descriptor is).

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::files::{self, AtGate};
use crate::kind::Kind;
use crate::names;
use crate::record::{self, Record};
use crate::syscalls::{Peek, Place, Sqe, Syscall};

/// One system call as observed, or one request of io_uring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The system call number; of a request [`crate::syscalls::REQUESTS`] and its opcode.
    pub number: u32,
    /// Its place among the calls that its watch has seen, from 0.
    pub order: u64,
    /// The process.
    pub pid: u32,
    /// The thread; of a request the one that submitted it.
    pub tid: u32,
    /// The thread's id when it left the call. execve(2) by a thread that is not the leader goes on under the leader's. 0 in
    /// archives that do not have it.
    #[serde(default)]
    pub exit_tid: u32,
    /// The thread's name when the call returned, or the request was submitted, NUL-padded.
    #[serde(with = "serde_bytes")]
    pub comm: [u8; 16],
    /// The six raw arguments; of a request in the order of its row.
    pub args: [u64; 6],
    /// What became of it.
    pub outcome: Outcome,
    /// When it was entered or submitted, in nanoseconds of CLOCK_MONOTONIC.
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
    /// What a request of io_uring has besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// What following the descriptors adds.
    pub files: Files,
}

/// What a request of io_uring has and a system call has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its entry of the submission queue.
    pub sqe: Sqe,
    /// Whether another thread completed it than the one that submitted it.
    pub worker: bool,
    /// Whether more completions of it follow (IORING_CQE_F_MORE): each is a call, and the last one has the request's place.
    pub more: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The place of the request among the calls that its watch has seen.
    pub request: u64,
    /// The place of this completion: the same for the last one of the request.
    pub order: u64,
    /// Its result; unfinished if no completion was posted while the process lived.
    pub outcome: Outcome,
    /// How long that took from the submission, in nanoseconds.
    pub duration_ns: u64,
    /// As [`Request::worker`].
    pub worker: bool,
    /// As [`Request::more`].
    pub more: bool,
    /// The file behind the descriptor that the request returned.
    pub made: Option<Identity>,
    /// The files behind the pair that the request made, and the pair: two `int`s, as pipe(2) fills them in, if it was read.
    pub pair: ([Option<Identity>; 2], Option<Vec<u8>>),
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned: the raw result, negative for an errno.
    Returned(i64),
    /// It never did: the thread ended in it. Of a request, no completion was posted.
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
    /// What kind of filesystem it is on (`s_magic`, as in statfs(2)); 0 in archives that do not have it.
    #[serde(default)]
    pub magic: u32,
    /// Type and permissions (inode(7)). Since Linux 6.16 an anonymous inode has the type of a regular file.
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

    /// What the kernel says of the kind.
    pub fn kind(&self) -> Kind {
        Kind::of_inode(self.magic, self.mode)
    }

    /// Access mode and status flags, without what only an open acts on (open(2), "file creation flags") and what the kernel
    /// keeps for itself.
    pub fn status(&self) -> u32 {
        self.flags & names::STATUS_FLAGS
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
    /// What is behind [`Call::fds`], where they are open.
    #[serde(default)]
    pub kinds: [Option<Kind>; 2],
    /// What is behind [`Call::made`].
    #[serde(default)]
    pub made: Option<Kind>,
    /// What else the calls before and the kernel say differently of a descriptor: from here on the kernel's holds.
    #[serde(default)]
    pub disagreements: Vec<Disagreement>,
}

/// A descriptor of which the calls before and the kernel do not say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Its number.
    pub fd: i32,
    /// What follows from the calls.
    pub followed: Attribute,
    /// What the kernel says.
    pub kernel: Attribute,
}

/// Something that is said of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// What is behind it.
    Kind(Kind),
    /// Access mode and status flags ([`Identity::status`]).
    Status(u32),
    /// Whether close-on-exec is set.
    Cloexec(bool),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Kind(kind) => write!(f, "kind {}", kind.name()),
            Attribute::Status(flags) => write!(f, "status {}", names::STATUS.show((*flags).into())),
            Attribute::Cloexec(set) => write!(f, "cloexec {set}"),
        }
    }
}

impl Call {
    /// The table's row of the call.
    pub fn syscall(&self) -> Option<&'static Syscall> {
        Syscall::by_number(self.number)
    }

    /// Whether the descriptor in the argument of this index is none, but an index into the files that are registered with the
    /// ring (io_uring_enter(2), IOSQE_FIXED_FILE; splice(2)'s other end has a flag of its own, and what is closed a field).
    pub fn is_registered(&self, at: usize) -> bool {
        let (Some(Request { sqe, .. }), Some(row)) = (self.request, self.syscall()) else { return false };
        match row.places.get(at) {
            Some(Place::Fd) if row.like == "close" => sqe.at(Place::Index) != 0,
            Some(Place::Fd) => sqe.flags() & Sqe::FIXED_FILE != 0,
            // SPLICE_F_FD_IN_FIXED
            Some(Place::Index) => sqe.at(Place::OpFlags) & 1 << 31 != 0,
            _ => false,
        }
    }

    /// The call that this request is with one of its completions.
    fn completed(&self, completion: Completion) -> Self {
        let Completion { request: _, order, outcome, duration_ns, worker, more, made, pair: (fds, peek) } = completion;
        let request = self.request.map(|request| Request { worker, more, ..request });
        let mut call = Call { order, outcome, duration_ns, request, ..self.clone() };
        let Some(row) = call.syscall() else { return call };
        // What goes into the ring's own table has no descriptor: BPF takes its index for one.
        let direct = row.arg("file_index").is_some_and(|at| call.args[at] != 0);
        call.made = made.filter(|_| !direct);
        if row.makes_pair() {
            (call.fds, call.peek) = if direct { ([None; 2], None) } else { (fds, peek) };
        }
        call
    }

    /// The name of the call.
    pub fn name(&self) -> String {
        crate::syscalls::name_of(self.number)
    }

    /// When it returned, or was given up, in nanoseconds of CLOCK_MONOTONIC.
    pub fn exit_ns(&self) -> u64 {
        self.enter_ns.saturating_add(self.duration_ns)
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

    /// The block as two descriptors, those that pipe or socketpair made; `None` if it could not be read.
    pub fn pair(&self) -> Option<[i32; 2]> {
        let [a, b, c, d, e, f, g, h] = *self.peek.as_ref()?.first_chunk::<8>()?;
        Some([i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])])
    }

    /// Whether the file that the call opens has no name: its path is that of the directory that holds it (open(2),
    /// O_TMPFILE).
    pub fn opens_unnamed(&self) -> bool {
        let flags = match self.syscall().map_or("", |row| row.like) {
            "open" => Some(self.args[1]),
            "openat" => Some(self.args[2]),
            "openat2" => self.how(0),
            _ => None,
        };
        // O_TMPFILE contains O_DIRECTORY, which opens a file that has a name.
        let unnamed = libc::O_TMPFILE as u64;
        flags.is_some_and(|flags| flags & unnamed == unnamed)
    }

    /// The bytes that the call moved: 0 if it failed; `None` where its result counts none, or does not say how many.
    pub fn bytes(&self) -> Option<u64> {
        let result = match self.outcome {
            Outcome::Returned(_) => self.success().unwrap_or(0),
            Outcome::Unfinished => return None,
        };
        self.syscall()?.bytes(&self.args, result as u64)
    }

    /// The thread's id when it left the call, if the call changed it.
    pub fn other_exit_tid(&self) -> Option<u32> {
        Some(self.exit_tid).filter(|&exit_tid| exit_tid != 0 && exit_tid != self.tid)
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
    /// How often the kernel skipped a program of the tracer during the watch, on whatever process's behalf
    /// (`recursion_misses` of `struct bpf_prog_info`): each time something may have gone uncounted.
    #[serde(default)]
    pub skipped: u64,
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
    /// Records of submitted requests that BPF put into the ring; those of `emitted` are of completions.
    #[serde(default)]
    pub submitted: u64,
    /// Those that were read.
    #[serde(default)]
    pub submissions_received: u64,
}

impl Counts {
    /// How many of the processes are not gone.
    pub fn left(&self) -> u64 {
        (self.followed + 1).saturating_sub(self.ends)
    }

    /// What was lost, a sentence for each place; empty if everything that was seen was received, and every process was seen
    /// to end.
    pub fn losses(&self) -> Vec<String> {
        let Counts { seen, emitted, refused, ends, received, ends_received, undecoded, followed, skipped, .. } = *self;
        let Counts { submitted, submissions_received, .. } = *self;
        let mut losses = Vec::new();
        let mut lost = |holds: bool, sentence: String| {
            if !holds {
                losses.push(sentence);
            }
        };
        let beside =
            if submitted == 0 { "" } else { ", or beside the 4096 requests of io_uring that may be in flight" };
        lost(refused == 0, format!("{refused} of {seen} calls found no room in the ring buffer{beside}"));
        lost(
            seen == emitted.saturating_add(refused),
            format!("{seen} calls were seen, but {emitted} emitted and {refused} refused"),
        );
        lost(skipped == 0, format!("the kernel skipped a program of the tracer {skipped} times"));
        lost(emitted == received, format!("{emitted} records were emitted and {received} received"));
        lost(
            submitted == submissions_received,
            format!("{submitted} requests were submitted and {submissions_received} received"),
        );
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

impl Trace {
    /// The trace that these records are: decoded, put into the order of entering, and their descriptors followed.
    /// `counts` is what BPF counted; `gate` is what the process had when its watch began.
    pub fn assemble<'r>(records: impl Iterator<Item = &'r [u8]>, counts: Counts, gate: AtGate) -> Self {
        let mut assembly = Assembly::new(counts);
        records.for_each(|bytes| assembly.add(bytes));
        assembly.finished(gate)
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

/// A trace that is being put together, record by record.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    trace: Trace,
    requests: Requests,
}

/// The requests of io_uring that have been submitted, by their number: a completion only says which it is of.
#[derive(Clone, Debug, Default)]
pub struct Requests(HashMap<u64, Box<Call>>);

impl Requests {
    /// One more is under way.
    pub fn submitted(&mut self, request: Box<Call>) {
        self.0.insert(request.order, request);
    }

    /// The call that a completion makes of its request, which its last one ends; a sentence if there is none.
    pub fn completed(&mut self, completion: Completion) -> Result<Call, String> {
        let (number, more) = (completion.request, completion.more);
        let request = self.0.get(&number);
        let request = request.ok_or_else(|| format!("no request is number {number}, and it is completed"))?;
        let call = request.completed(completion);
        if !more {
            self.0.remove(&number);
        }
        Ok(call)
    }
}

/// How many bad records are described, rather than only counted.
const BAD_RECORDS_DESCRIBED: usize = 5;

impl Assembly {
    /// Nothing yet; `counts` is what BPF counted. The reader's own counts begin at 0.
    pub fn new(counts: Counts) -> Self {
        let counts = Counts { received: 0, ends_received: 0, undecoded: 0, submissions_received: 0, ..counts };
        Self { trace: Trace { counts, ..Trace::default() }, requests: Requests::default() }
    }

    /// Decodes one more record. What it adds is in no order, and its descriptors are not followed, until it is finished.
    pub fn add(&mut self, bytes: &[u8]) {
        self.trace.watch = record::watch_of(bytes).unwrap_or(self.trace.watch);
        match record::decode(bytes) {
            Ok(Record::Call(call)) => self.push(*call),
            Ok(Record::Request(request)) => {
                self.trace.counts.submissions_received += 1;
                self.requests.submitted(request);
            }
            Ok(Record::Completion(completion)) => match self.requests.completed(*completion) {
                Ok(call) => self.push(call),
                Err(why) => self.bad(why),
            },
            Ok(Record::End { .. }) => self.trace.counts.ends_received += 1,
            Err(bad) => self.bad(bad.0),
        }
    }

    /// The trace of all records that were added: in the order of entering, and followed from the gate on.
    pub fn finished(self, gate: AtGate) -> Trace {
        let mut trace = self.trace;
        trace.calls.sort_by_key(|call| call.order);
        files::follow(&mut trace.calls, gate);
        trace
    }

    fn push(&mut self, call: Call) {
        self.trace.calls.push(call);
        self.trace.counts.received += 1;
    }

    fn bad(&mut self, why: String) {
        self.trace.counts.undecoded += 1;
        if self.trace.bad_records.len() < BAD_RECORDS_DESCRIBED {
            self.trace.bad_records.push(why);
        }
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

    /// IORING_OP_READ as the call with this number, and one of its completions.
    fn read_request(order: u64) -> Call {
        let call = assembled(&syncs(&[order]), Counts::default()).calls.remove(0);
        let request = Request { sqe: Sqe([22, 0, 0, 0, 7, 0]), ..Request::default() };
        Call { number: number_of("IORING_OP_READ"), request: Some(request), ..call }
    }

    fn completion(request: u64, order: u64, ret: i64) -> Vec<u8> {
        let call = read_request(order);
        // Any but the last has a number of its own.
        let more = call.request.map(|entry| Request { more: request != order, ..entry });
        let call = Call { outcome: Outcome::Returned(ret), request: more, ..call };
        record::encode_completion(1, &call, request)
    }

    #[test]
    fn a_request_is_joined_with_its_completions() {
        let submitted = [record::encode(1, &read_request(0)), record::encode(1, &read_request(1))];
        let completed = [completion(1, 1, 11), completion(0, 3, 33), completion(0, 0, 10)];
        let sync = syncs(&[2]);
        let trace = assembled(&[&submitted[..], &completed, &sync].concat(), Counts::default());
        let said: Vec<_> = trace.calls.iter().map(|call| (call.order, call.name(), call.success())).collect();
        let read = || "IORING_OP_READ".to_owned();
        let expected =
            [(0, read(), Some(10)), (1, read(), Some(11)), (2, "sync".to_owned(), Some(0)), (3, read(), Some(33))];
        assert_eq!(said, expected, "each where it was submitted, and a completion more where it came");
        assert_eq!((trace.counts.received, trace.counts.submissions_received), (4, 2));
    }

    #[test]
    fn half_of_a_request_is_a_loss() {
        let submission = record::encode(1, &read_request(0));
        let rows = [
            ("its submission", completion(0, 0, 1), "1 requests were submitted and 0 received"),
            ("its completion", submission, "1 records were emitted and 0 received"),
        ];
        for (sentence, record, expected) in rows {
            let counts = Counts { submitted: 1, ..whole(1) };
            let trace = assembled(&[record, end_bytes(1)], counts);
            assert!(trace.losses().contains(&expected.to_owned()), "without {sentence}: {:?}", trace.losses());
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
    fn a_program_that_did_not_run_is_a_loss_though_nothing_is_missing() {
        let skipped = Counts { skipped: 2, ..whole(1) };
        assert_eq!(losses(skipped, &[0]), ["the kernel skipped a program of the tracer 2 times"]);
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

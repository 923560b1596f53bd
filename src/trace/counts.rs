//! How many calls and records there were between the kernel and a trace, and how many of them were lost.

use serde::{Deserialize, Serialize};

/// The calls and records between the kernel and a trace, counted at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that BPF saw entered.
    pub seen: u64,
    /// Records that BPF put into the ring.
    pub emitted: u64,
    /// Calls for which the ring had no room.
    pub refused: u64,
    /// Calls that were not asked for.
    #[serde(default)]
    pub left_out: u64,
    /// How many threads may have been in a call when the watch began: 0 stands for 1.
    #[serde(default)]
    pub begun: u64,
    /// Exits without an enter, which BPF drops. The gate's own write is one.
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
    /// Records of names and of closed files that BPF put into the ring.
    #[serde(default)]
    pub told: u64,
    /// Those that were read.
    #[serde(default)]
    pub told_received: u64,
    /// Those for which the ring had no room: the names are missing.
    #[serde(default)]
    pub untold: u64,
    /// References of calls to names that never arrived.
    #[serde(default)]
    pub unnamed: u64,
    /// Requests that were refused since too many were in flight.
    #[serde(default)]
    pub crowded: u64,
    /// Processes that were not watched any more from where they became a program that their caller may not trace.
    #[serde(default)]
    pub hidden: u64,
}

/// What an observer can say about what it has lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Losses {
    /// It counts at each step: a sentence for each place where something was lost, and none if all is there.
    Counted(Vec<String>),
    /// It reports that it has lost so many, without saying where.
    Reported(u64),
    /// It does not say.
    #[default]
    Unknown,
}

impl Losses {
    /// Whether it says that something was lost.
    pub fn are_known(&self) -> bool {
        match self {
            Self::Counted(sentences) => !sentences.is_empty(),
            Self::Reported(count) => *count > 0,
            Self::Unknown => false,
        }
    }

    /// The same as sentences.
    pub fn sentences(self) -> Vec<String> {
        match self {
            Self::Counted(sentences) => sentences,
            Self::Reported(count) => vec![format!("it says that it has lost {count}")],
            Self::Unknown => Vec::new(),
        }
    }

    /// One more report of so many.
    pub fn report(&mut self, more: u64) {
        match self {
            Self::Reported(count) => *count += more,
            Self::Counted(_) | Self::Unknown => *self = Self::Reported(more),
        }
    }
}

/// A watch begins while its process is in the call that is its gate, or while the threads of running processes are in calls.
const STRAYS: u64 = 1;

impl Counts {
    /// These of BPF with what a reader has received.
    pub fn with_received(self, reader: Counts) -> Self {
        let Counts { received, ends_received, undecoded, submissions_received, told_received, unnamed, hidden, .. } =
            reader;
        Self { received, ends_received, undecoded, submissions_received, told_received, unnamed, hidden, ..self }
    }

    /// How many records BPF has put into the ring.
    pub fn in_ring(&self) -> u64 {
        self.emitted + self.ends + self.submitted + self.told
    }

    /// How many of the processes have not ended.
    pub fn left(&self) -> u64 {
        (self.followed + 1).saturating_sub(self.ends)
    }

    /// What could not be seen, though the tracer has lost nothing: a sentence each.
    pub fn hidden(&self) -> Option<String> {
        let whose = match self.hidden {
            0 => return None,
            1 => "1 process from where it became a program that its caller may not trace".to_owned(),
            many => format!("{many} processes from where they became programs that their caller may not trace"),
        };
        Some(format!("the calls of {whose}"))
    }

    /// What was lost, a sentence for each place; empty if everything that was seen was received, and every process was seen
    /// to end.
    pub fn losses(&self) -> Vec<String> {
        let Counts { seen, emitted, refused, ends, received, ends_received, undecoded, followed, skipped, .. } = *self;
        let Counts { submitted, submissions_received, strays, told, told_received, untold, unnamed, crowded, .. } =
            *self;
        let mut losses = Vec::new();
        let mut lost = |holds: bool, sentence: String| {
            if !holds {
                losses.push(sentence);
            }
        };
        let no_room = refused.saturating_sub(crowded);
        lost(no_room == 0, format!("{no_room} of {seen} calls found no room in the ring buffer"));
        lost(
            crowded == 0,
            format!("{crowded} requests of io_uring were submitted beside 4096 in flight, which are too many"),
        );
        lost(untold == 0, format!("{untold} names and blocks of data found no room in the ring buffer"));
        lost(
            told == told_received,
            format!("{told} names and blocks of data were emitted and {told_received} received"),
        );
        lost(unnamed == 0, format!("calls refer {unnamed} times to a name that never arrived"));
        let strays = strays.saturating_sub(STRAYS.max(self.begun));
        lost(strays == 0, format!("{strays} calls were seen to return that were not seen to begin"));
        lost(
            seen == emitted.saturating_add(refused).saturating_add(self.left_out),
            format!("{seen} calls were seen, but {emitted} emitted and {refused} refused"),
        );
        lost(skipped == 0, format!("the kernel skipped a program of the tracer {skipped} times"));
        lost(emitted == received, format!("{emitted} records were emitted and {received} received"));
        lost(
            submitted == submissions_received,
            format!("{submitted} requests were submitted and {submissions_received} received"),
        );
        lost(undecoded == 0, format!("{undecoded} records could not be decoded"));
        match (followed.saturating_add(1), ends) {
            (1, 0) => lost(false, "the end of the process was not seen".to_owned()),
            (processes, _) => lost(ends == processes, format!("of {processes} processes, {ends} were seen to end")),
        }
        lost(ends == ends_received, format!("{ends} end records were emitted and {ends_received} received"));
        losses
    }
}

#[cfg(test)]
mod tests;

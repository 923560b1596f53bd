//! Compares an observation with what its archive gave back, field by field.

use std::fmt::Debug;

use super::{Archive, Origin};
use crate::judge::verdict::Observed;
use crate::trace::show;
use crate::trace::whole::Trace;

/// A sentence about the first field in which they differ, or `None` if they are equal.
pub fn difference(live: &Archive, read: &Archive) -> Option<String> {
    let Archive { origin, observed: Observed { ending, trace: Trace { watch, calls, counts, bad_records } } } = live;
    let (other, other_ending, back) = (&read.origin, &read.observed.ending, &read.observed.trace);
    let Origin { scenario, ior_it, kernel, architecture, workspace, began_ns } = origin;
    let fields = [
        field("scenario", scenario, &other.scenario),
        field("version of ior-it", ior_it, &other.ior_it),
        field("kernel", kernel, &other.kernel),
        field("architecture", architecture, &other.architecture),
        field("workspace", bstr::BStr::new(workspace), bstr::BStr::new(&other.workspace)),
        field("begin", began_ns, &other.began_ns),
        field("ending", ending, other_ending),
        field("watch", watch, &back.watch),
        field("counts", counts, &back.counts),
        field("bad records", bad_records, &back.bad_records),
        field("number of calls", &calls.len(), &back.calls.len()),
    ];
    let calls = calls.iter().zip(&back.calls).enumerate().find(|(_, (live, read))| live != read);
    fields.into_iter().flatten().next().or_else(|| {
        let (at, (live, read)) = calls?;
        let (shown, shown_back) = (show::call(live), show::call(read));
        let what = format!("call {at}, counted from 0,");
        // They may differ in something that strace would not show.
        if shown == shown_back { field(&what, live, read) } else { Some(sentence(&what, &shown, &shown_back)) }
    })
}

fn field<T: PartialEq + Debug + ?Sized>(what: &str, live: &T, read: &T) -> Option<String> {
    (live != read).then(|| sentence(&format!("the {what}"), &format!("{live:?}"), &format!("{read:?}")))
}

fn sentence(what: &str, live: &str, read: &str) -> String {
    format!("{what} differs: it was observed as {live} and read back as {read}")
}

//! The entries of directories, as strace would write them.
//!
//! No I/O.

use crate::table::blocks::DirectoryLayout;
use crate::table::blocks::entries::{DirectoryEntry, entries};
use crate::table::names;
use crate::trace::call::Data;
use crate::trace::show::{Detail, put_escaped, put_number};

/// How many entries are shown by default.
const SHOWN: usize = 32;

/// `[{d_ino=2, d_off=9, d_reclen=24, d_type=DT_DIR, d_name="."}, ...]`
pub(super) fn put_entries(out: &mut String, layout: DirectoryLayout, (data, bytes): (&Data, &[u8]), detail: Detail) {
    out.push('[');
    let shown = if detail == Detail::Full { usize::MAX } else { SHOWN };
    let mut found = entries(layout, bytes);
    for (at, entry) in found.by_ref().take(shown).map_while(|entry| entry).enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        put_entry(out, layout, entry);
    }
    let is_cut = (bytes.len() as u64) < data.size || found.next().is_some();
    out.push_str(if is_cut { ", ...]" } else { "]" });
}

/// The type of the file is where it lies: in the old layout, behind the name.
fn put_entry(out: &mut String, layout: DirectoryLayout, entry: DirectoryEntry<'_>) {
    out.push_str("{d_ino=");
    put_number(out, entry.inode);
    out.push_str(", d_off=");
    put_number(out, entry.offset);
    out.push_str(", d_reclen=");
    put_number(out, entry.length);
    if layout == DirectoryLayout::Wide {
        put_type(out, entry);
    }
    out.push_str(", d_name=\"");
    put_escaped(out, entry.name);
    out.push('"');
    if layout == DirectoryLayout::Old {
        put_type(out, entry);
    }
    out.push('}');
}

fn put_type(out: &mut String, entry: DirectoryEntry<'_>) {
    out.push_str(", d_type=");
    names::ENTRY_TYPE.put(out, entry.kind.into());
}

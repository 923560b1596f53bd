//! Dates of times, as strace would write them.
//!
//! No I/O of its own: the C library knows the time zone (localtime(3)).
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use crate::trace::show::put;

/// ` /* 1970-01-01T00:00:01.000000002+0000 */`, the date of a time with nanoseconds.
pub(super) fn put_date_of(out: &mut String, seconds: i64, nanoseconds: i64) {
    put_date(out, seconds, nanoseconds, 9);
}

/// The same with a part of a second in so many digits. The time 0 has no date, since most often it is none, nor has one whose part
/// is not that of a second.
pub(super) fn put_date(out: &mut String, seconds: i64, part: i64, digits: u32) {
    if (seconds, part) == (0, 0) || !(0..10i64.pow(digits)).contains(&part) {
        return;
    }
    let Some(time) = local(seconds) else { return };
    let libc::tm { tm_year, tm_mon, tm_mday, tm_hour, tm_min, tm_sec, tm_gmtoff, .. } = time;
    let year = i64::from(tm_year) + 1900;
    let month = tm_mon + 1;
    put(out, format_args!(" /* {year}-{month:02}-{tm_mday:02}T{tm_hour:02}:{tm_min:02}:{tm_sec:02}"));
    if part != 0 {
        put(out, format_args!(".{part:0width$}", width = digits as usize));
    }
    let (sign, minutes) = (if tm_gmtoff < 0 { '-' } else { '+' }, tm_gmtoff.abs() / 60);
    put(out, format_args!("{sign}{:02}{:02} */", minutes / 60, minutes % 60));
}

/// The time in the local time zone; `None` if its year has no number (localtime(3)).
fn local(seconds: i64) -> Option<libc::tm> {
    let mut time = MaybeUninit::uninit();
    // SAFETY: both point to what the function takes, and it fills in all of the second unless it returns NULL (localtime_r(3)).
    let filled = unsafe { !libc::localtime_r(&seconds, time.as_mut_ptr()).is_null() };
    // SAFETY: it is filled in.
    filled.then(|| unsafe { time.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: i64, part: i64, digits: u32) -> String {
        let mut out = String::new();
        put_date(&mut out, seconds, part, digits);
        out
    }

    #[test]
    fn a_date_is_that_of_the_local_time_zone() {
        let local = |seconds: i64, format: &str| {
            let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&chrono::Local);
            format!(" /* {} */", time.format(format))
        };
        for seconds in [1, -1, -10_843, 951_782_400, 1_795_869_954, 4_102_444_800, 253_402_300_799 - 86_400] {
            assert_eq!(shown(seconds, 0, 9), local(seconds, "%Y-%m-%dT%H:%M:%S%z"));
            assert_eq!(shown(seconds, 135, 9), local(seconds, "%Y-%m-%dT%H:%M:%S.000000135%z"));
            assert_eq!(shown(seconds, 999_999, 6), local(seconds, "%Y-%m-%dT%H:%M:%S.999999%z"));
        }
        assert!(!shown(0, 1, 9).is_empty());
    }

    #[test]
    fn what_is_no_time_has_no_date() {
        let none =
            [(0, 0, 9), (1, 1_000_000_000, 9), (1, 1_000_000, 6), (1, -1, 6), (i64::MAX, 0, 9), (i64::MIN, 1, 6)];
        for (seconds, part, digits) in none {
            assert_eq!(shown(seconds, part, digits), "", "{seconds}, {part}");
        }
    }
}

//! A program as the body of a scenario.

use std::fmt::{self, Write};

use ior_it::support::table::names;

use super::{Arg, BUFFER, HOWS, MAGIC, PATHS, SLOTS, Step};

/// A program as the body of a scenario.
pub struct Source<'p>(pub &'p [Step]);

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        steps(&mut text, self.0, 2)?;
        write!(
            f,
            "fn generated() -> Setup {{\n    jail()?;\n    let mut slots = [-1_i64; {SLOTS}];\n    let mut buffer = vec![b'x'; {BUFFER}];\n    \
             act(move || {{\n{text}        Ok(())\n    }})\n}}"
        )
    }
}

fn steps(text: &mut String, program: &[Step], depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for step in program {
        match step {
            Step::Call { name, args, to } => {
                let args: Vec<String> = args.iter().map(|&arg| argument(arg)).collect();
                let call = format!("call!({name}, {})", args.join(", "));
                match to {
                    Some(slot) => writeln!(text, "{indent}slots[{slot}] = {call}.unwrap_or(-1);")?,
                    None => writeln!(text, "{indent}let _ = {call};")?,
                }
            }
            Step::Fork(inner) => block(text, inner, depth, "in_child(|| {", "});")?,
            Step::Clone { flags, steps } => {
                block(text, steps, depth, &format!("in_clone({}, || {{", names::CLONE.show(*flags as u64)), "});")?;
            }
            Step::Interrupted { restarts, steps } => {
                block(text, steps, depth, &format!("interrupted(/* SA_RESTART */ {restarts}, || {{"), "});")?;
            }
            Step::Thread(inner) => {
                block(text, inner, depth, "std::thread::scope(|scope| { let _ = scope.spawn(|| {", "}).join(); });")?
            }
        }
    }
    Ok(())
}

fn block(text: &mut String, inner: &[Step], depth: usize, open: &str, close: &str) -> fmt::Result {
    let indent = "    ".repeat(depth);
    writeln!(text, "{indent}{open}")?;
    steps(text, inner, depth + 1)?;
    writeln!(text, "{indent}{close}")
}

fn argument(arg: Arg) -> String {
    match arg {
        Arg::Number(number) if number == i64::from(libc::AT_FDCWD) => "libc::AT_FDCWD".to_owned(),
        Arg::Number(number) => format!("{number}_i64"),
        Arg::Slot(slot) => format!("slots[{slot}]"),
        Arg::Path(path) => string(PATHS[path]),
        Arg::Magic(path) => string(MAGIC[path]),
        Arg::How(how) => format!("{:?}.as_ptr()", HOWS[how]),
        Arg::Buffer => "buffer.as_mut_ptr()".to_owned(),
        Arg::Nowhere => "1_i64".to_owned(),
    }
}

fn string(text: &std::ffi::CStr) -> String {
    format!("c{text:?}")
}

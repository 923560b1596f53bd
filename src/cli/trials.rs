//! libtest-mimic with our output: by itself it panics where it cannot write.
//!
//! It opens its `--logfile` and writes there, or to the standard output. Here the log file is always a pipe, and a thread
//! brings what comes out of it to where it belongs.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;

use libtest_mimic::{Arguments, ColorSetting, Trial};

use crate::error::Error;
use crate::escape;
use crate::output::{self, Stream};

/// Runs the trials. The error is that of the output: all trials have run.
pub fn run(arguments: &Arguments, trials: Vec<Trial>) -> Result<(), Error> {
    let (name, mut to) = destination(arguments)?;
    let cannot = |error: io::Error| {
        Error::cannot_trace(
            format!("the output of the trials cannot be taken through a pipe: {error}"),
            "see `ulimit -n` and `ulimit -u`, and whether /proc is mounted",
        )
    };
    let (mut reader, writer) = io::pipe().map_err(cannot)?;
    let pipe = format!("/proc/self/fd/{}", writer.as_raw_fd());
    // libtest-mimic would panic.
    File::options().write(true).open(&pipe).map_err(cannot)?;
    let colours = match (arguments.color.unwrap_or(ColorSetting::Auto), &arguments.logfile) {
        (ColorSetting::Auto, None) if Stream::Output.has_colours() => ColorSetting::Always,
        (ColorSetting::Auto, _) => ColorSetting::Never,
        (chosen, _) => chosen,
    };
    let arguments = Arguments { logfile: Some(pipe), color: Some(colours), ..arguments.clone() };
    std::thread::scope(|scope| {
        let brings = std::thread::Builder::new().spawn_scoped(scope, || bring(&mut reader, &mut to)).map_err(cannot)?;
        // The verdicts are counted by the trials themselves.
        let _ = libtest_mimic::run(&arguments, trials);
        drop(writer);
        let brought = brings.join().unwrap_or_else(|_| Err(io::Error::other("BUG: the thread that writes panicked")));
        brought.map_err(|error| output::cannot_write(name, &error))
    })
}

/// Where the output belongs, and what messages call that.
fn destination(arguments: &Arguments) -> Result<(String, Box<dyn Write + Send>), Error> {
    let Some(path) = &arguments.logfile else {
        return Ok((Stream::Output.name().to_owned(), Box::new(Stream::Output)));
    };
    let name = escape::line(path);
    let file = File::create(path).map_err(|error| {
        Error::usage(format!("--logfile {name}: {error}"), "without --logfile, it goes to the standard output")
    })?;
    Ok((name, Box::new(file)))
}

/// Takes all that comes, so that nobody waits for room in the pipe. The first error ends only the writing.
fn bring(from: &mut PipeReader, to: &mut dyn Write) -> io::Result<()> {
    let mut bytes = [0; 1 << 16];
    let mut written = Ok(());
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return written,
            Ok(count) if written.is_ok() => written = to.write_all(&bytes[..count]),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return written.and(Err(error)),
        }
    }
}

//! What differs between the kernels, on the terminal and in the file of `--kernel-table`.

use std::ffi::OsString;
use std::path::Path;

use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;
use crate::base::tell::StandardStream;
use crate::cli::flags::Cli;
use crate::kernels::compared::{self, KernelColumn};
use crate::kernels::page;

/// Where the table is to be written.
#[derive(Debug)]
pub struct KernelTable {
    folder: Folder,
    name: OsString,
}

impl KernelTable {
    /// What the command line asks for. Nothing is booted if it could not be written.
    pub fn of(cli: &Cli) -> Result<Option<Self>, Error> {
        let Some(file) = cli.kernels.kernel_table.as_deref() else { return Ok(None) };
        if cli.kernels.kernels.len() < 2 {
            let hint = "name a second one: --kernel debian:6.1 debian:6.12";
            return Err(Error::usage("--kernel-table compares kernels, and there is one", hint));
        }
        let shown = escape::path(file);
        let hint = "let --kernel-table name a file, such as kernels.md, in a folder that can be written to";
        let Some(name) = file.file_name().filter(|_| !file.is_dir()) else {
            return Err(Error::usage(format!("--kernel-table {shown} is no file"), hint));
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = Folder::make(folder).and_then(|made| made.check_writable().map(|()| made));
        let cannot =
            |error: std::io::Error| Error::usage(format!("--kernel-table {shown}: {error}"), hint).because(error);
        Ok(Some(Self { folder: made.map_err(cannot)?, name: name.to_owned() }))
    }
}

/// Whether what several kernels have shown is compared.
pub fn is_compared(cli: &Cli) -> bool {
    let has_verdicts = cli.command.is_empty() && cli.explain.is_none() && cli.stress.is_none() && !cli.until_fail;
    has_verdicts && cli.kernels.kernels.len() > 1
}

/// Prints what differs, and writes it.
pub fn tell(columns: &[KernelColumn], table: Option<&KernelTable>) -> Result<(), Error> {
    if columns.len() < 2 {
        return Ok(());
    }
    StandardStream::Error.line(&format!("\n{}", compared::text(columns).trim_end()));
    let Some(KernelTable { folder, name }) = table else { return Ok(()) };
    let path = folder.path().join(name);
    let is_page = Path::new(name).extension().is_some_and(|extension| extension == "html");
    let text = if is_page { page::page(columns) } else { compared::markdown(columns) };
    folder.replace(name, text.as_bytes()).map_err(|error| {
        let hint = "let --kernel-table name a file in a folder with room in it";
        let sentence = format!("{} could not be written: {error}", escape::path(&path));
        Error::new(sentence, hint.to_owned(), Exit::Failed).because(error)
    })?;
    StandardStream::Error.line(&format!("written: {}", escape::path(&path)));
    Ok(())
}

//! What the guest is to do, as a file in its initramfs.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// The file.
pub const FILE: &str = "/ior-it.order";
/// Where the program is in the guest.
pub const PROGRAM: &str = "/ior-it";
/// The folder for what is sent back, if the host takes it.
pub const SENT_BACK: &str = "/ior-it.back";

/// The folder for temporary files. It is none of the host's, so what is mounted there hides no file that came along.
pub const TEMPORARY: &str = "/ior-it.tmp";

/// What the guest is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestOrder {
    /// The arguments of the program, without its own name.
    pub arguments: Vec<OsString>,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: OsString,
    /// The device that takes the frames.
    pub port: String,
}

//! What the guest is to do, as a file in its initramfs.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// The file.
pub const FILE: &str = "/ior-it.order";
/// Where the program is in the guest.
pub const PROGRAM: &str = "/ior-it";
/// The folder for what is sent back, if the host takes it.
pub const SENT_BACK: &str = "/ior-it.back";

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

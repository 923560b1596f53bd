//! How a program starts otherwise than its caller would start it: other variables, another user.

use std::ffi::{CString, OsString};
use std::os::unix::fs::{PermissionsExt, chown, fchown};

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User, getgrouplist, setgroups, setresgid, setresuid};

use crate::base::error::Error;

/// What differs from how the caller would start the program.
#[derive(Clone, Debug, Default)]
pub struct ProgramStart {
    /// Variables of the environment: set to this, or removed.
    pub variables: Vec<(OsString, Option<OsString>)>,
    /// The user that it runs as.
    pub user: Option<ProgramUser>,
}

/// A user, with the groups that setpriv(1) and login(1) would give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramUser {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl ProgramStart {
    /// These variables with the changes, in their order.
    pub fn environment(&self, own: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let changes = &self.variables;
        let kept = own.filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        // The last word on a variable holds.
        let is_last = |at: usize| !changes[at + 1..].iter().any(|(later, _)| *later == changes[at].0);
        let set = changes.iter().enumerate().filter(|&(at, _)| is_last(at)).map(|(_, change)| change.clone());
        kept.chain(set.filter_map(|(name, value)| Some((name, value?)))).collect()
    }
}

impl ProgramUser {
    /// The user with this name.
    pub fn named(name: &str) -> Result<Self, Error> {
        let known = User::from_name(name).ok().flatten();
        let user = known.ok_or_else(|| {
            Error::usage(
                format!("there is no user {}", crate::base::escape::line(name)),
                "`getent passwd` lists the users",
            )
        })?;
        if !nix::unistd::geteuid().is_root() {
            return Err(Error::usage("--user takes root", "run it as `sudo ./ior-it --user NAME ...`"));
        }
        let name = CString::new(user.name).unwrap_or_default();
        let groups = getgrouplist(&name, user.gid).map_err(|errno| {
            Error::usage(format!("the groups of the user are not known: {errno}"), "`id NAME` shows them")
        })?;
        Ok(Self { uid: user.uid, gid: user.gid, groups })
    }

    /// This process runs as the user from now on, and dies with its parent.
    pub fn assume(&self) -> nix::Result<()> {
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)?;
        // After that: a change of the user clears it (prctl(2)).
        prctl::set_pdeathsig(Signal::SIGKILL)
    }

    /// Gives the working directory and the two output streams, which must be pipes of this process alone, to the user. A path
    /// through the folder of the run must lead there, too: `cd` of a shell takes it.
    pub fn own_workspace(&self) -> std::io::Result<()> {
        let (uid, gid) = (Some(self.uid.as_raw()), Some(self.gid.as_raw()));
        std::fs::set_permissions("..", PermissionsExt::from_mode(0o711))?;
        chown(".", uid, gid)?;
        fchown(rustix::stdio::stdout(), uid, gid)?;
        fchown(rustix::stdio::stderr(), uid, gid)
    }
}

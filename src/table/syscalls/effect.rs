//! What a call does to descriptors and names, as far as code asks for it.
//!
//! No I/O. A row of the tables says its effect, and no code asks for a call by its name: a new call that does what others do is a
//! row, and the compiler finds the places that a new effect concerns.

/// What a call does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Nothing of what follows.
    #[default]
    Other,
    /// Opens the file that its path leads to (open(2)).
    Open,
    /// Opens the file of a handle (open_by_handle_at(2)).
    OpenHandle,
    /// Closes its descriptor (close(2)).
    Close,
    /// Closes or marks the descriptors of a range (close_range(2)).
    CloseRange,
    /// Makes a second descriptor for an open file (dup(2)).
    Duplicate,
    /// The same under a number that the caller chooses (dup2(2)).
    DuplicateOnto,
    /// Duplicates, marks or asks about its descriptor, by its command (fcntl(2)).
    ControlDescriptor,
    /// Makes a descriptor for an open file of another process (pidfd_getfd(2)).
    CopyDescriptor,
    /// Receives bytes into one buffer (recvfrom(2)).
    Receive,
    /// Receives messages, which may bring descriptors, into buffers that only its memory names (recvmsg(2)).
    ReceiveMessages,
    /// Lets the ring's requests begin, which may do anything (io_uring_enter(2)).
    SubmitRequests,
    /// Registers files and memory with a ring (io_uring_register(2)).
    RegisterResources,
    /// Maps a file or memory (mmap(2)).
    Map,
    /// Gives files other names, or takes names away: rename(2), link(2), unlink(2); mount(2) for all names below one.
    ChangeNames,
    /// Moves its thread to other namespaces, or ends what it shares with others (unshare(2), setns(2)).
    ChangeNamespace,
    /// Changes the working directory (chdir(2)).
    ChangeDirectory,
    /// Changes the root (chroot(2)).
    ChangeRoot,
    /// Says where the working directory is (getcwd(2)).
    TellDirectory,
    /// Replaces the program (execve(2)).
    Execute,
    /// Makes a thread or a process, by flags in its first argument (clone(2)).
    Clone,
    /// Controls its process, by its first argument; may set a seccomp filter (prctl(2)).
    ControlProcess,
    /// Sets or asks about a seccomp filter, by its first argument (seccomp(2)).
    ControlFilter,
}

impl Effect {
    /// Whether the call may change what files are called, for other calls made at the same time.
    pub fn changes_names(self) -> bool {
        match self {
            Self::ChangeNames
            | Self::ChangeNamespace
            | Self::ChangeDirectory
            | Self::ChangeRoot
            | Self::SubmitRequests => true,
            Self::Other
            | Self::Open
            | Self::OpenHandle
            | Self::Close
            | Self::CloseRange
            | Self::Duplicate
            | Self::DuplicateOnto
            | Self::ControlDescriptor
            | Self::CopyDescriptor
            | Self::Receive
            | Self::ReceiveMessages
            | Self::RegisterResources
            | Self::Map
            | Self::TellDirectory
            | Self::Execute
            | Self::Clone
            | Self::ControlProcess
            | Self::ControlFilter => false,
        }
    }

    /// Whether the descriptor that the call returns is for an open file that was there before (dup(2), fcntl(2)).
    pub fn duplicates(self) -> bool {
        matches!(self, Self::Duplicate | Self::DuplicateOnto | Self::ControlDescriptor)
    }
}

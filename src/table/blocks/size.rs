//! How large blocks are.
//!
//! No I/O.

/// How large a block is.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// One of it.
    One,
    /// So many of it.
    Exactly(usize),
    /// As many as this argument says.
    Counted(&'static str),
    /// As many as the result says, but no more than this argument.
    Moved(&'static str),
    /// As many bytes as the `socklen_t` says that this argument points to, but no more than it said before the call.
    Pointed(&'static str),
    /// One struct, of which this argument says how many bytes there are.
    Sized(&'static str),
    /// One struct, of which its own member at this place says how many bytes there are.
    Own(usize),
    /// As many as this argument says, with so much more, in groups of a power of two: words of a set of bits, or pages.
    Groups(&'static str, u16, u8),
    /// As many as a struct says that the argument leads to. The block is not that struct, but an array, whose address is in it.
    Within(Within),
}

/// Where a struct has the address of an array, the count of its elements, and how many bytes this count has.
#[derive(Clone, Copy, Debug)]
pub struct Within {
    /// The place of the address.
    pub address: u8,
    /// The place of the count.
    pub count: u8,
    /// The size of the count.
    pub bytes: u8,
}

impl Size {
    /// Whether the block is an array to which a struct leads.
    pub fn is_within(self) -> bool {
        matches!(self, Size::Within(_))
    }

    /// The argument that says how many bytes there are, if there is one.
    pub fn argument(self) -> Option<&'static str> {
        if let Size::Sized(by) | Size::Counted(by) = self { Some(by) } else { None }
    }

    /// Whether it is one thing, and not an array.
    pub fn is_one(self) -> bool {
        matches!(self, Size::One | Size::Sized(_) | Size::Own(_))
    }
}

//! What a member of a struct or an attribute is.
//!
//! No I/O.

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// Without a sign.
    Unsigned,
    /// With a sign.
    Signed,
    /// In base 16.
    Hex,
    /// In base 16, with all its digits.
    Padded,
}

/// Which family an address has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyOf {
    /// That of the message.
    Message,
    /// That of the struct's first member.
    Struct,
    /// Always AF_INET.
    Four,
}

/// What bytes are. The words of the descriptions are in [`NetlinkKind::parse`]. The numbers are sizes in bytes; the names are those of sets,
/// structs and attributes.
#[derive(Clone, Debug)]
pub enum NetlinkKind {
    Hex,
    HexOf(usize),
    Integer(Digits, usize),
    /// Of 0 bytes: as many as there are.
    Choice(usize, &'static str),
    Flags(usize, &'static str),
    Network(usize, Option<&'static str>),
    NetworkHex(usize),
    /// As many bytes as there are.
    Number,
    HexNumber,
    Text,
    /// A text that a later attribute depends on.
    TextForOthers,
    TextOf(usize),
    /// A user or a group.
    Id,
    Index,
    Hardware,
    HardwareOf(usize),
    Inet4,
    Inet6,
    Inet,
    /// An address in a struct, in 16 bytes.
    InetOf(FamilyOf),
    /// An address that is the rest of a struct.
    InetRest,
    List {
        digits: Digits,
        size: usize,
        count: Option<usize>,
        set: Option<&'static str>,
    },
    In(&'static str),
    Each(&'static str),
    Nest(&'static str),
    /// Attributes whose types are indices.
    Items(&'static str),
    Choose(&'static str),
    Device,
    /// The index of an interface, and attributes.
    Port,
    Nexthops,
    SocketAddresses,
    SocketOptions,
    Key(usize),
    ResId,
    MdbAddress,
}

impl NetlinkKind {
    /// A kind by its words.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let mut words = text.split(':');
        let word = words.next()?;
        let arguments: Vec<&'static str> = words.collect();
        if let Some(kind) = Self::of_bits(word, &arguments) {
            return Some(kind);
        }
        Self::of_parts(word, &arguments)
    }

    /// The others, which have parts or a form of their own.
    fn of_parts(word: &str, arguments: &[&'static str]) -> Option<Self> {
        Some(match (word, arguments) {
            ("hex", []) => Self::Hex,
            ("hex", [size]) => Self::HexOf(size.parse().ok()?),
            ("number", []) => Self::Number,
            ("hexnumber", []) => Self::HexNumber,
            ("text", []) => Self::Text,
            ("kind", []) => Self::TextForOthers,
            ("string", [size]) => Self::TextOf(size.parse().ok()?),
            ("id", []) => Self::Id,
            ("index", []) => Self::Index,
            ("hardware", []) => Self::Hardware,
            ("mac", []) => Self::HardwareOf(6),
            ("hwaddr", [size]) => Self::HardwareOf(size.parse().ok()?),
            ("inet4", []) => Self::Inet4,
            ("inet6", []) => Self::Inet6,
            ("inet", []) => Self::Inet,
            ("inet16", []) => Self::InetOf(FamilyOf::Message),
            ("inet16own", []) => Self::InetOf(FamilyOf::Struct),
            ("inet16v4", []) => Self::InetOf(FamilyOf::Four),
            ("rest", []) => Self::InetRest,
            ("in", [of]) => Self::In(of),
            ("each", [of]) => Self::Each(of),
            ("nest", [of]) => Self::Nest(of),
            ("items", [of]) => Self::Items(of),
            ("choose", [of]) => Self::Choose(of),
            ("dev", []) => Self::Device,
            ("port", []) => Self::Port,
            ("nexthops", []) => Self::Nexthops,
            ("sockaddrs", []) => Self::SocketAddresses,
            ("sockopt", []) => Self::SocketOptions,
            ("key", [size]) => Self::Key(size.parse().ok()?),
            ("res_id", []) => Self::ResId,
            ("mdb_address", []) => Self::MdbAddress,
            _ => return None,
        })
    }

    /// The kinds that end with their bits, and lists of them.
    fn of_bits(word: &str, arguments: &[&'static str]) -> Option<Self> {
        if let ("list", [of, rest @ ..]) = (word, arguments) {
            let Self::Integer(digits, size) = Self::of_bits(of, &[])? else { return None };
            let count = rest.first().and_then(|count| count.parse().ok());
            let set = rest.get(usize::from(count.is_some())).copied();
            return Some(Self::List { digits, size, count, set });
        }
        let bits: usize = word.get(1..)?.parse().ok()?;
        let size = bits / 8;
        Some(match (word.get(..1)?, arguments) {
            ("u", []) => Self::Integer(Digits::Unsigned, size),
            ("s", []) => Self::Integer(Digits::Signed, size),
            ("x", []) => Self::Integer(Digits::Hex, size),
            ("p", []) => Self::Integer(Digits::Padded, size),
            ("c", [set]) => Self::Choice(size, set),
            ("f", [set]) => Self::Flags(size, set),
            ("b", []) => Self::Network(size, None),
            ("b", [set]) => Self::Network(size, Some(set)),
            ("h", []) => Self::NetworkHex(size),
            _ => return None,
        })
    }

    /// How many bytes a member of this kind has, besides a struct.
    pub fn size(&self) -> Option<usize> {
        Some(match *self {
            Self::Integer(_, size)
            | Self::Choice(size, _)
            | Self::Flags(size, _)
            | Self::Network(size, _)
            | Self::NetworkHex(size)
            | Self::HexOf(size)
            | Self::TextOf(size)
            | Self::HardwareOf(size)
            | Self::Key(size) => size,
            Self::List { size, count, .. } => size * count?,
            Self::Id | Self::Index | Self::Device => 4,
            Self::InetOf(_) => 16,
            Self::InetRest => 0,
            Self::ResId => 2,
            Self::MdbAddress => 20,
            _ => return None,
        })
    }
}

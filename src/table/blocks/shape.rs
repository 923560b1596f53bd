//! How the content of a block is written: in `tests.toml`, and in JSON lines.
//!
//! No I/O.

use super::{Block, Member, MemberKind, Size, Struct, What, of, of_arg};
use crate::table::names;
use crate::table::syscalls::{Role, Syscall};

/// How a value is written.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Bytes, as a text.
    Bytes,
    /// A number, as an argument of this role.
    Number(Role),
    /// An address of the Internet (ip(7), ipv6(7)), as a text.
    Internet(InternetVersion),
    /// Members with names.
    Object(Vec<(&'static str, Shape)>),
    /// Several values, all of this shape.
    List(Box<Shape>),
}

/// The version of an address of the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternetVersion {
    /// `127.0.0.1`
    V4,
    /// `::1`
    V6,
}

impl Shape {
    /// The shape of what a block holds.
    pub fn of(block: &Block) -> Self {
        let list = |shape| Shape::List(Box::new(shape));
        match block.what {
            What::Bytes | What::Sent | What::Option | What::String => Shape::Bytes,
            What::Vector | What::Strings => list(Shape::Bytes),
            What::Address => Shape::Object(of_socket_address()),
            What::Entries(_) => list(Shape::Object(vec![
                ("d_ino", Shape::Number(Role::Unsigned)),
                ("d_off", Shape::Number(Role::Signed)),
                ("d_reclen", Shape::Number(Role::UnsignedInt)),
                ("d_type", Shape::Number(Role::Choice(&names::ENTRY_TYPE))),
                ("d_name", Shape::Bytes),
            ])),
            What::Number(role, _) if block.size.is_one() => Shape::Number(role),
            What::Number(role, _) => list(Shape::Number(role)),
            What::Struct(of) if block.size.is_one() => Shape::of_struct(of),
            What::Struct(of) | What::Pointers(of) => list(Shape::of_struct(of)),
            What::Nodes => list(Shape::Number(Role::Pointer)),
            What::Signals => list(Shape::Number(Role::Choice(&names::SIGNAL))),
            What::Descriptors | What::Processors => list(Shape::Number(Role::Int)),
            What::Message if matches!(block.size, Size::One) => Shape::Object(of_message()),
            What::Message => {
                let mut members = of_message();
                members.push(("msg_len", Shape::Number(Role::UnsignedInt)));
                list(Shape::Object(members))
            }
        }
    }

    /// Adds the members of another object.
    pub(super) fn add(&mut self, other: Shape) {
        if let (Shape::Object(members), Shape::Object(more)) = (self, other) {
            let new: Vec<_> =
                more.into_iter().filter(|(name, _)| members.iter().all(|(known, _)| known != name)).collect();
            members.extend(new);
        }
    }

    /// Gives the member that leads to an array, if there is one, the shape of that array.
    fn lead_on(&mut self, row: &Syscall, arg: &str) {
        let own = || of(row).iter().filter(|block| block.arg == arg);
        let array = own().find_map(|outer| outer.what.array());
        let within = own().find(|block| block.size.is_within());
        if let (Some(array), Some(within), Shape::Object(members)) = (array, within, self) {
            members
                .iter_mut()
                .filter(|(name, _)| *name == array.name)
                .for_each(|(_, shape)| *shape = Shape::of(within));
        }
    }

    fn of_struct(of: &Struct) -> Self {
        let mut members = Vec::new();
        for member in of.members {
            put(&mut members, member.name, Shape::of_member(member));
        }
        Shape::Object(members)
    }

    fn of_member(member: &Member) -> Self {
        Shape::Number(match member.kind {
            MemberKind::Text | MemberKind::TextAt(_) | MemberKind::ToText => return Shape::Bytes,
            MemberKind::Signals => return Shape::List(Box::new(Shape::Number(Role::Choice(&names::SIGNAL)))),
            MemberKind::Choice(names) | MemberKind::Named(names) => Role::Choice(names),
            MemberKind::Unsigned | MemberKind::Device | MemberKind::Limit | MemberKind::Nanoseconds(_) => {
                Role::Unsigned
            }
            MemberKind::Signed | MemberKind::Date(_) => Role::Signed,
            MemberKind::Directory => Role::Int,
            MemberKind::Hex
            | MemberKind::Pair
            | MemberKind::Address
            | MemberKind::ToArray
            | MemberKind::KernelVersion => Role::Pointer,
            MemberKind::Mode | MemberKind::Permissions => Role::Mode,
            MemberKind::Flags(names) => Role::Flags(names),
        })
    }
}

/// What the arguments of a call may lead to, by their names. What one argument leads to in different calls has all members.
pub fn shapes(row: &Syscall) -> Vec<(&'static str, Shape)> {
    let mut shapes = Vec::<(&'static str, Shape)>::new();
    for block in of(row).iter().filter(|block| !block.size.is_within()) {
        let shape = Shape::of(block);
        match shapes.iter_mut().find(|(arg, _)| *arg == block.arg) {
            Some((_, known)) => known.add(shape),
            None => shapes.push((block.arg, shape)),
        }
    }
    shapes.iter_mut().for_each(|(arg, shape)| shape.lead_on(row, arg));
    shapes
}

/// The shape of what an argument leads to in a call with these arguments.
pub fn shape_of_arg(row: &Syscall, at: usize, args: &[u64; 6]) -> Option<Shape> {
    let block = of_arg(row, at, args)?;
    let mut shape = Shape::of(block);
    shape.lead_on(row, block.arg);
    Some(shape)
}

/// Adds a member. A name like `it_value.tv_sec` is a member of a member.
fn put(members: &mut Vec<(&'static str, Shape)>, name: &'static str, shape: Shape) {
    let Some((outer, inner)) = name.split_once('.') else {
        // The same place may be read in two ways.
        if members.iter().all(|(known, _)| *known != name) {
            members.push((name, shape));
        }
        return;
    };
    match members.last_mut() {
        Some((last, Shape::Object(within))) if *last == outer => put(within, inner, shape),
        _ => {
            let mut within = Vec::new();
            put(&mut within, inner, shape);
            members.push((outer, Shape::Object(within)));
        }
    }
}

/// The members of all kinds of socket addresses. An address has those of its family (unix(7), ip(7), ipv6(7)); one of another family
/// has its bytes in `sa_data`.
fn of_socket_address() -> Vec<(&'static str, Shape)> {
    vec![
        ("sa_family", Shape::Number(Role::Choice(&names::FAMILY))),
        ("sun_path", Shape::Bytes),
        ("sin_port", Shape::Number(Role::UnsignedInt)),
        ("sin_addr", Shape::Internet(InternetVersion::V4)),
        ("sin6_port", Shape::Number(Role::UnsignedInt)),
        ("sin6_flowinfo", Shape::Number(Role::UnsignedInt)),
        ("sin6_addr", Shape::Internet(InternetVersion::V6)),
        ("sin6_scope_id", Shape::Number(Role::UnsignedInt)),
        ("sa_data", Shape::Bytes),
    ]
}

/// What a message has, and what it leads to (sendmsg(2)).
fn of_message() -> Vec<(&'static str, Shape)> {
    vec![
        ("msg_name", Shape::Object(of_socket_address())),
        ("msg_iov", Shape::List(Box::new(Shape::Bytes))),
        ("msg_control", Shape::Bytes),
        ("msg_flags", Shape::Number(Role::Flags(&names::MESSAGE))),
    ]
}

//! What messages of netlink(7) hold: structs and attributes, by the descriptions in `netlink/*.txt`.
//!
//! No I/O. The descriptions are rows of data: to show one more attribute, add it there. They are parsed when the first message is shown.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::table::names;

mod kind; // what a member or an attribute is

pub use kind::{Digits, FamilyOf, NetlinkKind};

/// All descriptions.
pub static TABLES: LazyLock<Descriptions> =
    LazyLock::new(|| Descriptions::parse(&[include_str!("netlink/names.txt"), include_str!("netlink/layouts.txt")]));

/// NLMSG_ERROR: what a message has led to.
pub const ERROR: u16 = 2;
/// NLMSG_DONE: the last of several messages.
pub const DONE: u16 = 3;
/// Types from this one on are those of a protocol (NLMSG_MIN_TYPE).
pub const FIRST_TYPE: u16 = 16;

/// What the descriptions say.
#[derive(Debug, Default)]
pub struct Descriptions {
    sets: HashMap<&'static str, NameSet>,
    layouts: HashMap<&'static str, NetlinkLayout>,
    attributes: HashMap<&'static str, Attributes>,
    choices: HashMap<&'static str, Choices>,
    messages: Vec<MessageRow>,
    protocols: Vec<(&'static str, u64, Vec<&'static str>)>,
    subsystems: HashMap<u16, &'static str>,
    flags: Vec<(&'static str, &'static str, Types)>,
    /// The lines that are not understood.
    bad: Vec<String>,
}

/// Names with their values. A value that contains another comes before it.
#[derive(Debug, Default)]
pub struct NameSet {
    values: Vec<(&'static str, u64)>,
}

/// The members of a struct.
#[derive(Debug, Default)]
pub struct NetlinkLayout {
    /// In their order.
    pub members: Vec<Field>,
    /// The sizes that it may have, in bytes. The last one is that of all members.
    pub sizes: Vec<usize>,
    /// What may follow it.
    pub rest: Option<NetlinkKind>,
}

/// A member of a struct.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// What it is.
    pub kind: NetlinkKind,
    /// Whether it is shown only if it is not 0.
    pub optional: bool,
}

/// Attributes that belong together.
#[derive(Debug, Default)]
pub struct Attributes {
    /// The set with the names of their types; none has a name if it is unknown.
    pub set: &'static str,
    kinds: HashMap<u16, NetlinkKind>,
    /// What all others are.
    others: Option<NetlinkKind>,
}

/// A kind that depends on something else.
#[derive(Debug)]
pub struct Choices {
    /// On what.
    pub by: &'static str,
    of: Vec<(&'static str, NetlinkKind)>,
}

/// Numbers: ranges, each with the step between them.
#[derive(Debug)]
struct Types(Vec<(u16, u16, u16)>);

/// One row for messages.
#[derive(Debug)]
pub struct MessageRow {
    at: &'static str,
    types: Types,
    family: Option<u8>,
    /// The struct.
    pub layout: &'static str,
    /// The attributes after it.
    pub attributes: Option<&'static str>,
}

impl Descriptions {
    fn parse(texts: &[&'static str]) -> Self {
        let mut tables = Self::default();
        let families = (0..64).filter_map(|number| Some((names::FAMILY.name(number)?, number)));
        tables.sets.insert("family", NameSet { values: families.collect() });
        let mut row = Vec::new();
        for line in texts.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')) {
            if !line.starts_with(' ') {
                tables.take(&row);
                row.clear();
            }
            row.extend(line.split_whitespace());
        }
        tables.take(&row);
        tables
    }

    fn take(&mut self, row: &[&'static str]) {
        if !row.is_empty() && self.understood(row).is_none() {
            self.bad.push(row.join(" "));
        }
    }

    fn understood(&mut self, row: &[&'static str]) -> Option<()> {
        match *row {
            ["names", name, ref values @ ..] => {
                let set = self.set_of(values)?;
                self.sets.insert(name, set);
            }
            ["struct", name, ref members @ ..] => drop(self.layouts.insert(name, self.layout_of(members)?)),
            ["attributes", name, set, prefix, ref kinds @ ..] => {
                drop(self.attributes.insert(name, self.attributes_of(set, prefix, kinds)?));
            }
            ["choose", name, by, ref of @ ..] => {
                let of = of
                    .iter()
                    .map(|one| one.split_once('=').and_then(|(value, kind)| Some((value, NetlinkKind::parse(kind)?))));
                self.choices.insert(name, Choices { by, of: of.collect::<Option<_>>()? });
            }
            ["message" | "plain", at, types, layout, ref attributes @ ..] => {
                let (types, family) =
                    types.split_once('@').map_or((types, None), |(types, family)| (types, Some(family)));
                let family = family.map(str::parse).transpose().ok()?;
                let (types, attributes) = (Types::parse(types)?, attributes.first().copied());
                self.messages.push(MessageRow { at, types, family, layout, attributes });
            }
            ["protocol", name, number, ref sets @ ..] => {
                self.protocols.push((name, number.parse().ok()?, sets.to_vec()));
            }
            ["subsystem", number, set] => drop(self.subsystems.insert(number.parse().ok()?, set)),
            ["flags", at, set, types] => self.flags.push((at, set, Types::parse(types)?)),
            _ => return None,
        }
        Some(())
    }

    fn set_of(&self, words: &[&'static str]) -> Option<NameSet> {
        let (mut values, mut next) = (Vec::new(), 0);
        for word in words {
            match word.rsplit_once('=') {
                Some(("", other)) => {
                    values.extend(&self.sets.get(other)?.values);
                    continue;
                }
                Some((name, value)) => {
                    let value: i64 = match value.strip_prefix("0x") {
                        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
                        None => value.parse().ok()?,
                    };
                    next = value as u64;
                    values.push((name, next));
                }
                None => values.push((word, next)),
            }
            next = next.wrapping_add(1);
        }
        Some(NameSet { values })
    }

    fn layout_of(&self, words: &[&'static str]) -> Option<NetlinkLayout> {
        let mut layout = NetlinkLayout::default();
        let mut offset = 0;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "|" => layout.sizes.push(offset),
                "+" => layout.rest = Some(NetlinkKind::parse(words.next()?)?),
                word => {
                    let (name, kind) = word.split_once(':')?;
                    if name == "_" {
                        offset += kind.parse::<usize>().ok()?;
                        continue;
                    }
                    let kind = NetlinkKind::parse(kind)?;
                    let size = match &kind {
                        NetlinkKind::In(of) => *self.layouts.get(of)?.sizes.last()?,
                        kind => kind.size()?,
                    };
                    let (name, optional) = name.strip_prefix('?').map_or((name, false), |name| (name, true));
                    layout.members.push(Field { name, offset, kind, optional });
                    offset += size;
                }
            }
        }
        layout.sizes.push(offset);
        Some(layout)
    }

    fn attributes_of(&self, set: &'static str, prefix: &'static str, words: &[&'static str]) -> Option<Attributes> {
        let mut attributes = Attributes { set, ..Attributes::default() };
        for word in words {
            let (name, kind) = word.split_once(':')?;
            let kind = NetlinkKind::parse(kind)?;
            if name == "*" {
                attributes.others = Some(kind);
                continue;
            }
            let is_it = |known: &str| known.strip_prefix(prefix) == Some(name);
            // An attribute that the headers no longer name is left out.
            let value = self.sets.get(set)?.values.iter().find(|(known, _)| is_it(known));
            if let Some(&(_, value)) = value {
                attributes.kinds.insert(value as u16, kind);
            }
        }
        Some(attributes)
    }

    /// A set of names.
    pub fn set(&self, name: &str) -> Option<&NameSet> {
        self.sets.get(name)
    }

    /// A struct.
    pub fn layout(&self, name: &str) -> Option<&NetlinkLayout> {
        self.layouts.get(name)
    }

    /// Attributes.
    pub fn attributes(&self, name: &str) -> Option<&Attributes> {
        self.attributes.get(name)
    }

    /// A kind that depends on something else.
    pub fn choices(&self, name: &str) -> Option<&Choices> {
        self.choices.get(name)
    }

    /// The name of a protocol in the rows, and the sets with its types.
    pub fn protocol(&self, number: u64) -> Option<(&'static str, &[&'static str])> {
        self.protocols.iter().find(|(_, known, _)| *known == number).map(|(name, _, sets)| (*name, &sets[..]))
    }

    /// The names of the types of a part of netfilter.
    pub fn subsystem(&self, number: u16) -> Option<&NameSet> {
        self.subsystems.get(&number).and_then(|set| self.set(set))
    }

    /// The flags that a type has besides those of all.
    pub fn flags(&self, at: &str, kind: u16) -> Option<&NameSet> {
        let row = self.flags.iter().find(|(known, _, types)| *known == at && types.has(kind));
        row.and_then(|(_, set, _)| self.set(set))
    }

    /// The row of a message.
    pub fn message(&self, at: &str, kind: u16, family: u8) -> Option<&MessageRow> {
        let is_of = |row: &&MessageRow| row.family.is_none_or(|known| known == family);
        self.messages.iter().find(|row| row.at == at && row.types.has(kind) && is_of(row))
    }
}

impl NetlinkLayout {
    /// How many bytes a member has.
    pub fn size_of(&self, field: &Field) -> usize {
        let next = self.members.iter().map(|other| other.offset).find(|&offset| offset > field.offset);
        let end = next.or(self.sizes.last().copied()).unwrap_or(field.offset);
        field.kind.size().unwrap_or(end.saturating_sub(field.offset))
    }

    /// Whether its last member takes all bytes that there are.
    pub fn ends_with_rest(&self) -> bool {
        self.members.last().is_some_and(|field| matches!(field.kind, NetlinkKind::InetRest))
    }
}

impl Attributes {
    /// What an attribute of this type is.
    pub fn kind(&self, number: u16) -> Option<&NetlinkKind> {
        self.kinds.get(&number).or(self.others.as_ref())
    }
}

impl Choices {
    /// The kind for a value.
    pub fn kind(&self, value: &str) -> Option<&NetlinkKind> {
        self.of.iter().find(|(known, _)| *known == value || *known == "*").map(|(_, kind)| kind)
    }
}

impl Types {
    fn parse(text: &str) -> Option<Self> {
        let range = |word: &str| {
            let (word, step) = word.split_once('/').unwrap_or((word, "1"));
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some((first.parse().ok()?, last.parse().ok()?, step.parse().ok().filter(|step| *step > 0)?))
        };
        if text == "*" {
            return Some(Self(vec![(0, u16::MAX, 1)]));
        }
        text.split(',').map(range).collect::<Option<_>>().map(Self)
    }

    fn has(&self, number: u16) -> bool {
        self.0
            .iter()
            .any(|&(first, last, step)| (first..=last).contains(&number) && (number - first).is_multiple_of(step))
    }
}

impl NameSet {
    /// The name of a value.
    pub fn name(&self, value: u64) -> Option<&'static str> {
        self.values.iter().find(|&&(_, known)| known == value).map(|&(name, _)| name)
    }

    /// The flags of a value, and what is left of it.
    pub fn flags(&self, value: u64) -> (Vec<&'static str>, u64) {
        let mut rest = value;
        let mut found = Vec::new();
        for &(name, bits) in &self.values {
            if bits != 0 && rest & bits == bits {
                found.push(name);
                rest &= !bits;
            }
        }
        (found, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood_and_leads_to_others_that_are_there() {
        assert_eq!(TABLES.bad, [""; 0]);
        let fields = TABLES
            .layouts
            .values()
            .flat_map(|layout| layout.members.iter().map(|member| &member.kind).chain(&layout.rest));
        let attributes = TABLES.attributes.values().flat_map(|table| table.kinds.values().chain(&table.others));
        let choices = TABLES.choices.values().flat_map(|choices| choices.of.iter().map(|(_, kind)| kind));
        for kind in fields.chain(attributes).chain(choices) {
            let is_there = match kind {
                NetlinkKind::Choice(_, set) | NetlinkKind::Flags(_, set) => TABLES.sets.contains_key(set),
                NetlinkKind::Network(_, Some(set)) | NetlinkKind::List { set: Some(set), .. } => {
                    TABLES.sets.contains_key(set)
                }
                NetlinkKind::In(of) | NetlinkKind::Each(of) => TABLES.layouts.contains_key(of),
                NetlinkKind::Nest(of) | NetlinkKind::Items(of) => TABLES.attributes.contains_key(of),
                NetlinkKind::Choose(of) => TABLES.choices.contains_key(of),
                _ => true,
            };
            assert!(is_there, "{kind:?}");
        }
    }

    #[test]
    fn messages_have_their_struct_and_their_attributes() {
        for row in &TABLES.messages {
            assert!(TABLES.layouts.contains_key(row.layout), "{row:?}");
            let of = row.attributes.unwrap_or("hex");
            let is_known = TABLES.attributes.contains_key(of) || TABLES.choices.contains_key(of) || of == "hex";
            assert!(is_known, "{row:?}");
        }
        // struct ifinfomsg and struct inet_diag_msg (include/uapi/linux).
        assert_eq!(TABLES.layouts["ifinfomsg"].sizes, [16]);
        assert_eq!(TABLES.layouts["inet_diag_msg"].sizes, [72]);
    }
}

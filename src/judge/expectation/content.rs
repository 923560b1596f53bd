//! What an argument must lead to: bytes, members of structs, and lists of them.
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use toml::de::DeValue;

use super::call::CallReader;
use super::entries::{Entry, find, in_order};
use super::errors::near_or_all;
use super::{Wanted, values};
use crate::table::blocks::{InternetVersion, Shape};
use crate::table::syscalls::Role;

/// The expected value of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This number. The role says how it is written.
    Number(i64, ShownAs),
    /// The value of this name, written with its `$`.
    Name(String),
    /// These members. All other members may have any value.
    Object(Vec<(&'static str, WantedContent)>),
    /// These values, and no others.
    List(Vec<WantedContent>),
}

/// How a number is shown. All are equal, because the number is what is compared.
#[derive(Clone, Copy, Debug)]
pub struct ShownAs(pub Role);

impl PartialEq for ShownAs {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ShownAs {}

impl CallReader<'_, '_, '_> {
    /// A value of this shape.
    pub(super) fn content(&mut self, entry: Entry, shape: &Shape) -> Option<WantedContent> {
        match shape {
            Shape::Bytes => values::text(entry, self.problems).map(WantedContent::Bytes),
            Shape::Number(role) => self.number(entry, *role),
            Shape::Internet(version) => self.internet_address(entry, *version),
            Shape::Object(members) => self.members(entry, members),
            Shape::List(each) => self.list(entry, each),
        }
    }

    fn number(&mut self, entry: Entry, role: Role) -> Option<WantedContent> {
        let has_names = matches!(role, Role::Flags(_) | Role::Choice(_));
        if let Some(name) = values::name(entry.1).filter(|_| !has_names) {
            let Wanted::Name(name) = self.name(name, entry.1, false)? else { return None };
            return Some(WantedContent::Name(name));
        }
        let Wanted::Number(number) = values::by_role(entry, role, self.problems)? else { return None };
        Some(WantedContent::Number(number, ShownAs(role)))
    }

    /// An address in the form that it is shown in.
    fn internet_address(&mut self, entry: Entry, version: InternetVersion) -> Option<WantedContent> {
        let text = values::string(entry, self.problems)?;
        let (address, example) = match version {
            InternetVersion::V4 => (text.parse::<Ipv4Addr>().map(|address| address.to_string()), "127.0.0.1"),
            InternetVersion::V6 => (text.parse::<Ipv6Addr>().map(|address| address.to_string()), "::1"),
        };
        if address.is_err() {
            let hint = format!("write it in numbers, as in \"{example}\"");
            self.problems.push(entry.1.span(), format!("`{text}` is no address of this family"), hint);
        }
        address.ok().map(|address| WantedContent::Bytes(address.into_bytes()))
    }

    fn members(&mut self, entry: Entry, members: &[(&'static str, Shape)]) -> Option<WantedContent> {
        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let example =
            || format!("write the members that matter, as in {{ {} = ... }}", names.first().unwrap_or(&"..."));
        let DeValue::Table(table) = entry.1.get_ref() else {
            values::wrong_type(entry, "a table", &example(), self.problems);
            return None;
        };
        let entries = in_order(table);
        if entries.is_empty() {
            let message = format!("`{}` says nothing", entry.0.get_ref());
            self.problems.push(entry.1.span(), message, example());
        }
        for (key, value) in entries.iter().filter(|(key, _)| !names.contains(&key.get_ref().as_ref())) {
            let message = format!("`{}` has no member `{}`", entry.0.get_ref(), key.get_ref());
            let hint = near_or_all(key.get_ref(), &names);
            self.problems.push(key.span().start..value.span().end, message, hint);
        }
        let written = members.iter().filter_map(|(name, shape)| Some((*name, shape, find(&entries, name)?)));
        let mut wanted = Vec::new();
        for (name, shape, entry) in written {
            wanted.extend(self.content(entry, shape).map(|value| (name, value)));
        }
        Some(WantedContent::Object(wanted))
    }

    fn list(&mut self, entry: Entry, each: &Shape) -> Option<WantedContent> {
        let DeValue::Array(items) = entry.1.get_ref() else {
            let example = match each {
                Shape::Bytes => "\"abc\", \"de\"",
                Shape::Object(_) => "{ ... }, { ... }",
                Shape::Number(_) | Shape::Internet(_) | Shape::List(_) => "...",
            };
            values::wrong_type(entry, "an array", &format!("write all of them, as in [{example}]"), self.problems);
            return None;
        };
        let mut wanted = Vec::new();
        for item in items {
            wanted.extend(self.content((entry.0, item), each));
        }
        Some(WantedContent::List(wanted))
    }
}

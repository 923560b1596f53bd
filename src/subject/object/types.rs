//! The object's own type information: the places of its variables, and whether the mapping's layouts are right.
//!
//! No I/O. The type information has most event structs only if something other than a local variable names them. A struct that
//! it lacks is not checked.

use std::ffi::OsStr;

use libbpf_rs::HasSize;
use libbpf_rs::btf::types::{DataSec, MemberAttr, Struct};
use libbpf_rs::btf::{Btf, BtfType};

use crate::base::error::Error;
use crate::base::escape;
use crate::judge::expectation::errors::near_or_all;
use crate::subject::toml::{Layout, RecordFormat, RecordKind};

/// The sections of variables that have a value before the object is loaded.
const SECTIONS: [&str; 3] = [".rodata", ".data", ".bss"];

/// The place of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its section.
    pub section: String,
    /// Its offset in the section, in bytes.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
}

fn text(name: Option<&OsStr>) -> String {
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The variables of the object, by name.
pub fn variables(types: &Btf<'_>) -> Vec<(String, Variable)> {
    let mut variables = Vec::new();
    for section in types.type_by_kind::<DataSec<'_>>() {
        let name = text(section.name());
        if !SECTIONS.iter().any(|known| name.starts_with(known)) {
            continue;
        }
        for at in 0..section.len() {
            let Some(member) = section.get(at) else { continue };
            let Some(variable) = types.type_by_id::<BtfType<'_>>(member.ty) else { continue };
            let found = Variable { section: name.clone(), offset: member.offset as usize, size: member.size };
            variables.push((text(variable.name()), found));
        }
    }
    variables
}

/// A struct of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructOfObject {
    /// Its name.
    pub name: String,
    /// Its fields, with their offsets in bytes.
    pub fields: Vec<(String, usize)>,
    /// Its size in bytes.
    pub size: usize,
}

/// The structs of the object.
pub fn structs(types: &Btf<'_>) -> Vec<StructOfObject> {
    let mut all = Vec::new();
    for found in types.type_by_kind::<Struct<'_>>() {
        let field = |at| {
            let member = found.get(at)?;
            let (MemberAttr::Normal { offset } | MemberAttr::BitField { offset, .. }) = member.attr;
            Some((text(member.name), offset as usize / 8))
        };
        let fields = (0..found.len()).filter_map(field).collect();
        all.push(StructOfObject { name: text(found.name()), fields, size: found.size() });
    }
    all
}

/// Compares each layout with the struct that it names, or else with the structs that have exactly its fields.
pub fn check(name: &str, records: &RecordFormat, structs: &[StructOfObject]) -> Result<(), Error> {
    for (number, record) in &records.kinds {
        let wrong = difference(record, structs).map_err(|(sentence, hint)| {
            Error::usage(format!("{name}: {}", escape::line(&sentence)), escape::lines(&hint).into_owned())
        })?;
        if let Some((of, what)) = wrong {
            return Err(Error::usage(
                format!(
                    "{name}: the layout of [records.{number}] is not that of `struct {}`: {what}",
                    escape::line(&of)
                ),
                "write the fields as the source has them, in order; `bpftool btf dump file OBJECT` shows the struct",
            ));
        }
    }
    Ok(())
}

/// The name of the struct and the difference, if there is one.
fn difference(record: &RecordKind, structs: &[StructOfObject]) -> Result<Option<(String, String)>, (String, String)> {
    if let Some(name) = &record.of {
        let Some(known) = structs.iter().find(|known| known.name == *name) else {
            let names: Vec<&str> =
                structs.iter().map(|known| known.name.as_str()).filter(|name| !name.is_empty()).collect();
            return Err((format!("its type information has no `struct {name}`"), near_or_all(name, &names)));
        };
        return Ok(differs(&record.layout, known).map(|what| (known.name.clone(), what)));
    }
    let alike = || structs.iter().filter(|known| has_the_same_fields(&record.layout, known));
    if alike().any(|known| differs(&record.layout, known).is_none()) {
        return Ok(None);
    }
    Ok(alike().find_map(|known| Some((known.name.clone(), differs(&record.layout, known)?))))
}

fn has_the_same_fields(layout: &Layout, known: &StructOfObject) -> bool {
    layout.fields.len() == known.fields.len() && known.fields.iter().all(|(name, _)| layout.field(name).is_some())
}

fn differs(layout: &Layout, known: &StructOfObject) -> Option<String> {
    // The rest of a record is not in any struct.
    for field in layout.fields.iter().filter(|field| field.count != 0) {
        match known.fields.iter().find(|(name, _)| *name == field.name) {
            None => return Some(format!("it has no field `{}`", field.name)),
            Some((_, offset)) if *offset != field.offset => {
                return Some(format!("`{}` is at byte {}, and by the layout at {}", field.name, offset, field.offset));
            }
            Some(_) => {}
        }
    }
    (layout.size != known.size && !layout.has_rest())
        .then(|| format!("it has {} bytes, and the layout {}", known.size, layout.size))
}

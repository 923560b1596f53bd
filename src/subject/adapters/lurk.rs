//! Parses the output of `lurk --json`: an object for each call, with its arguments in the order of the registers.

use serde_json::Value as Json;

use super::arguments::{argument, is_text, put_bits, put_no_text, put_raw_ret};
use super::{Adapter, call, note};
use crate::subject::json::Line;
use crate::subject::said::Said;

pub(super) struct Lurk;

impl Adapter for Lurk {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if !raw.starts_with(b"{") {
            return if raw.is_empty() || raw.starts_with(b"Attach") || raw.starts_with(b"Detach") {
                note(raw)
            } else {
                vec![Line::garbled(raw, "it is no JSON object")]
            };
        }
        match serde_json::from_slice::<Json>(raw) {
            Ok(object) if object["type"] == "SYSCALL" => match of_object(&object) {
                Some(said) => vec![call(said, raw)],
                None => vec![Line::garbled(raw, "it has no `syscall`, `pid` or `args`")],
            },
            // A signal, an exit.
            Ok(object) if object["type"].is_string() => Vec::new(),
            Ok(_) => vec![Line::garbled(raw, "it has no `type`")],
            Err(error) => vec![Line::garbled(raw, format!("it is no JSON: {error}"))],
        }
    }
}

fn of_object(object: &Json) -> Option<Said> {
    // lurk's `pid` is the thread id.
    let mut said = Said::new(object["syscall"].as_str()?).with("tid", object["pid"].as_u64()?);
    for (at, arg) in object["args"].as_array()?.iter().enumerate() {
        put(&mut said, at, arg);
    }
    let result = ["success", "error", "result"].into_iter().find_map(|key| object.get(key));
    if let Some(ret) = result.and_then(bits) {
        put_raw_ret(&mut said, ret as i64);
    }
    Some(said)
}

/// A number, or hex in a string: lurk prints addresses so.
fn bits(json: &Json) -> Option<u64> {
    let number = json.as_u64().or_else(|| json.as_i64().map(|number| number as u64));
    number.or_else(|| u64::from_str_radix(json.as_str()?.strip_prefix("0x")?, 16).ok())
}

fn put(said: &mut Said, at: usize, arg: &Json) {
    let bits = bits(arg);
    match (is_text(said, at), arg.as_str(), argument(said, at)) {
        (true, Some(_), Some((key, _))) if bits == Some(0) => put_no_text(said, key, "null"),
        // lurk prints an address if it could not read the string. A file may have such a name too.
        (true, Some(_), _) if bits.is_some() => {}
        (true, Some(text), Some((key, _))) => drop(said.put(key, text.into())),
        (_, _, Some(_)) => bits.into_iter().for_each(|bits| put_bits(said, at, bits)),
        (_, _, None) => {}
    }
}

//! Reads and writes `data` and `data_is`.
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;

use super::write::{number, text};
use super::{by_role, bytes, word};
use crate::judge::expectation::errors::near;
use crate::subject::said::Value;
use crate::subject::said::data::shapes;
use crate::table::blocks::{InternetVersion, Shape};
use crate::trace::call::ContentState;

/// Reads the content behind the arguments of this call. The error says what it should be.
pub fn read(number: u32, json: &Json) -> Result<Value, String> {
    // What is unreadable is nothing.
    objects(&shapes(number), json, &|shape, json| if json.is_null() { Ok(Value::Nothing) } else { shaped(shape, json) })
}

/// Reads how it was read.
pub fn read_states(number: u32, json: &Json) -> Result<Value, String> {
    let words = ContentState::ALL.map(|(_, word)| word);
    objects(&shapes(number), json, &|_, json| word(json, &words))
}

/// A value of this shape.
fn shaped(shape: &Shape, json: &Json) -> Result<Value, String> {
    match shape {
        Shape::Bytes => bytes(json),
        Shape::Number(role) => by_role(*role, json),
        Shape::Internet(version) => internet_address(*version, json),
        Shape::Object(within) => objects(within, json, &shaped),
        Shape::List(each) => {
            let items = json.as_array().ok_or("an array")?;
            Ok(Value::List(items.iter().map(|item| shaped(each, item)).collect::<Result<_, _>>()?))
        }
    }
}

/// An address in the form that is compared.
fn internet_address(version: InternetVersion, json: &Json) -> Result<Value, String> {
    let text = json.as_str().unwrap_or_default();
    let address = match version {
        InternetVersion::V4 => text.parse::<Ipv4Addr>().ok().map(|address| address.to_string()),
        InternetVersion::V6 => text.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
    };
    let example = if version == InternetVersion::V4 { "127.0.0.1" } else { "::1" };
    address.map(|address| Value::from(address.as_str())).ok_or_else(|| format!("an address, as in \"{example}\""))
}

/// An object with some of these members, in their order.
fn objects(
    known: &[(&'static str, Shape)],
    json: &Json,
    read: &dyn Fn(&Shape, &Json) -> Result<Value, String>,
) -> Result<Value, String> {
    let names = || known.iter().map(|(name, _)| *name);
    let object =
        json.as_object().ok_or_else(|| format!("an object with {}", names().collect::<Vec<_>>().join(", ")))?;
    if let Some(odd) = object.keys().find(|key| names().all(|name| name != key.as_str())) {
        let hint = near(odd, names()).map_or(String::new(), |hint| format!(": {hint}"));
        return Err(format!("an object without `{odd}`{hint}"));
    }
    let said = known.iter().filter_map(|(name, shape)| Some((*name, shape, object.get(*name)?)));
    let one = |(name, shape, json)| {
        let value = read(shape, json).map_err(|wanted| format!("an object whose `{name}` is {wanted}"))?;
        Ok((name, value))
    };
    said.map(one).collect::<Result<_, String>>().map(Value::Object)
}

/// The content as JSON.
pub fn written(number: u32, value: &Value) -> Json {
    json_of(&Shape::Object(shapes(number)), value)
}

fn json_of(shape: &Shape, value: &Value) -> Json {
    match (shape, value) {
        (Shape::Number(role), Value::Number(value)) => number(*role, *value),
        (Shape::Object(shapes), Value::Object(members)) => {
            let one = |(name, value): &(&'static str, Value)| {
                let shape = shapes.iter().find(|(known, _)| known == name);
                (name.to_string(), shape.map_or(Json::Null, |(_, shape)| json_of(shape, value)))
            };
            Json::Object(members.iter().map(one).collect())
        }
        (Shape::List(each), Value::List(items)) => items.iter().map(|item| json_of(each, item)).collect(),
        (_, Value::Text(bytes)) => text(bytes),
        _ => Json::Null,
    }
}

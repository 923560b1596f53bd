//! What pointers lead to, in a line: `data` has the content by the names of the arguments, and `data_is` how that was read.
//!
//! No I/O.

use super::{Value, show};
use crate::table::blocks::{self, Shape};
use crate::table::syscalls::{Role, Syscall};
use crate::trace::call::{Call, Content, ContentState};

impl From<Content> for Value {
    fn from(content: Content) -> Self {
        match content {
            Content::Bytes(bytes) => Value::Text(bytes),
            Content::Number(number) => Value::Number(number),
            Content::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
            Content::List(items) => Value::List(items.into_iter().map(Value::from).collect()),
        }
    }
}

/// The content behind each argument of a call, and how it was read; `None` where nothing was.
fn contents(call: &Call) -> impl Iterator<Item = (&'static str, Option<Content>, ContentState)> {
    let row = call.syscall();
    row.into_iter().flat_map(|row| blocks::of_args(row, &call.args)).filter_map(move |block| {
        let (content, state) = call.content(row?.arg(block.arg)?)?;
        Some((block.arg, content, state))
    })
}

/// What the pointers of a call lead to. `None` if nothing was read.
pub fn of_call(call: &Call) -> Option<Value> {
    let one = |(arg, content, _): (_, Option<Content>, _)| (arg, content.map_or(Value::Nothing, Value::from));
    some(contents(call).map(one).collect())
}

/// How it was read, if not whole. `None` if there is nothing to say.
pub fn states(call: &Call) -> Option<Value> {
    let odd = contents(call).filter(|(.., state)| *state != ContentState::Whole);
    some(odd.map(|(arg, _, state)| (arg, state.word().into())).collect())
}

fn some(members: Vec<(&'static str, Value)>) -> Option<Value> {
    (!members.is_empty()).then_some(Value::Object(members))
}

/// The content that can be compared: what was read whole, and when the call had it.
pub fn certain(call: &Call) -> Option<Value> {
    let whole = contents(call).filter(|(.., state)| *state == ContentState::Whole);
    some(whole.filter_map(|(arg, content, _)| Some((arg, content?.into()))).collect())
}

/// The shape of the content behind each argument of the call with this number.
pub fn shapes(number: u32) -> Vec<(&'static str, Shape)> {
    let row = Syscall::by_number(number);
    row.map_or(Vec::new(), blocks::shapes)
}

/// The content as findings show it.
pub fn show_content(number: u32, value: &Value) -> String {
    show_shaped(&Shape::Object(shapes(number)), value)
}

fn show_shaped(shape: &Shape, value: &Value) -> String {
    match (shape, value) {
        (Shape::Number(role), value) => show(*role, value),
        (Shape::Object(shapes), Value::Object(members)) => {
            let one = |(name, value): &(&'static str, Value)| {
                let shape = shapes.iter().find(|(known, _)| known == name);
                shape.map(|(_, shape)| format!("{name} = {}", show_shaped(shape, value)))
            };
            format!("{{ {} }}", members.iter().filter_map(one).collect::<Vec<_>>().join(", "))
        }
        (Shape::List(each), Value::List(items)) => {
            format!("[{}]", items.iter().map(|item| show_shaped(each, item)).collect::<Vec<_>>().join(", "))
        }
        (_, value) => show(Role::Text, value),
    }
}

//! Subjects: the lines of a trace, what adapters make of what tracers print, and TOMLs. No privileges.

mod adapters;
mod compare;
mod lines;
mod objects;
mod schema;
mod toml;

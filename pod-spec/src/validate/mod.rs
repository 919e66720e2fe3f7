//! The checks of the API server, and of what this program supports.

mod check;
mod container;
mod pod;
mod resources;
mod security;
mod volume;

pub(crate) use crate::names::rule as name;
pub(crate) use check::Check;
pub(crate) use pod::check;

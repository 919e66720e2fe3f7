//! Seccomp filters: profiles, and their compilation to the kernel's BPF.
//!
//! The RuntimeDefault list is compiled here rather than by libseccomp, so that the crate needs no C library and so that
//! a program is compiled once and loaded many times.

mod compile;
mod profile;

use crate::config::{Process, Seccomp};
use crate::error::SeccompError;
use crate::sys::Instruction;

/// The filter program for a process, `None` when it is unconfined.
pub(crate) fn filter_for(process: &Process) -> Result<Option<Vec<Instruction>>, SeccompError> {
    let profile = match &process.seccomp {
        Seccomp::Unconfined => return Ok(None),
        Seccomp::RuntimeDefault => profile::runtime_default(process.capabilities),
        Seccomp::Profile(path) => profile::read(path, process.capabilities)?,
    };
    compile::compile(&profile).map(Some)
}

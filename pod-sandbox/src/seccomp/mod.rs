//! Seccomp filters: profiles, and their compilation to the kernel's BPF.
//!
//! The RuntimeDefault list is compiled here rather than by libseccomp, so that the crate needs no C library and so that
//! a program is compiled once and loaded many times.

mod compile;
mod profile;

use std::rc::Rc;

use crate::capability::Capabilities;
use crate::config::{Process, Seccomp};
use crate::error::SeccompError;
use crate::sys::Instruction;

/// A compiled program.
pub(crate) type Filter = Rc<[Instruction]>;

/// The filters that have been compiled so far.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// Of the default profile, which depends on the capabilities alone.
    defaults: Vec<(Capabilities, Filter)>,
}

impl Filters {
    /// Compiles the one that most containers have, ahead of the first of them.
    pub fn anticipate(&mut self) {
        // An error is told when the filter is asked for.
        let _ = self.runtime_default(Capabilities::default());
    }

    /// The filter for a process, `None` when it is unconfined.
    pub fn of(&mut self, process: &Process) -> Result<Option<Filter>, SeccompError> {
        let capabilities = process.capabilities;
        match &process.seccomp {
            Seccomp::Unconfined => Ok(None),
            Seccomp::RuntimeDefault => self.runtime_default(capabilities).map(Some),
            // A file may be another one the next time.
            Seccomp::Profile(path) => {
                Ok(Some(compile::compile(&profile::read(path, capabilities)?)?.into()))
            }
        }
    }

    fn runtime_default(&mut self, capabilities: Capabilities) -> Result<Filter, SeccompError> {
        if let Some((_, filter)) = self.defaults.iter().find(|(c, _)| *c == capabilities) {
            return Ok(Rc::clone(filter));
        }
        let filter = Filter::from(compile::compile(&profile::runtime_default(capabilities))?);
        self.defaults.push((capabilities, Rc::clone(&filter)));
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_filter_is_compiled_once_for_each_set_of_capabilities() {
        let mut filters = Filters::default();
        let mut process = Process::new(["true"]);
        let mut of = |process: &Process| filters.of(process).expect("compiles").expect("a filter");
        let first = of(&process);
        assert!(Rc::ptr_eq(&first, &of(&process)));
        process.capabilities = Capabilities::all();
        assert!(!Rc::ptr_eq(&first, &of(&process)) && first != of(&process));
        process.seccomp = Seccomp::Unconfined;
        assert_eq!(filters.of(&process).expect("nothing to do"), None);
    }
}

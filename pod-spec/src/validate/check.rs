//! Collects what the checks find.

use std::collections::BTreeSet;

use crate::fault::{Fault, FaultKind, quoted};
use crate::path::{Path, Places};

/// The faults found so far, and where the fields of the pod were written.
pub(crate) struct Check<'a> {
    places: &'a dyn Places,
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(places: &'a dyn Places) -> Self {
        Self { places, faults: Vec::new() }
    }

    pub(crate) fn fault(&mut self, path: &Path<'_>, kind: FaultKind, message: impl Into<String>) {
        self.fault_with(path, kind, message, None);
    }

    pub(crate) fn fault_with(
        &mut self,
        path: &Path<'_>,
        kind: FaultKind,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let at = self.places.find(path);
        self.faults.push(Fault::new(path, at, kind, message).suggest(suggestion));
    }

    pub(crate) fn invalid(&mut self, path: &Path<'_>, message: impl Into<String>) {
        self.fault(path, FaultKind::Invalid, message);
    }

    pub(crate) fn required(&mut self, path: &Path<'_>) {
        self.fault(path, FaultKind::Required, "required, but not given");
    }

    /// Checks a name against one of the rules of [`super::name`]; an empty one is missing.
    pub(crate) fn name(
        &mut self,
        path: &Path<'_>,
        name: &str,
        rule: fn(&str) -> Result<(), &'static str>,
    ) {
        if name.is_empty() {
            self.required(path);
        } else if let Err(wanted) = rule(name) {
            let suggestion =
                crate::names::rule::repair(name, rule).map(|n| format!("such as `{n}`"));
            self.fault_with(
                path,
                FaultKind::Invalid,
                format!("{} is not {wanted}", quoted(name)),
                suggestion,
            );
        }
    }

    /// Notes a name that is taken already; an empty one is another fault.
    pub(crate) fn unique<'n>(
        &mut self,
        path: &Path<'_>,
        name: &'n str,
        taken: &mut BTreeSet<&'n str>,
    ) {
        if !name.is_empty() && !taken.insert(name) {
            self.fault(path, FaultKind::Duplicate, format!("{} is taken already", quoted(name)));
        }
    }
}

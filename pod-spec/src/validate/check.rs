//! Collects what the checks find.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::fault::{Fault, FaultKind, quoted};
use crate::names::rule;
use crate::path::{Path, Places};

/// A rule for names: what is wanted, when a text does not follow it.
pub(super) type Rule = fn(&str) -> Result<(), &'static str>;

/// A text that says nothing when it is empty, as in Go.
pub(super) trait Given {
    /// The text, when there is one.
    fn given(&self) -> Option<&str>;
}

impl Given for Option<String> {
    fn given(&self) -> Option<&str> {
        self.as_deref().filter(|text| !text.is_empty())
    }
}

/// The faults found so far, and where the fields of the object were written.
pub(crate) struct Check<'a> {
    places: &'a dyn Places,
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(places: &'a dyn Places) -> Self {
        Self { places, faults: Vec::new() }
    }

    pub(crate) fn fault(&mut self, at: &Path<'_>, kind: FaultKind, message: impl Into<String>) {
        self.fault_with(at, kind, message, None);
    }

    pub(crate) fn fault_with(
        &mut self,
        at: &Path<'_>,
        kind: FaultKind,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let place = self.places.find(at);
        self.faults.push(Fault::new(at, place, kind, message).suggest(suggestion));
    }

    pub(crate) fn invalid(&mut self, at: &Path<'_>, message: impl Into<String>) {
        self.fault(at, FaultKind::Invalid, message);
    }

    pub(crate) fn forbidden(&mut self, at: &Path<'_>, message: impl Into<String>) {
        self.fault(at, FaultKind::Forbidden, message);
    }

    pub(crate) fn required(&mut self, at: &Path<'_>) {
        self.fault(at, FaultKind::Required, "required, but not given");
    }

    /// Notes a text that is missing; whether it is there.
    pub(crate) fn given(&mut self, at: &Path<'_>, text: &str) -> bool {
        if text.is_empty() {
            self.required(at);
        }
        !text.is_empty()
    }

    /// Checks a name against one of the rules of [`rule`]; an empty one is missing.
    pub(crate) fn name(&mut self, at: &Path<'_>, name: &str, rule: Rule) {
        if self.given(at, name) {
            self.format(at, name, rule);
        }
    }

    /// Checks a text against one of the rules of [`rule`]; an empty one is a text like any other.
    pub(crate) fn format(&mut self, at: &Path<'_>, text: &str, rule: Rule) {
        if let Err(wanted) = rule(text) {
            let suggestion = rule::repair(text, rule).map(|name| format!("such as `{name}`"));
            let message = format!("{} is not {wanted}", quoted(text));
            self.fault_with(at, FaultKind::Invalid, message, suggestion);
        }
    }

    /// Notes a name that is taken already; an empty one is another fault.
    pub(crate) fn unique<'n>(
        &mut self,
        at: &Path<'_>,
        name: &'n str,
        taken: &mut BTreeSet<&'n str>,
    ) {
        if !name.is_empty() && !taken.insert(name) {
            self.duplicate(at, name);
        }
    }

    pub(crate) fn duplicate(&mut self, at: &Path<'_>, name: &str) {
        self.fault(at, FaultKind::Duplicate, format!("{} is taken already", quoted(name)));
    }

    /// Notes a number that lies outside.
    pub(crate) fn range<T: PartialOrd + Display>(
        &mut self,
        at: &Path<'_>,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            let (least, greatest) = (range.start(), range.end());
            self.invalid(at, format!("{value} is not from {least} to {greatest}"));
        }
    }

    /// Notes a number below zero.
    pub(crate) fn not_negative<T: PartialOrd + Display + Default>(
        &mut self,
        at: &Path<'_>,
        value: T,
    ) {
        if value < T::default() {
            self.invalid(at, format!("{value} is less than nothing"));
        }
    }

    /// Notes a path that is absolute or goes up.
    pub(crate) fn below(&mut self, at: &Path<'_>, path: &str) {
        if path.starts_with('/') || goes_up(path) {
            self.invalid(at, format!("{} must be relative and without `..`", quoted(path)));
        }
    }

    /// Notes a path with `..` in it.
    pub(crate) fn no_way_up(&mut self, at: &Path<'_>, path: &str) {
        if goes_up(path) {
            self.invalid(at, format!("{} must not contain `..`", quoted(path)));
        }
    }

    /// Notes a path that could not be that of a file in a volume: those that begin with `..` are its own.
    pub(crate) fn file(&mut self, at: &Path<'_>, path: &str) {
        self.below(at, path);
        if path.starts_with("..") && !path.starts_with("../") && path != ".." {
            self.invalid(at, format!("{} must not begin with `..`", quoted(path)));
        }
    }

    /// Notes a mode of a file that is none.
    pub(crate) fn mode(&mut self, at: &Path<'_>, mode: Option<i32>) {
        if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
            self.invalid(at, format!("{mode} is no mode of a file: modes are 0 to 0777 in octal"));
        }
    }
}

fn goes_up(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

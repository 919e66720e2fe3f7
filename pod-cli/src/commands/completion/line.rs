//! A command line that is not finished.

use clap::{Arg, Command};

/// The words before the cursor, and what they mean.
pub struct Line<'c> {
    /// The innermost subcommand.
    pub command: &'c Command,
    /// The words that belong to no option.
    pub positionals: Vec<&'c str>,
    /// The options that have a value.
    pub values: Vec<(&'c str, &'c str)>,
    /// The option whose value comes next.
    awaited: Option<&'c Arg>,
    /// Whether what follows belongs to another program.
    over: bool,
}

/// What the last word may become.
pub struct Proposed {
    /// Each with what it is behind a tab, where that is known.
    pub words: Vec<String>,
    /// Whether it may be the name of a file.
    pub files: bool,
}

/// A value that is asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub arg: &'a Arg,
    /// How it begins.
    pub begun: &'a str,
}

impl<'c> Line<'c> {
    /// Reads the words as clap would, without a word about what is wrong with them.
    pub fn read(command: &'c Command, words: &'c [String]) -> Self {
        let (positionals, values) = (Vec::new(), Vec::new());
        let mut line = Self { command, positionals, values, awaited: None, over: false };
        words.iter().for_each(|word| line.take(word));
        line
    }

    fn take(&mut self, word: &'c str) {
        if let Some(arg) = self.awaited.take() {
            self.values.push((arg.get_id().as_str(), word));
        } else if self.over {
            self.positionals.push(word);
        } else if word == "--" {
            self.over = true;
        } else if let Some(long) = word.strip_prefix("--") {
            self.take_long(long);
        } else if let Some(shorts) = word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            self.take_shorts(shorts);
        } else {
            match self.command.find_subcommand(word).filter(|_| self.positionals.is_empty()) {
                Some(command) => self.command = command,
                None => self.positionals.push(word),
            }
        }
    }

    fn take_long(&mut self, long: &'c str) {
        let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
        let Some(arg) = self.long(name) else { return };
        match value {
            Some(value) => self.values.push((arg.get_id().as_str(), value)),
            None => self.awaited = Some(arg).filter(|arg| needs_value(arg)),
        }
    }

    fn take_shorts(&mut self, shorts: &'c str) {
        for (at, short) in shorts.char_indices() {
            let found = self.command.get_arguments().find(|arg| arg.get_short() == Some(short));
            let Some(arg) = found.filter(|arg| needs_value(arg)) else { continue };
            let rest = &shorts[at + short.len_utf8()..];
            match rest.strip_prefix('=').unwrap_or(rest) {
                "" => self.awaited = Some(arg),
                value => self.values.push((arg.get_id().as_str(), value)),
            }
            return;
        }
    }

    fn long(&self, name: &str) -> Option<&'c Arg> {
        self.command.get_arguments().find(|arg| arg.get_long() == Some(name))
    }

    /// The value of an option.
    pub fn value(&self, id: &str) -> Option<&'c str> {
        self.values.iter().rev().find(|(known, _)| *known == id).map(|(_, value)| *value)
    }

    /// What a word may become; `named` tells the values of an option or place that only the machine knows.
    pub fn propose(&self, current: &str, named: &dyn Fn(Asked<'_>) -> Vec<String>) -> Proposed {
        if let Some(arg) = self.awaited {
            return of_value(Asked { arg, begun: current }, named);
        }
        if self.over {
            return Proposed { words: Vec::new(), files: true };
        }
        if let Some((name, value)) = current.strip_prefix("--").and_then(|l| l.split_once('=')) {
            let Some(arg) = self.long(name) else { return Proposed::nothing() };
            let mut proposed = of_value(Asked { arg, begun: value }, named);
            proposed.words.iter_mut().for_each(|word| word.insert_str(0, &format!("--{name}=")));
            return proposed;
        }
        if current.starts_with('-') {
            return Proposed::words(self.options(), current);
        }
        let mut proposed = match self.place() {
            Some(arg) => of_value(Asked { arg, begun: current }, named),
            None => Proposed::nothing(),
        };
        if self.positionals.is_empty() {
            proposed.words.extend(Proposed::words(self.subcommands(), current).words);
        }
        proposed
    }

    /// What the next word that is no option stands for.
    fn place(&self) -> Option<&'c Arg> {
        let places: Vec<&Arg> =
            self.command.get_positionals().filter(|arg| !arg.is_last_set()).collect();
        let many = places.last().filter(|arg| takes_many(arg));
        places.get(self.positionals.len()).or(many).copied()
    }

    fn options(&self) -> Vec<String> {
        let arguments =
            self.command.get_arguments().filter(|a| !a.is_positional() && !a.is_hide_set());
        let mut options = Vec::new();
        for arg in arguments {
            let help = first_line(arg.get_help().map(ToString::to_string));
            options.extend(arg.get_long().map(|long| format!("--{long}{help}")));
            options.extend(arg.get_short().map(|short| format!("-{short}{help}")));
        }
        options
    }

    fn subcommands(&self) -> Vec<String> {
        let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        let about = |command: &Command| first_line(command.get_about().map(ToString::to_string));
        commands.map(|command| format!("{}{}", command.get_name(), about(command))).collect()
    }
}

impl Proposed {
    fn nothing() -> Self {
        Self { words: Vec::new(), files: false }
    }

    /// Those that begin so, in order.
    fn words(mut words: Vec<String>, begun: &str) -> Self {
        words.retain(|word| word.starts_with(begun));
        words.sort_unstable();
        words.dedup();
        Self { words, files: false }
    }
}

fn of_value(asked: Asked<'_>, named: &dyn Fn(Asked<'_>) -> Vec<String>) -> Proposed {
    let possible = asked.arg.get_possible_values();
    if possible.is_empty() {
        let files = is_file(asked.arg);
        return Proposed { files, ..Proposed::words(named(asked), asked.begun) };
    }
    let shown = possible.iter().filter(|value| !value.is_hide_set());
    let word = |value: &clap::builder::PossibleValue| {
        let help = first_line(value.get_help().map(ToString::to_string));
        format!("{}{help}", value.get_name())
    };
    Proposed::words(shown.map(word).collect(), asked.begun)
}

fn needs_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
        && !arg.is_require_equals_set()
        && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(arg.get_action(), clap::ArgAction::Append)
}

/// Whether a value is a path of this machine, which the name of the value says.
fn is_file(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| {
        ["FILE", "PATH", "DIR"].iter().any(|end| name.ends_with(end))
            || ["FROM", "TO"].contains(&name.as_str())
    })
}

/// What something is, behind a tab.
fn first_line(help: Option<String>) -> String {
    let line = help.and_then(|help| help.lines().next().map(|line| format!("\t{line}")));
    line.unwrap_or_default()
}

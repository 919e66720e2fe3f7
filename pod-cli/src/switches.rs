//! Switches with a value, as kubectl's habits have them: `--follow=true`, `--wait=false`.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{ArgAction, Command};

/// Takes the value off every switch that has one: `--follow=true` becomes `--follow`, and `--follow=false` goes.
///
/// What is not `true` or `false` stays, and clap says what is wrong with it.
pub fn plain(command: impl FnOnce() -> Command, words: Vec<OsString>) -> Vec<OsString> {
    // To know all switches takes as long as all else that the start of this program does.
    let has_value = |word: &OsString| {
        word.to_str().is_some_and(|word| word.ends_with("=true") || word.ends_with("=false"))
    };
    if !words.iter().any(has_value) {
        return words;
    }
    let mut command = command();
    command.build();
    let mut names = BTreeSet::new();
    collect(&command, &mut names);
    let mut over = false;
    words
        .into_iter()
        .filter_map(|word| {
            over |= word == "--";
            match word.to_str().and_then(|text| text.strip_prefix("--")?.split_once('=')) {
                Some((name, "true")) if !over && names.contains(name) => {
                    Some(format!("--{name}").into())
                }
                Some((name, "false")) if !over && names.contains(name) => None,
                _ => Some(word),
            }
        })
        .collect()
}

/// The names of all switches, those of subcommands among them.
fn collect(command: &Command, names: &mut BTreeSet<String>) {
    let switches =
        command.get_arguments().filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    names.extend(switches.filter_map(|arg| arg.get_long().map(str::to_owned)));
    command.get_subcommands().for_each(|command| collect(command, names));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn read(line: &str) -> String {
        let words = plain(Cli::command, line.split_whitespace().map(OsString::from).collect());
        let words: Vec<String> =
            words.into_iter().map(|w| w.into_string().expect("text")).collect();
        words.join(" ")
    }

    #[test]
    fn a_switch_may_be_told_what_it_says() {
        assert_eq!(read("pod logs web --timestamps=true -f"), "pod logs web --timestamps -f");
        assert_eq!(read("pod logs web --follow=false"), "pod logs web");
        assert_eq!(read("pod logs web --follow=maybe"), "pod logs web --follow=maybe");
    }

    #[test]
    fn what_is_no_switch_of_this_program_is_left_alone() {
        for line in [
            "pod logs web --tail=1",
            "pod delete web --wait=false",
            "pod exec web -- x --stdin=true",
        ] {
            assert_eq!(read(line), line);
        }
    }
}

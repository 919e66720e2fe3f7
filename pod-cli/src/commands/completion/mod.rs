//! `pod completion`: what a shell needs to complete command lines.
//!
//! The scripts know nothing of them: they ask `pod __complete -- WORD…` at each key, and so are never out of date, and
//! complete the names of what is there.

mod line;
mod names;

use clap::{Args, Command, ValueEnum};

use crate::args::Globals;
use crate::error::CliError;
use crate::{exit, output};
use line::{Line, Proposed};

#[derive(Debug, Args)]
pub struct Completion {
    /// The shell: `source <(pod completion bash)`
    pub shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Fish,
    Zsh,
}

pub fn run(args: &Completion) -> Result<u8, CliError> {
    output::data(match args.shell {
        Shell::Bash => include_str!("pod.bash"),
        Shell::Fish => include_str!("pod.fish"),
        Shell::Zsh => include_str!("pod.zsh"),
    })?;
    Ok(exit::OK)
}

/// What the scripts ask.
#[derive(Debug, Args)]
pub struct Complete {
    /// The words of the line behind the program's, the last one being that at the cursor
    #[arg(last = true, value_name = "WORD")]
    pub words: Vec<String>,
}

/// Prints what the last word may become, a line each, with what it is behind a tab; `:files` where it may be a file.
pub fn complete(globals: &Globals, args: &Complete, mut command: Command) -> Result<u8, CliError> {
    let (current, before) = args.words.split_last().map_or(("", &[][..]), |(c, b)| (c, b));
    // With the options of all commands at each.
    command.build();
    let line = Line::read(&command, before);
    let Proposed { words, files } =
        line.propose(current, &|asked| names::of(globals, &line, asked));
    let mut text: String = words.iter().map(|word| format!("{word}\n")).collect();
    if files {
        text.push_str(":files\n");
    }
    output::data(text)?;
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// What is proposed on a machine of one pod, `web`, which has one container, `app`.
    fn proposed(line: &str) -> (Vec<String>, bool) {
        let mut command = Cli::command();
        command.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (current, before) = words.split_last().expect("a word");
        let line = Line::read(&command, before);
        let named = |asked: line::Asked<'_>| match asked.arg.get_id().as_str() {
            "pod" | "targets" => vec!["web".to_owned()],
            "container" => vec!["app".to_owned()],
            _ => Vec::new(),
        };
        let Proposed { words, files } = line.propose(current, &named);
        (words.iter().map(|w| w.split('\t').next().unwrap_or_default().to_owned()).collect(), files)
    }

    #[test]
    fn words_of_the_command_line_are_completed() {
        let cases: &[(&str, &[&str])] = &[
            ("desc", &["describe"]),
            ("create secret ", &["docker-registry", "generic", "help", "tls"]),
            ("set im", &["image"]),
            ("completion ", &["bash", "fish", "zsh"]),
            ("exec w", &["web"]),
            ("exec web -c a", &["app"]),
            ("exec web -ic ", &["app"]),
            ("exec web --container=", &["--container=app"]),
            ("logs web --all-c", &["--all-containers"]),
            ("-n team logs w", &["web"]),
            ("-nteam logs w", &["web"]),
            ("--namespace=team logs w", &["web"]),
            ("run web --restart ", &["Always", "Never", "OnFailure"]),
            ("run web --restart=N", &["--restart=Never"]),
            ("run web --image ", &[]),
            ("exec web -- ls ", &[]),
            ("nothing ", &[]),
        ];
        for (line, want) in cases {
            assert_eq!(proposed(line).0, *want, "{line}");
        }
        assert!(proposed("get pods -").0.contains(&"-o".to_owned()));
        assert!(proposed("get pods --").0.contains(&"--namespace".to_owned()));
        assert!(!proposed("").0.contains(&"__complete".to_owned()));
    }

    #[test]
    fn files_are_the_shells_to_complete() {
        for line in
            ["apply -f ", "up --filename=", "cp ", "create cm a --from-file=", "exec web -- "]
        {
            assert!(proposed(line).1, "{line}");
        }
        for line in ["exec ", "get pods -n ", "run web --image "] {
            assert!(!proposed(line).1, "{line}");
        }
    }
}

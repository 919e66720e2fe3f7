//! `pod completion`: what a shell needs to complete command lines.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::CliError;
use crate::{exit, output};

#[derive(Debug, Args)]
pub struct Completion {
    /// The shell: `source <(pod completion bash)`
    pub shell: CompletionShell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    Bash,
    Fish,
    Zsh,
}

pub fn run(args: &Completion) -> Result<u8, CliError> {
    let shell = match args.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Fish => Shell::Fish,
        CompletionShell::Zsh => Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pod", &mut script);
    output::data(script)?;
    Ok(exit::OK)
}

//! `pod exec`: executes a program in a container.

use std::io::{self, IsTerminal};

use clap::Args;
use pod_runtime::TerminalSize;

use crate::args::Globals;
use crate::chosen::ContainerArgs;
use crate::error::CliError;
use crate::terminal::{self, DetachKeys, End, Session};
use crate::{event_loop, exit};

#[derive(Debug, Args)]
pub struct Exec {
    #[command(flatten)]
    pub place: ContainerArgs,
    /// Pass standard input on, also from a terminal
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Give the program this terminal, with -i
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Say nothing but what the program says
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Keys that leave the program running and end this command, such as ctrl-p,ctrl-q [default: none]
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<DetachKeys>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

pub fn run(globals: &Globals, args: Exec) -> Result<u8, CliError> {
    let (pod, container) = args.place.find(globals)?;
    let raw = terminal::wanted(args.tty, args.stdin, args.quiet);
    let with_stdin = args.stdin || !io::stdin().is_terminal();
    let end = event_loop::block_on(async {
        let streams = if raw {
            let size = TerminalSize::of(io::stdin()).map_err(CliError::io("use the terminal"))?;
            pod.exec_in_terminal(&container, args.command, size).await?
        } else if with_stdin {
            pod.exec_with_stdin(&container, args.command).await?.into_streams()
        } else {
            pod.exec(&container, args.command).await?.into_streams()
        };
        Session { streams, raw, detach: args.detach_keys, ends_with_input: false }.run().await
    })?;
    Ok(exit_code(&end))
}

/// The exit code of a command whose session has ended so.
pub fn exit_code(end: &End) -> u8 {
    match end {
        End::Exited(exit) => u8::try_from(exit.code).unwrap_or(exit::FAILED),
        End::Detached | End::InputEnded => exit::OK,
        End::Signalled(number) => u8::try_from(128 + number).unwrap_or(exit::FAILED),
    }
}

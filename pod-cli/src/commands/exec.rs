//! `pod exec`: executes a program in a container.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use clap::Args;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pod_runtime::ExitCall;

use crate::args::Globals;
use crate::commands::logs::default_container;
use crate::error::CliError;
use crate::{event_loop, exit, resource};

#[derive(Debug, Args)]
pub struct Exec {
    /// The pod
    pub pod: String,
    /// Which container [default: the first main one]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Pass standard input on, also from a terminal
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

pub fn run(globals: &Globals, args: Exec) -> Result<u8, CliError> {
    let pod = globals.runtime()?.pod(globals.namespace(), &resource::name(&args.pod)?)?;
    let container = args.container.unwrap_or_else(|| default_container(&pod));
    let with_stdin = args.stdin || !io::stdin().is_terminal();
    let exec = event_loop::block_on(async {
        Ok(if with_stdin {
            pod.exec_with_stdin(&container, args.command).await?
        } else {
            pod.exec(&container, args.command).await?
        })
    })?;
    let (stdin, stdout, stderr, ended) = exec.into_parts();
    if let Some(stdin) = stdin {
        // Nobody waits for this thread: the program may end without reading, and our own input may never end.
        thread::spawn(move || io::copy(&mut io::stdin().lock(), &mut File::from(stdin)));
    }
    copy_output(stdout, stderr, &ended).map_err(CliError::io("pass the program's output on"))?;
    let exit = ended.wait().map_err(pod_runtime::RuntimeError::from)?;
    Ok(u8::try_from(exit.code).unwrap_or(exit::FAILED))
}

/// One of the program's outputs.
struct Pipe {
    source: File,
    is_stderr: bool,
}

/// Passes the program's output on until it has ended and all that it wrote is through. What it left running may hold
/// the pipes open for good, and is not waited for.
fn copy_output(stdout: OwnedFd, stderr: OwnedFd, ended: &ExitCall) -> io::Result<()> {
    let mut pipes = vec![
        Pipe { source: stdout.into(), is_stderr: false },
        Pipe { source: stderr.into(), is_stderr: true },
    ];
    let mut over = false;
    loop {
        let sources = pipes.iter().map(|pipe| pipe.source.as_fd());
        let mut fds: Vec<PollFd<'_>> =
            sources.chain([ended.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, if over { PollTimeout::ZERO } else { PollTimeout::NONE }) {
            Err(Errno::EINTR) => continue,
            result => result?,
        };
        let mut ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        drop(fds);
        let ends = ready.pop() == Some(true);
        if over && !ready.contains(&true) {
            return Ok(());
        }
        over = ends;
        let mut open = Vec::new();
        for (mut pipe, ready) in pipes.into_iter().zip(ready) {
            if !ready || pass_on(&mut pipe)? {
                open.push(pipe);
            }
        }
        pipes = open;
    }
}

/// Passes one chunk on; `false` at the end, or when nobody reads ours any more: the program is told so by a broken pipe.
fn pass_on(pipe: &mut Pipe) -> io::Result<bool> {
    let mut chunk = [0; 16 << 10];
    let n = match pipe.source.read(&mut chunk) {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
        result => result?,
    };
    let write = |out: &mut dyn Write| out.write_all(&chunk[..n]).and_then(|()| out.flush());
    let written = if pipe.is_stderr {
        write(&mut io::stderr().lock())
    } else {
        write(&mut io::stdout().lock())
    };
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| n > 0),
    }
}

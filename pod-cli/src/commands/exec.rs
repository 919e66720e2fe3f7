//! `pod exec`: executes a program in a container.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pod_runtime::ExitCall;

use crate::args::{Exec, Globals};
use crate::commands::logs::default_container;
use crate::error::CliError;
use crate::{event_loop, exit, resource};

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

/// Passes the program's output on until it has ended and all that it wrote is through. What it left running may hold
/// the pipes open for good, and is not waited for.
fn copy_output(stdout: OwnedFd, stderr: OwnedFd, ended: &ExitCall) -> io::Result<()> {
    let mut pipes = [(Some(File::from(stdout)), false), (Some(File::from(stderr)), true)];
    let mut over = false;
    loop {
        let [out, err] = &pipes;
        let open: Vec<usize> = [out, err].iter().enumerate().filter(|(_, p)| p.0.is_some()).map(|(i, _)| i).collect();
        let mut fds: Vec<PollFd<'_>> =
            [out, err].into_iter().filter_map(|p| p.0.as_ref()).map(|f| PollFd::new(f.as_fd(), PollFlags::POLLIN)).collect();
        if !over {
            fds.push(PollFd::new(ended.as_fd(), PollFlags::POLLIN));
        }
        let timeout = if over { PollTimeout::ZERO } else { PollTimeout::NONE };
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => continue,
            result => result?,
        };
        let is_ready = |fd: &PollFd<'_>| fd.any() == Some(true);
        let ready: Vec<usize> = open.iter().zip(&fds).filter(|(_, fd)| is_ready(fd)).map(|(i, _)| *i).collect();
        if over && ready.is_empty() {
            return Ok(());
        }
        over = over || fds.last().is_some_and(is_ready) && fds.len() > open.len();
        drop(fds);
        for i in ready {
            let (pipe, is_stderr) = &mut pipes[i];
            if !pass_on(pipe.as_mut(), *is_stderr)? {
                *pipe = None;
            }
        }
    }
}

/// Passes one chunk on; `false` at the end, or when nobody reads ours any more: the program is told so by a broken pipe.
fn pass_on(pipe: Option<&mut File>, is_stderr: bool) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    let mut chunk = [0; 16 << 10];
    let n = match pipe.read(&mut chunk) {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
        result => result?,
    };
    let write = |out: &mut dyn Write| out.write_all(&chunk[..n]).and_then(|()| out.flush());
    let written = if is_stderr { write(&mut io::stderr().lock()) } else { write(&mut io::stdout().lock()) };
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| n > 0),
    }
}

//! One container in a sandbox: run, wait, read its log, remove everything.
//!
//! `cargo run --example hello -- uname -a`
#![expect(clippy::print_stdout, reason = "a program may print")]

use pod_sandbox::{
    ContainerConfig, ContainerId, Process, RootFs, Runtime, SandboxConfig, SandboxId,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pod_sandbox::init();
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() {
        args = vec!["uname".into(), "-a".into()];
    }
    let dir = std::env::temp_dir().join(format!("hello-{}", std::process::id()));
    let runtime = Runtime::open(dir.join("run"))?;
    let sandbox = runtime
        .create(&SandboxConfig::new(SandboxId::new(format!("hello-{}", std::process::id()))?))?;

    let id = ContainerId::new("hello")?;
    let root = RootFs::Host { layer: dir.join("layer"), mask: vec![] };
    let mut hello = ContainerConfig::new(id.clone(), root, Process::new(args));
    hello.log = Some(dir.join("hello.log"));
    let run = || -> Result<i32, pod_sandbox::SandboxError> {
        sandbox.create_container(&hello)?;
        sandbox.start(&id)?;
        Ok(sandbox.wait(&id)?.code)
    };
    let code = run();
    sandbox.remove()?;
    let log = std::fs::read_to_string(dir.join("hello.log"))?;
    std::fs::remove_dir_all(&dir)?;
    for line in log.lines() {
        println!("{line}");
    }
    println!("exit code {}", code?);
    Ok(())
}

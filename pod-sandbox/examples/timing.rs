//! What the steps of a sandbox's life cost on this machine: medians in microseconds.
//!
//! `cargo run --release --example timing -- 50`
#![expect(clippy::print_stdout, reason = "a program may print")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use pod_sandbox::{
    ContainerConfig, ContainerId, Process, RootFs, Runtime, SandboxConfig, SandboxId,
};

/// The durations of each step.
#[derive(Default)]
struct Timing(BTreeMap<&'static str, Vec<Duration>>);

impl Timing {
    fn step<T>(&mut self, name: &'static str, step: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = step();
        self.0.entry(name).or_default().push(began.elapsed());
        result
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    pod_sandbox::init();
    let rounds = std::env::args().nth(1).map_or(Ok(20), |n| n.parse())?;
    let pause = std::env::args().nth(2).map_or(Ok(50), |n| n.parse())?;
    let dir = std::env::temp_dir().join(format!("timing-{}", std::process::id()));
    let runtime = Runtime::open(dir.join("run"))?;
    let mut timing = Timing::default();
    let mut keeper = 0;
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(pause));
        keeper = round(&runtime, &dir, &mut timing)?;
    }
    std::fs::remove_dir_all(&dir)?;
    for (name, mut all) in timing.0 {
        all.sort();
        let (least, median) = (all[0].as_micros(), all[all.len() / 2].as_micros());
        println!("{name:<28} {median:>7} least {least:>7}");
    }
    println!("{:<28} {keeper:>7} KiB", "private memory of the keeper");
    Ok(())
}

/// One sandbox with two containers, from nothing to nothing.
fn round(runtime: &Runtime, dir: &Path, timing: &mut Timing) -> Result<u64, Box<dyn Error>> {
    let began = Instant::now();
    let name = format!("timing-{}", std::process::id());
    let config = SandboxConfig::new(SandboxId::new(name)?);
    let sandbox = timing.step("1 sandbox", || runtime.create(&config))?;
    let ids = [ContainerId::new("a")?, ContainerId::new("b")?];
    let containers = ids.each_ref().map(|id| {
        let root = RootFs::Host { layer: dir.join(id.as_str()), mask: vec![] };
        let mut config = ContainerConfig::new(id.clone(), root, Process::new(["sleep", "1000"]));
        config.log = Some(dir.join(format!("{id}.log")));
        config.resources.memory = Some(256 << 20);
        config.resources.cpu_shares = Some(100);
        config
    });
    timing.step("2 create two", || -> Result<_, Box<dyn Error>> {
        let calls = containers.each_ref().map(|c| sandbox.begin_create(c));
        for call in calls {
            call?.finish()?;
        }
        Ok(())
    })?;
    timing.step("3 start two", || -> Result<_, Box<dyn Error>> {
        let calls = ids.each_ref().map(|id| sandbox.begin_start(id));
        for call in calls {
            call?.finish()?;
        }
        Ok(())
    })?;
    timing.0.entry("4 up, all of it").or_default().push(began.elapsed());
    timing.step("5 exec", || sandbox.exec(&ids[0], ["true"], false)?.wait())?;
    timing.step("5 exec again", || sandbox.exec(&ids[0], ["true"], false)?.wait())?;
    let keeper = private_memory(sandbox.status()?.keeper)?;
    timing.step("6 remove container", || sandbox.remove_container(&ids[0]))?;
    timing.step("7 remove sandbox", || sandbox.remove())?;
    Ok(keeper)
}

fn private_memory(pid: i32) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let private = text.lines().filter_map(|l| l.strip_prefix("Private_"));
    let numbers = private.filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(numbers.sum())
}

//! The ten lines of the README, from a program with many threads that allocate all the while.
//!
//! `cargo run --example web -- MANIFEST [ROOT]`

#![expect(clippy::print_stdout, reason = "a program that prints its result")]

use pod_runtime::{Pod, Runtime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pod_runtime::init();
    for _ in 0..4 {
        // Threads that hold the allocator's and the environment's locks most of the time.
        std::thread::spawn(|| {
            loop {
                let _ = std::hint::black_box((std::env::var("HOME"), vec![0u8; 4096]));
                std::thread::spawn(|| {}).join().ok();
            }
        });
    }
    let mut args = std::env::args().skip(1);
    let manifest = args.next().unwrap_or_else(|| "examples/web.yaml".to_owned());
    let root = args.next().unwrap_or_else(|| pod_runtime::SYSTEM.to_owned());
    tokio::runtime::Runtime::new()?.block_on(async {
        let pod = Pod::from_yaml(&std::fs::read_to_string(manifest)?)?.validate()?;
        let web = Runtime::open(root)?.run(pod).await?; // dropping the handle detaches
        web.wait_ready().await?;
        let container = web.containers().last().map(|c| (*c).to_owned()).unwrap_or_default();
        let out = web.exec(&container, ["id"]).await?.output().await?;
        let status = web.stop().await?; // honours the grace period
        println!("{} {}", String::from_utf8_lossy(&out.stdout).trim(), status.phase.as_str());
        Ok(())
    })
}

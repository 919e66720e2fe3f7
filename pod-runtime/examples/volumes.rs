//! Measures how long a pod takes from its manifest to its end, by how many volumes of ConfigMaps it has. Run it as root, in its
//! release form; compare the ratios only.
//!
//! `cargo run --release -p pod-runtime --example volumes -- [ROUNDS]`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use pod_runtime::{Pod, Runtime};
use pod_spec::ConfigMap;

/// How often each is done unless said otherwise; the median counts.
const ROUNDS: usize = 15;

/// How many volumes a pod has.
const COUNTS: [usize; 3] = [1, 10, 50];

fn main() -> Result<(), Box<dyn Error>> {
    pod_runtime::init();
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    let dir = std::env::temp_dir().join(format!("pod-volumes-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let measured = measure(&Runtime::open(&dir)?, rounds);
    fs::remove_dir_all(&dir)?;
    measured
}

fn measure(runtime: &Runtime, rounds: usize) -> Result<(), Box<dyn Error>> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {key: value}}";
    runtime.config_maps().apply(ConfigMap::from_yaml(map)?)?;
    println!("volumes  median  ratio");
    let mut measured = COUNTS.map(|count| (count, Vec::new()));
    // In turns, so that what else the machine does meets all of them.
    for _ in 0..rounds {
        for (count, times) in &mut measured {
            times.push(tokio.block_on(run(runtime, &manifest(*count)))?);
        }
    }
    let mut first = None;
    for (count, mut times) in measured {
        times.sort();
        let median = times[rounds / 2];
        let first = first.get_or_insert(median).as_secs_f64();
        println!("{count:7}  {median:6.1?}  {:5.2}", median.as_secs_f64() / first);
    }
    Ok(())
}

/// A pod that ends at once, with so many volumes.
fn manifest(count: usize) -> String {
    let volume = |n| format!("{{name: v{n}, configMap: {{name: m}}}}");
    let mount = |n| format!("{{name: v{n}, mountPath: /v/{n}}}");
    let volumes: Vec<String> = (0..count).map(volume).collect();
    let mounts: Vec<String> = (0..count).map(mount).collect();
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{restartPolicy: Never, hostNetwork: true, \
         volumes: [{}], containers: [{{name: a, image: pod.local/host, command: ['true'], volumeMounts: [{}]}}]}}}}",
        volumes.join(", "),
        mounts.join(", ")
    )
}

async fn run(runtime: &Runtime, manifest: &str) -> Result<Duration, Box<dyn Error>> {
    let pod = Pod::from_yaml(manifest)?.validate()?;
    let began = Instant::now();
    let pod = runtime.run(pod).await?;
    pod.wait_finished().await?;
    let took = began.elapsed();
    pod.delete(Some(0)).await?;
    pod.wait_gone().await?;
    Ok(took)
}

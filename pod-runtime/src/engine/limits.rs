//! Looks whether a pod's volumes on the disk stay within their limits.

use std::path::PathBuf;
use std::time::Duration;

use pod_lifecycle::Event;
use pod_spec::{PodSpec, Quantity, VolumeSource};
use pod_volumes::disk_usage;

use crate::plan::VolumePaths;

/// How often, as in the kubelet.
const PERIOD: Duration = Duration::from_secs(10);

/// A volume on the disk, and how much it may hold.
#[derive(Debug)]
struct Limit {
    volume: String,
    path: PathBuf,
    limit: Quantity,
}

/// Waits until a volume holds more than it may; for ever when none has a limit.
pub(super) async fn exceeded(spec: &PodSpec, volumes: &VolumePaths) -> Event {
    let limits = limits(spec, volumes);
    if limits.is_empty() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(PERIOD).await;
        for limit in &limits {
            let path = limit.path.clone();
            let used = tokio::task::spawn_blocking(move || disk_usage(&path)).await;
            // One that cannot be measured now may be the next time.
            let Ok(Ok(used)) = used else { continue };
            if i128::from(used) > i128::from(limit.limit.value()) {
                let Limit { volume, limit, .. } = limit;
                // The space at its end is the kubelet's.
                let message =
                    format!("Usage of EmptyDir volume {volume:?} exceeds the limit \"{limit}\". ");
                return Event::Evicted { message };
            }
        }
    }
}

fn limits(spec: &PodSpec, volumes: &VolumePaths) -> Vec<Limit> {
    let limit = |volume: &pod_spec::Volume| {
        let Some(VolumeSource::EmptyDir(dir)) = &volume.source else { return None };
        let limit = dir.size_limit.filter(|limit| dir.is_on_disk() && !limit.is_zero())?;
        let path = volumes.get(&volume.name)?.clone();
        Some(Limit { volume: volume.name.clone(), path, limit })
    };
    spec.volumes.iter().filter_map(limit).collect()
}

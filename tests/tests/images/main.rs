//! Pods of real images, pulled from a registry on this machine.

mod policy;
mod samples;
mod settings;

use pod_runtime::PodHandle;
use pod_tests::image::{Recipe, Registry};
use pod_tests::{Host, soon};

/// A host whose images come from a registry, which has some.
pub fn host(test: &str, images: &[Recipe]) -> (Host, Registry) {
    let host = Host::new(test, env!("CARGO_BIN_EXE_helper"));
    let registry = Registry::with(images, env!("CARGO_TARGET_TMPDIR"), &host.dir("registry"));
    host.set_registries(&registry.configuration());
    (host, registry)
}

/// Deletes a pod at once, and waits until it is gone.
pub async fn delete(pod: &PodHandle) {
    soon(pod.delete(Some(0))).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

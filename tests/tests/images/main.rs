//! Pods of real images, pulled from a registry on this machine.

mod policy;
mod samples;
mod settings;
mod volumes;

use pod_tests::Host;
use pod_tests::image::{Recipe, Registry};

/// A host whose images come from a registry, which has some.
pub fn host(test: &str, images: &[Recipe]) -> (Host, Registry) {
    let host = Host::new(test, env!("CARGO_BIN_EXE_helper"));
    let registry = Registry::with(images, env!("CARGO_TARGET_TMPDIR"), &host.dir("registry"));
    host.set_registries(&registry.configuration());
    (host, registry)
}

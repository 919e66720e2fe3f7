//! Manifests, indexes and configurations from strangers end in a value or in an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| pod_images::fuzzing::manifest(text));

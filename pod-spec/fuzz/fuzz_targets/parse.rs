//! A text of any kind is read as YAML and as JSON, or refused with faults that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pod_spec::Pod;

fuzz_target!(|text: &str| {
    for pod in [Pod::from_yaml(text), Pod::from_json(text)] {
        let Err(faults) = pod else { continue };
        assert!(faults.iter().count() > 0);
        let told = faults.render(text, "x.yaml") + &faults.to_string();
        assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
    }
});

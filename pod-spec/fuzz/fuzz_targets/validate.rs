//! A pod that is taken is taken again from what is written of it, and is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pod_spec::Pod;

fuzz_target!(|text: &str| {
    let Ok(pod) = Pod::from_yaml(text) else { return };
    let yaml = pod.to_yaml().expect("a form in YAML");
    assert_eq!(Pod::from_yaml(&yaml).as_ref(), Ok(&pod), "{yaml}");
    let Ok(valid) = pod.validate() else { return };
    let yaml = valid.pod().to_yaml().expect("a form in YAML");
    let again = Pod::from_yaml(&yaml).and_then(Pod::validate);
    assert_eq!(again.as_ref().map(|again| again.pod()), Ok(valid.pod()), "{yaml}");
});

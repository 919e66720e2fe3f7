//! A reference that is taken shows itself as it was written, and its whole name means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pod_images::Reference;

fuzz_target!(|text: &str| {
    let Ok(reference) = text.parse::<Reference>() else { return };
    assert_eq!(reference.to_string(), text);
    if !reference.is_host() {
        let whole: Reference = reference.canonical().parse().expect("a whole name is a name");
        assert_eq!(whole.canonical(), reference.canonical());
        assert_eq!(whole.registry(), reference.registry());
        assert_eq!(whole.repository(), reference.repository());
    }
});

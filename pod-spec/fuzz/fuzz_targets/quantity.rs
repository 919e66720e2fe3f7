//! A text that is a quantity has a canonical form, which is the same quantity and its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pod_spec::Quantity;

fuzz_target!(|text: &str| {
    let Ok(quantity) = text.parse::<Quantity>() else { return };
    let written = quantity.to_string();
    let back: Quantity = written.parse().expect("the canonical form is a quantity");
    assert_eq!(back, quantity);
    assert_eq!(back.to_string(), written);
    assert_eq!(-(-quantity), quantity);
});

//! A text that is a quantity has a canonical form, which is the same quantity and its own canonical form.
//!
//! An amount such as 31.25Ki is written as 32000, which nothing tells from the decimal 32k: of those the second form stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pod_spec::{Quantity, QuantityFormat};

fuzz_target!(|text: &str| {
    let Ok(quantity) = text.parse::<Quantity>() else { return };
    let written = quantity.to_string();
    let back: Quantity = written.parse().expect("the canonical form is a quantity");
    assert_eq!(back, quantity);
    let second = back.to_string();
    if quantity.format() != QuantityFormat::BinarySi || written.ends_with('i') {
        assert_eq!(second, written);
    }
    assert_eq!(second.parse::<Quantity>().map(|q| q.to_string()).as_ref(), Ok(&second));
    assert_eq!(-(-quantity), quantity);
});

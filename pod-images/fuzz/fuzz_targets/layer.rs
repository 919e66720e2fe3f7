//! A layer of any bytes never changes anything outside of its directory, and what it makes can be removed.
#![no_main]

mod outside;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|archive: &[u8]| outside::assert_untouched(archive));

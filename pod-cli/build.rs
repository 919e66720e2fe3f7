//! Links `pod` at a fixed address.
//!
//! Each pod has two processes of this program. In a position-independent one, every table of pointers is rewritten at its
//! start, which makes half a megabyte of it private to each of them; at a fixed address those pages stay the file's and
//! are shared by all pods. Stack, heap and libraries are placed at random all the same. See docs/design/memory.md.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-no-pie");
}

//! Compiles the pause program with the compiler at hand and its own linker: no C toolchain, no target to install.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=pause/pause.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let host = env::var("HOST").expect("cargo sets HOST");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("pause");
    let sysroot = Command::new(&rustc).args(["--print", "sysroot"]).output().expect("rustc runs");
    let sysroot = String::from_utf8(sysroot.stdout).expect("the sysroot is UTF-8");
    let linker = Path::new(sysroot.trim()).join("lib/rustlib").join(&host).join("bin/rust-lld");

    let mut build = Command::new(&rustc);
    build.args(["--edition", "2024", "--crate-type", "bin", "--target", &target, "-o"]).arg(&out);
    build.args([
        "-C",
        "panic=abort",
        "-C",
        "opt-level=s",
        "-C",
        "strip=symbols",
        "-C",
        "relocation-model=static",
    ]);
    if linker.exists() {
        build.arg("-C").arg(format!("linker={}", linker.display()));
        build.args(["-C", "linker-flavor=ld.lld", "-C", "link-self-contained=no"]);
        build.args([
            "-C",
            "link-arg=-nostdlib",
            "-C",
            "link-arg=--build-id=none",
            "-C",
            "link-arg=--no-eh-frame-hdr",
        ]);
        build.args(["-C", "link-arg=-znoseparate-code", "-C", "link-arg=-zmax-page-size=4096"]);
    } else {
        // A distribution's rustc may come without rust-lld; the system's linker makes a larger file.
        build.args([
            "-C",
            "link-arg=-nostdlib",
            "-C",
            "link-arg=-nostartfiles",
            "-C",
            "link-arg=-static",
        ]);
    }
    let status = build
        .args(["-C", "default-linker-libraries=no", "pause/pause.rs"])
        .status()
        .expect("rustc runs");
    assert!(status.success(), "rustc could not compile pause/pause.rs for {target}");
}

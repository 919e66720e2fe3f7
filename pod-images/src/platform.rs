//! The kinds of machines that images are made for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operating system and a processor, in the words of Go, as images name them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system, such as `linux`.
    #[serde(default)]
    pub os: String,
    /// The architecture, such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The variant of the architecture, such as `v7`; empty when none is named.
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// This machine's.
    #[must_use]
    pub fn here() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        let variant = match architecture {
            "amd64" => amd64_level(),
            "arm" => "v7",
            "arm64" => "v8",
            _ => "",
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
        }
    }

    /// How well an image for `self` suits `machine`, higher being better; `None` when it does not run there.
    pub(crate) fn rank_on(&self, machine: &Self) -> Option<u32> {
        let architecture = match self.architecture.as_str() {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        if self.os != machine.os || architecture != machine.architecture {
            return None;
        }
        let rank = level(architecture, &self.variant)?;
        (rank <= level(architecture, &machine.variant)?).then_some(rank)
    }

    /// Whether it says that it is for no system, as the entry of an attestation does.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os.is_empty() || self.os == "unknown"
    }
}

/// The number of a variant, where none written is the least that there is.
fn level(architecture: &str, variant: &str) -> Option<u32> {
    let least = match architecture {
        "amd64" => 1,
        "arm" => 5,
        "arm64" => 8,
        _ if variant.is_empty() => return Some(0),
        _ => return None,
    };
    if variant.is_empty() {
        // Docker's convention: arm without a variant is v7.
        return Some(if architecture == "arm" { 7 } else { least });
    }
    variant.strip_prefix('v')?.parse().ok().filter(|n| *n >= least)
}

/// The microarchitecture level of this processor, as the psABI of x86-64 defines them.
#[cfg(target_arch = "x86_64")]
fn amd64_level() -> &'static str {
    use std::arch::is_x86_feature_detected as has;
    let v2 = has!("sse4.2") && has!("ssse3") && has!("popcnt") && has!("cmpxchg16b");
    let v3 = v2
        && has!("avx2")
        && has!("bmi1")
        && has!("bmi2")
        && has!("fma")
        && has!("movbe")
        && has!("lzcnt")
        && has!("f16c");
    let v4 = v3
        && has!("avx512f")
        && has!("avx512bw")
        && has!("avx512cd")
        && has!("avx512dq")
        && has!("avx512vl");
    match (v2, v3, v4) {
        (_, _, true) => "v4",
        (_, true, _) => "v3",
        (true, _, _) => "v2",
        _ => "v1",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn amd64_level() -> &'static str {
    "v1"
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by strangers: bounded, and nothing that a terminal would act on.
        for (n, part) in [&self.os, &self.architecture, &self.variant].into_iter().enumerate() {
            if n > 0 && !part.is_empty() {
                f.write_str("/")?;
            }
            part.chars().take(32).filter(|c| !c.is_control()).try_for_each(|c| write!(f, "{c}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Platform { os: next(), architecture: next(), variant: next() }
    }

    #[test]
    fn an_image_fits_machines_that_are_at_least_what_it_asks_for() {
        for (image, machine, fits) in [
            ("linux/amd64", "linux/amd64/v1", true),
            ("linux/amd64/v2", "linux/amd64/v1", false),
            ("linux/amd64/v2", "linux/amd64/v3", true),
            ("linux/x86_64", "linux/amd64/v1", true),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v8", "linux/arm/v7", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64", "linux/amd64/v1", false),
            ("windows/amd64", "linux/amd64/v1", false),
            ("linux/riscv64", "linux/riscv64", true),
            ("linux/amd64/vv", "linux/amd64/v1", false),
        ] {
            assert_eq!(
                platform(image).rank_on(&platform(machine)).is_some(),
                fits,
                "{image} on {machine}"
            );
        }
        assert!(Platform::here().rank_on(&Platform::here()).is_some());
    }
}

//! The digest that names a blob by its content.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// The digest of a blob, such as `sha256:` and 64 lowercase hexadecimal digits.
///
/// Its text is safe as part of a file name and of a URL: it holds nothing but lowercase
/// letters, digits and one colon. Source: "Digests" of the OCI image specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// The hash a [`Digest`] was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, which every registry knows.
    Sha256,
    /// SHA-512, which the specification allows.
    Sha512,
}

/// The text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a digest: sha256: and 64 lowercase hexadecimal digits, or sha512: and 128"
)]
pub struct DigestError {
    text: String,
}

impl Digest {
    /// The hash it was made with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }

    /// The hexadecimal digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The whole text, `sha256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex_of = |hex: &str| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match text.split_once(':') {
            Some(("sha256", hex)) if hex.len() == 64 && hex_of(hex) => Ok(Self(text.to_owned())),
            Some(("sha512", hex)) if hex.len() == 128 && hex_of(hex) => Ok(Self(text.to_owned())),
            _ => Err(DigestError { text: text.chars().take(160).collect() }),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A digest in the making.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let (name, bytes) = match self {
            Self::Sha256(hash) => ("sha256:", hash.finalize().to_vec()),
            Self::Sha512(hash) => ("sha512:", hash.finalize().to_vec()),
        };
        let mut text = name.to_owned();
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        Digest(text)
    }

    /// The SHA-256 digest of bytes that are all there.
    pub(crate) fn digest(bytes: &[u8]) -> Digest {
        let mut hasher = Self::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_digests_of_known_hashes_are_taken() {
        let digest: Digest = format!("sha256:{}", "0a".repeat(32)).parse().unwrap();
        assert_eq!((digest.algorithm(), digest.hex().len()), (Algorithm::Sha256, 64));
        let digest: Digest = format!("sha512:{}", "0a".repeat(64)).parse().unwrap();
        assert_eq!((digest.algorithm(), digest.hex().len()), (Algorithm::Sha512, 128));
        for text in
            ["", "sha256:", "md5:00", "sha256:../../etc", &format!("sha256:{}", "0A".repeat(32))]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}

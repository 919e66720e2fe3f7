//! Images as people use them, made of Debian packages, and a registry that serves them.
//!
//! What is made stays in a directory of cargo's, so only the first run downloads packages. Nothing of a package is
//! executed: its files are laid out, and the rest is in the [`Recipe`].

mod cache;
pub mod recipes;
mod registry;

pub use registry::Registry;

use serde_json::Value;

/// What an image is made of.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The name in the registry, without the registry: `docker.io/library/debian:latest`.
    pub name: String,
    /// The lowest first.
    pub layers: Vec<Layer>,
    /// `config` in the image's configuration.
    pub config: Value,
}

/// One layer of an image.
#[derive(Debug, Clone, Hash)]
pub enum Layer {
    /// The files of Debian packages and of those that they need, except what the layers below have.
    Packages(&'static [&'static str]),
    /// What a shell script makes in its working directory; `$BELOW` is the tree of the lowest layer.
    Script(String),
}

impl Layer {
    /// A layer that a script makes.
    pub fn script(text: &str) -> Self {
        Self::Script(text.to_owned())
    }
}

//! Pulls: from Debian's docker-registry, and from servers that do what no registry should.
//!
//! Needs root, and the programs that `make test` installs. Each test has servers, stores and
//! settings of its own, and leaves none of them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod attacks;
mod content;
mod debian;
mod formats;
mod resume;
mod retries;
mod security;
mod server;
mod world;

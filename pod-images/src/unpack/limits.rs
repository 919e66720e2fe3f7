//! How much a layer may come to, since a few kilobytes can be inflated to fill a disk.

/// What unpacking one layer may take. The defaults leave room for the largest real layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes after inflating; 64 GiB by default.
    pub inflated: u64,
    /// Entries; 4 million by default.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated: 64 << 30, entries: 4_000_000 }
    }
}

/// The largest file, with its holes: some logs are sparse and huge, one for all the disks of a rack is not.
pub(crate) const MAX_FILE: u64 = 1 << 40;
/// The memory that the names of directories may take until their times are set at the end, in bytes.
pub(crate) const MAX_NAMES: usize = 128 << 20;

/// From here on, data must not be more than [`BOMB_RATIO`] times as long as what it was inflated from.
///
/// Only data that takes room on the disk counts. Long runs of zeros, which real layers have and which are packed a
/// thousandfold, become holes.
pub(crate) const BOMB_FROM: u64 = 1 << 30;
/// What real data of that length never reaches.
pub(crate) const BOMB_RATIO: u64 = 250;

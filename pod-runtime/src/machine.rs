//! What this machine is.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::plan::Machine;

/// Its name, processors and memory.
pub(crate) fn this_machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        node: read("/proc/sys/kernel/hostname").trim().to_owned(),
        cpus: count(&read("/sys/devices/system/cpu/online")),
        memory: total_memory(&read("/proc/meminfo")),
    }
}

/// Bytes of the file system that a directory is on; 0 when it cannot be told.
pub(crate) fn disk_size(dir: &Path) -> u64 {
    statvfs(dir).map_or(0, |disk| disk.blocks() * disk.fragment_size())
}

/// How many processors a list such as `0-2,5` has; 1 when it is none.
fn count(list: &str) -> u64 {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').map(range).sum::<Option<u64>>().unwrap_or(1)
}

/// Bytes of memory, from the text of `/proc/meminfo`.
fn total_memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    let kilobytes =
        line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted() {
        for (list, cpus) in [("0-3\n", 4), ("0", 1), ("0-2,5,8-9", 6), ("", 1), ("3-1", 1)] {
            assert_eq!(count(list), cpus, "{list}");
        }
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(total_memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), 2 << 20);
        assert_eq!(total_memory(""), 0);
    }
}

//! What this machine is.

use std::fs::{self, DirEntry};
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::plan::Machine;
use crate::resources::HugePages;

/// Its name, processors and memory, with its huge pages.
pub(crate) fn this_machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        node: read("/proc/sys/kernel/hostname").trim().to_owned(),
        cpus: count(&read("/sys/devices/system/cpu/online")),
        memory: total_memory(&read("/proc/meminfo")),
        huge_pages: huge_pages(Path::new("/sys/kernel/mm/hugepages")),
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

/// What there may be of each size of huge pages, from a directory with one for each size, as `hugepages-2048kB`.
fn huge_pages(dir: &Path) -> HugePages {
    let pages = |entry: DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let size: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let count = |file: &str| -> Option<u64> {
            fs::read_to_string(entry.path().join(file)).ok()?.trim().parse().ok()
        };
        let size = size * 1024;
        let pages = count("nr_hugepages")? + count("nr_overcommit_hugepages").unwrap_or(0);
        Some((size, pages.saturating_mul(size)))
    };
    fs::read_dir(dir).into_iter().flatten().flatten().filter_map(pages).collect()
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

    #[test]
    fn b223_huge_pages_are_counted_by_their_size() {
        let dir = std::env::temp_dir().join(format!("pod-pages-{}", std::process::id()));
        for (size, pages, more) in [("2048kB", "3\n", "1\n"), ("1048576kB", "0\n", "0\n")] {
            let dir = dir.join(format!("hugepages-{size}"));
            fs::create_dir_all(&dir).expect("a directory");
            fs::write(dir.join("nr_hugepages"), pages).expect("a file");
            fs::write(dir.join("nr_overcommit_hugepages"), more).expect("a file");
        }
        assert_eq!(huge_pages(&dir), [(2 << 20, 8 << 20), (1 << 30, 0)].into());
        fs::remove_dir_all(&dir).expect("removes");
        assert_eq!(huge_pages(&dir), HugePages::new());
    }
}

//! What this machine is.

use std::fs;

use crate::plan::Machine;

/// Its name and memory.
pub(crate) fn this_machine() -> Machine {
    let node =
        fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    Machine { node, memory: total_memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()) }
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
    fn memory_is_read_in_bytes() {
        assert_eq!(total_memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), 2 << 20);
        assert_eq!(total_memory(""), 0);
    }
}

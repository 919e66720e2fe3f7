//! What the processes beside a pod's workload hold for themselves.

use std::collections::BTreeSet;
use std::fs;

/// The processes there are.
pub(super) fn processes() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The private memory in kB of those of `pids` that have one of the `roles`.
///
/// A role is a program's name, then words that have to be among its arguments.
pub(super) fn private_kb(pids: impl Iterator<Item = u32>, roles: &[&str]) -> u64 {
    pids.filter_map(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        has_role(&String::from_utf8_lossy(&command), roles).then_some(())?;
        Some(private_of(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?))
    })
    .sum()
}

fn has_role(command: &str, roles: &[&str]) -> bool {
    let mut words = command.split(['\0', ' ']);
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().trim_end_matches(':');
    let arguments: Vec<_> = words.collect();
    roles.iter().any(|role| {
        let mut wanted = role.split(' ');
        wanted.next() == Some(program) && wanted.all(|word| arguments.contains(&word))
    })
}

fn private_of(rollup: &str) -> u64 {
    let fields = rollup.lines().filter_map(|line| line.split_once(':'));
    fields
        .filter(|(name, _)| matches!(*name, "Private_Clean" | "Private_Dirty"))
        .filter_map(|(_, value)| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_program_and_its_words() {
        let roles = ["pod-keeper", "pod-supervise", "pause"];
        for (command, expected) in [
            ("pod-keeper\0a", true),
            ("pod-supervise\0/r\0default\0a\0", true),
            ("/pause\0", true),
            ("pod-keeper: web", true),
            ("pod\0get\0", false),
            ("sleep\0pause\0", false),
            ("", false),
        ] {
            assert_eq!(has_role(command, &roles), expected, "{command:?}");
        }
    }

    #[test]
    fn private_memory_is_summed() {
        let rollup = "55d-7ff ---p 0 [rollup]\nRss: 900 kB\nPrivate_Clean:      12 kB\n\
                      Private_Dirty:     30 kB\nPrivate_Hugetlb: 7 kB\n";
        assert_eq!(private_of(rollup), 42);
        assert!(private_kb(std::iter::once(std::process::id()), &[]) == 0);
    }
}

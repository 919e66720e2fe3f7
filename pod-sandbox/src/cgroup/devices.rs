//! Which devices the processes of a cgroup may use.

use std::fmt;

/// The devices of an ordinary container, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceRules {
    /// Every device, for privileged containers.
    All,
    /// The six that every container has, its terminals, and no disk: not even a node for one can be made.
    Standard,
}

/// One rule: what may be done with a device, or with all of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    kind: Kind,
    major: Option<u32>,
    minor: Option<u32>,
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Character,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Make a node.
    Node,
    /// Read, write and make a node.
    All,
}

const fn device(major: u32, minor: Option<u32>) -> Rule {
    Rule { kind: Kind::Character, major: Some(major), minor, access: Access::All }
}

/// Nodes of character devices can be made, as on a cluster's node, but only these can be opened.
const STANDARD: [Rule; 10] = [
    Rule { kind: Kind::Character, major: None, minor: None, access: Access::Node },
    device(1, Some(3)), // null
    device(1, Some(5)), // zero
    device(1, Some(7)), // full
    device(1, Some(8)), // random
    device(1, Some(9)), // urandom
    device(5, Some(0)), // tty
    device(5, Some(1)), // console
    device(5, Some(2)), // ptmx
    device(136, None),  // pts
];

impl DeviceRules {
    /// The allowed ones, `None` when everything is.
    pub(super) fn listed(self) -> Option<&'static [Rule]> {
        match self {
            Self::All => None,
            Self::Standard => Some(&STANDARD),
        }
    }

    /// The rules as an eBPF program for the cgroup v2, `None` when everything is allowed.
    pub(super) fn program(self) -> Option<Vec<u64>> {
        self.listed().map(compile)
    }
}

impl fmt::Display for Rule {
    /// As cgroup v1 reads it: `c 1:3 rwm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: Option<u32>| n.map_or("*".to_owned(), |n| n.to_string());
        let kind = match self.kind {
            Kind::Character => 'c',
        };
        let access = match self.access {
            Access::Node => "m",
            Access::All => "rwm",
        };
        write!(f, "{kind} {}:{} {access}", number(self.major), number(self.minor))
    }
}

// eBPF, one instruction in 64 bits: code, registers, offset, immediate.
const fn ebpf(code: u8, dst: u8, src: u8, offset: i16, imm: i32) -> u64 {
    code as u64
        | (dst as u64) << 8
        | (src as u64) << 12
        | (offset as u16 as u64) << 16
        | (imm as u32 as u64) << 32
}

const LOAD_WORD: u8 = 0x61;
const MOVE_IMM: u8 = 0xb7;
const MOVE: u8 = 0xbf;
const AND_IMM32: u8 = 0x54;
const SHIFT_RIGHT_IMM32: u8 = 0x74;
const JUMP_NOT_EQUAL_IMM: u8 = 0x55;
const EXIT: u8 = 0x95;

/// The kernel passes `{ u32 access << 16 | type; u32 major; u32 minor }` in r1; a result of 1 allows.
fn compile(rules: &[Rule]) -> Vec<u64> {
    const CHARACTER: i32 = 2;
    const MAKE_NODE: i32 = 1;
    const EVERY_ACCESS: i32 = 7;
    let mut program = vec![
        ebpf(LOAD_WORD, 2, 1, 0, 0),
        ebpf(MOVE, 3, 2, 0, 0),
        ebpf(AND_IMM32, 3, 0, 0, 0xffff),     // r3: type
        ebpf(SHIFT_RIGHT_IMM32, 2, 0, 0, 16), // r2: access
        ebpf(LOAD_WORD, 4, 1, 4, 0),          // r4: major
        ebpf(LOAD_WORD, 5, 1, 8, 0),          // r5: minor
    ];
    for rule in rules {
        // A test that fails goes on with the next rule, which begins behind `r0 = 1; exit`.
        let mut tests = Vec::new();
        match rule.kind {
            Kind::Character => tests.push((3, CHARACTER)),
        }
        tests.extend(rule.major.map(|n| (4, n as i32)));
        tests.extend(rule.minor.map(|n| (5, n as i32)));
        let allowed = match rule.access {
            Access::Node => MAKE_NODE,
            Access::All => EVERY_ACCESS,
        };
        let mut left = tests.len() as i16 + 5;
        for (register, value) in tests {
            left -= 1;
            program.push(ebpf(JUMP_NOT_EQUAL_IMM, register, 0, left, value));
        }
        program.push(ebpf(MOVE, 6, 2, 0, 0));
        program.push(ebpf(AND_IMM32, 6, 0, 0, !allowed & EVERY_ACCESS));
        program.push(ebpf(JUMP_NOT_EQUAL_IMM, 6, 0, 2, 0));
        program.push(ebpf(MOVE_IMM, 0, 0, 0, 1));
        program.push(ebpf(EXIT, 0, 0, 0, 0));
    }
    program.push(ebpf(MOVE_IMM, 0, 0, 0, 0));
    program.push(ebpf(EXIT, 0, 0, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn allows(program: &[u64], kind: u32, access: u32, major: u32, minor: u32) -> bool {
        let context = [access << 16 | kind, major, minor];
        let mut r = [0u64; 11];
        let mut pc = 0;
        loop {
            let i = program[pc];
            pc += 1;
            let (code, dst, src) = (i as u8, (i >> 8 & 0xf) as usize, (i >> 12 & 0xf) as usize);
            let (offset, imm) = ((i >> 16) as u16 as i16, (i >> 32) as u32);
            match code {
                LOAD_WORD => r[dst] = u64::from(context[offset as usize / 4]),
                MOVE => r[dst] = r[src],
                MOVE_IMM => r[dst] = u64::from(imm),
                AND_IMM32 => r[dst] &= u64::from(imm),
                SHIFT_RIGHT_IMM32 => r[dst] = u64::from(r[dst] as u32 >> imm),
                JUMP_NOT_EQUAL_IMM => {
                    if r[dst] != u64::from(imm) {
                        pc += offset as usize;
                    }
                }
                EXIT => return r[0] == 1,
                other => panic!("code {other:#x}"),
            }
        }
    }

    #[test]
    fn the_program_allows_what_the_list_says() {
        let program = DeviceRules::Standard.program().expect("a list");
        let (block, char) = (1, 2);
        let (node, read, write) = (1, 2, 4);
        assert!(allows(&program, char, read | write, 1, 3), "null");
        assert!(allows(&program, char, read | write, 136, 7), "a terminal");
        assert!(allows(&program, char, node, 10, 200), "a node may be made");
        assert!(!allows(&program, char, read, 10, 200), "but not opened");
        assert!(!allows(&program, char, read | node, 1, 1), "mem");
        for access in [node, read, write] {
            assert!(!allows(&program, block, access, 8, 0), "a disk, access {access}");
        }
    }

    #[test]
    fn everything_needs_no_program() {
        assert_eq!(DeviceRules::All.program(), None);
        let lines: Vec<_> = STANDARD.iter().map(ToString::to_string).collect();
        assert_eq!(lines[..2], ["c *:* m", "c 1:3 rwm"]);
        assert_eq!(lines[9], "c 136:* rwm");
    }
}

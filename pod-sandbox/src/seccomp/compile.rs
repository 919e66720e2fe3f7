//! From a profile to the kernel's classic BPF.
//!
//! One section for each architecture that programs of this machine can use: the native one and its 32-bit companion.
//! A section is a binary search for the range of calls with the same fate. When a program is loaded, the kernel runs it
//! for every call there is, to remember those that are always allowed: a chain of tests would cost a millisecond then.

use std::collections::BTreeMap;

use super::profile::{Action, Condition, Op, Profile};
use crate::error::SeccompError;
use crate::sys::Instruction;

// Offsets in `struct seccomp_data`.
const OFFSET_NR: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGS: u32 = 16;

// Instruction codes of classic BPF.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

/// The kernel's limit on a program.
const MAX_INSTRUCTIONS: usize = 4096;

/// An architecture: its number in `seccomp_data.arch`, and its calls.
struct Arch {
    audit: u32,
    numbers: fn() -> Numbers,
}

/// The numbers of an architecture's calls, by name.
type Numbers = BTreeMap<&'static str, u32>;

macro_rules! numbers {
    ($name:ident, $module:ident) => {
        // To look a name up in `syscalls` means to compare it with one after the other.
        fn $name() -> Numbers {
            use syscalls::$module::Sysno;
            let number = |call: Sysno| Some((call.name(), u32::try_from(call.id()).ok()?));
            // Its iterator stops short of the last one.
            Sysno::iter().chain([Sysno::last()]).filter_map(number).collect()
        }
    };
}

#[cfg(target_arch = "x86_64")]
const ARCHES: &[Arch] =
    &[Arch { audit: 0xc000_003e, numbers: x86_64 }, Arch { audit: 0x4000_0003, numbers: x86 }];
#[cfg(target_arch = "aarch64")]
const ARCHES: &[Arch] =
    &[Arch { audit: 0xc000_00b7, numbers: aarch64 }, Arch { audit: 0x4000_0028, numbers: arm }];
#[cfg(target_arch = "riscv64")]
const ARCHES: &[Arch] = &[Arch { audit: 0xc000_00f3, numbers: riscv64 }];

#[cfg(target_arch = "x86_64")]
numbers!(x86_64, x86_64);
#[cfg(target_arch = "x86_64")]
numbers!(x86, x86);
#[cfg(target_arch = "aarch64")]
numbers!(aarch64, aarch64);
#[cfg(target_arch = "aarch64")]
numbers!(arm, arm);
#[cfg(target_arch = "riscv64")]
numbers!(riscv64, riscv64);

fn ins(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

fn ret(action: Action) -> Instruction {
    let k = match action {
        Action::Allow => 0x7fff_0000,
        Action::Errno(errno) => 0x0005_0000 | u32::from(errno),
        Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Log => 0x7ffc_0000,
    };
    ins(RETURN, 0, 0, k)
}

/// The program for a profile.
pub(super) fn compile(profile: &Profile) -> Result<Vec<Instruction>, SeccompError> {
    let mut program = vec![ins(LOAD, 0, 0, OFFSET_ARCH)];
    for arch in ARCHES {
        let section = section(profile, arch);
        // Jumps in BPF are short; a whole section is passed by with the long, unconditional one.
        let skip = u32::try_from(section.len()).map_err(|_| SeccompError::TooLong)?;
        program.push(ins(JUMP_EQUAL, 1, 0, arch.audit));
        program.push(ins(JUMP, 0, 0, skip));
        program.extend(section);
    }
    program.push(ret(Action::KillProcess));
    if program.len() > MAX_INSTRUCTIONS { Err(SeccompError::TooLong) } else { Ok(program) }
}

/// What to do for one call number: the alternatives in order, each with its conditions.
type Alternatives<'a> = Vec<(&'a [Condition], Action)>;

fn section(profile: &Profile, arch: &Arch) -> Vec<Instruction> {
    let numbers = (arch.numbers)();
    let mut calls: BTreeMap<u32, Alternatives<'_>> = BTreeMap::new();
    for rule in &profile.rules {
        // A name that this architecture does not have is no mistake: profiles name those of all of them.
        for number in rule.names.iter().filter_map(|name| numbers.get(name.as_str())) {
            calls.entry(*number).or_default().push((&rule.conditions, rule.action));
        }
    }
    let default = vec![ret(profile.default)];
    let mut ranges: Vec<Range> = vec![Range { first: 0, body: default.clone() }];
    for (number, alternatives) in calls {
        ranges.push(Range { first: number, body: alternatives_of(&alternatives, profile.default) });
        ranges.push(Range { first: number + 1, body: default.clone() });
    }
    // Of two that begin at the same number the first is empty.
    ranges.dedup_by(|later, earlier| {
        let same = later.first == earlier.first;
        if same {
            std::mem::swap(&mut later.body, &mut earlier.body);
        }
        same
    });
    ranges.dedup_by(|later, earlier| later.body == earlier.body);
    let mut out = vec![ins(LOAD, 0, 0, OFFSET_NR)];
    out.extend(search(&ranges));
    out
}

/// The calls from this number to the beginning of the next range, and what is done about them.
struct Range {
    first: u32,
    body: Vec<Instruction>,
}

/// Finds the range in which a call lies. There is at least one.
fn search(ranges: &[Range]) -> Vec<Instruction> {
    if let [only] = ranges {
        return only.body.clone();
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let (first, below, above) = (above[0].first, search(below), search(above));
    let mut out = match u8::try_from(below.len()) {
        Ok(skip) => vec![ins(JUMP_GREATER_EQUAL, skip, 0, first)],
        // Too far for a conditional jump.
        Err(_) => {
            vec![ins(JUMP_GREATER_EQUAL, 0, 1, first), ins(JUMP, 0, 0, below.len() as u32)]
        }
    };
    out.extend(below);
    out.extend(above);
    out
}

fn alternatives_of(alternatives: &Alternatives<'_>, default: Action) -> Vec<Instruction> {
    // An alternative without conditions decides by itself.
    if let Some((_, action)) = alternatives.iter().find(|(conditions, _)| conditions.is_empty()) {
        return vec![ret(*action)];
    }
    let mut out = Vec::new();
    for (conditions, action) in alternatives {
        let mut tests: Vec<Instruction> = Vec::new();
        // From the last to the first, so that each test knows how far it is to the end of this alternative.
        for condition in conditions.iter().rev() {
            let to_fail = tests.len() + 1;
            let mut test = test_of(condition, to_fail);
            test.extend(tests);
            tests = test;
        }
        out.extend(tests);
        out.push(ret(*action));
    }
    out.push(ret(default));
    out
}

/// Instructions that go on when the condition holds, and else jump `to_fail` instructions beyond their own end.
fn test_of(condition: &Condition, to_fail: usize) -> Vec<Instruction> {
    let base = OFFSET_ARGS + u32::from(condition.index) * 8;
    let (low, high) =
        if cfg!(target_endian = "little") { (base, base + 4) } else { (base + 4, base) };
    let (value_low, value_high) = (condition.value as u32, (condition.value >> 32) as u32);
    let fail = u8::try_from(to_fail).unwrap_or(u8::MAX);
    match condition.op {
        Op::Equal => vec![
            ins(LOAD, 0, 0, high),
            ins(JUMP_EQUAL, 0, fail + 2, value_high),
            ins(LOAD, 0, 0, low),
            ins(JUMP_EQUAL, 0, fail, value_low),
        ],
        Op::NotEqual => vec![
            ins(LOAD, 0, 0, high),
            ins(JUMP_EQUAL, 0, 2, value_high),
            ins(LOAD, 0, 0, low),
            ins(JUMP_EQUAL, fail, 0, value_low),
        ],
        Op::MaskedEqual => vec![
            ins(LOAD, 0, 0, high),
            ins(AND, 0, 0, (condition.mask >> 32) as u32),
            ins(JUMP_EQUAL, 0, fail + 3, value_high),
            ins(LOAD, 0, 0, low),
            ins(AND, 0, 0, condition.mask as u32),
            ins(JUMP_EQUAL, 0, fail, value_low),
        ],
        // high > v: holds; high == v: the low half decides; else fails.
        Op::Greater | Op::GreaterEqual => vec![
            ins(LOAD, 0, 0, high),
            ins(JUMP_GREATER, 3, 0, value_high),
            ins(JUMP_EQUAL, 0, fail + 2, value_high),
            ins(LOAD, 0, 0, low),
            ins(
                if condition.op == Op::Greater { JUMP_GREATER } else { JUMP_GREATER_EQUAL },
                0,
                fail,
                value_low,
            ),
        ],
        Op::Less | Op::LessEqual => vec![
            ins(LOAD, 0, 0, high),
            ins(JUMP_GREATER, fail + 3, 0, value_high),
            ins(JUMP_EQUAL, 0, 2, value_high),
            ins(LOAD, 0, 0, low),
            ins(
                if condition.op == Op::Less { JUMP_GREATER_EQUAL } else { JUMP_GREATER },
                fail,
                0,
                value_low,
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::{Rule, runtime_default};
    use super::*;
    use crate::capability::Capabilities;

    /// The number of a call on this machine.
    fn number(name: &str) -> u32 {
        *(ARCHES[0].numbers)().get(name).unwrap_or_else(|| panic!("{name}"))
    }

    /// Runs a program on a call, as the kernel would.
    fn run(program: &[Instruction], arch: u32, number: u32, args: [u64; 6]) -> u32 {
        let load = |offset: u32| match offset {
            OFFSET_NR => number,
            OFFSET_ARCH => arch,
            _ => {
                let arg = args[((offset - OFFSET_ARGS) / 8) as usize];
                if (offset - OFFSET_ARGS).is_multiple_of(8) {
                    arg as u32
                } else {
                    (arg >> 32) as u32
                }
            }
        };
        let (mut pc, mut a) = (0, 0);
        loop {
            let i = program[pc];
            pc += 1;
            let jump = |hit: bool| usize::from(if hit { i.jt } else { i.jf });
            match i.code {
                LOAD => a = load(i.k),
                AND => a &= i.k,
                JUMP => pc += i.k as usize,
                JUMP_EQUAL => pc += jump(a == i.k),
                JUMP_GREATER => pc += jump(a > i.k),
                JUMP_GREATER_EQUAL => pc += jump(a >= i.k),
                RETURN => return i.k,
                other => panic!("code {other:#x}"),
            }
        }
    }

    const ALLOW: u32 = 0x7fff_0000;

    #[test]
    fn every_comparison_decides_as_it_says() {
        let values = [0, 1, 7, 8, 9, u64::from(u32::MAX), 1 << 32, (1 << 32) + 8, u64::MAX];
        type Holds = fn(u64, u64) -> bool;
        let ops: [(Op, Holds); 6] = [
            (Op::Equal, |a, b| a == b),
            (Op::NotEqual, |a, b| a != b),
            (Op::Less, |a, b| a < b),
            (Op::LessEqual, |a, b| a <= b),
            (Op::Greater, |a, b| a > b),
            (Op::GreaterEqual, |a, b| a >= b),
        ];
        let number = number("read");
        for (op, holds) in ops {
            for value in values {
                let first = Condition { index: 1, op, value, mask: 0 };
                let second = Condition { index: 2, op: Op::MaskedEqual, value: 4, mask: 0xc };
                let rule = Rule {
                    names: vec!["read".into()],
                    action: Action::Allow,
                    conditions: vec![first, second],
                };
                let profile = Profile { default: Action::Errno(1), rules: vec![rule] };
                let program = compile(&profile).expect("short");
                for arg in values {
                    for masked in [4, 8] {
                        let got = run(&program, ARCHES[0].audit, number, [0, arg, masked, 0, 0, 0]);
                        let want = holds(arg, value) && masked == 4;
                        assert_eq!(got == ALLOW, want, "{arg} {op:?} {value}, masked {masked}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_default_profile_allows_the_usual_and_withholds_the_rest() {
        let program = compile(&runtime_default(Capabilities::default())).expect("short enough");
        let decide = |name: &str, arg: u64| {
            run(&program, ARCHES[0].audit, number(name), [arg, 0, 0, 0, 0, 0])
        };
        for name in ["read", "openat", "execve", "mknodat", "chroot", "socket", "clone"] {
            assert_eq!(decide(name, 0), ALLOW, "{name}");
        }
        for name in
            ["mount", "unshare", "setns", "bpf", "kexec_load", "reboot", "keyctl", "io_uring_setup"]
        {
            assert_eq!(decide(name, 0), 0x0005_0001, "{name}");
        }
        assert_eq!(decide("clone", 0x1000_0000), 0x0005_0001, "a new user namespace");
        assert_eq!(decide("clone3", 0), 0x0005_0026, "ENOSYS, so that libraries fall back");
        assert_eq!(decide("socket", 40), 0x0005_0001, "AF_VSOCK");
        assert_eq!(run(&program, 0xdead_beef, 0, [0; 6]), 0x8000_0000, "a foreign architecture");
    }

    #[test]
    fn every_call_has_the_fate_that_its_profile_says() {
        let profile = runtime_default(Capabilities::default());
        let program = compile(&profile).expect("short enough");
        assert!(program.len() < 600, "{} instructions", program.len());
        for arch in ARCHES {
            let numbers = (arch.numbers)();
            let named: Vec<u32> = profile
                .rules
                .iter()
                .filter(|r| r.conditions.is_empty() && r.action == Action::Allow)
                .flat_map(|r| r.names.iter().filter_map(|n| numbers.get(n.as_str()).copied()))
                .collect();
            let conditional: Vec<u32> = profile
                .rules
                .iter()
                .filter(|r| !r.conditions.is_empty() || r.action != Action::Allow)
                .flat_map(|r| r.names.iter().filter_map(|n| numbers.get(n.as_str()).copied()))
                .collect();
            let numbers = (0..2000).chain([0x4000_0000, u32::MAX]);
            for number in numbers.filter(|n| !conditional.contains(n)) {
                let allowed = run(&program, arch.audit, number, [0; 6]) == ALLOW;
                assert_eq!(allowed, named.contains(&number), "call {number} of {:#x}", arch.audit);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_call_that_has_a_number_is_found_by_its_name() {
        use syscalls::x86_64::Sysno;
        let numbers = x86_64();
        for number in 0..1000 {
            let name = Sysno::new(number).map(|call| call.name());
            let found = numbers.iter().find(|(_, n)| **n as usize == number);
            assert_eq!(found.map(|(name, _)| *name), name, "call {number}");
        }
    }

    #[test]
    fn capabilities_open_calls() {
        let program = compile(&runtime_default(Capabilities::all())).expect("short enough");
        for name in ["mount", "unshare", "setns", "bpf", "reboot", "clone3"] {
            assert_eq!(
                run(&program, ARCHES[0].audit, number(name), [u64::MAX, 0, 0, 0, 0, 0]),
                ALLOW,
                "{name}"
            );
        }
    }
}

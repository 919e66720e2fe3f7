//! The pause program: the first process of a sandbox, which holds its namespaces and does nothing else.
//!
//! It reaps orphans (it is pid 1 where the sandbox shares one pid namespace) and ends at once on TERM or INT.
//! Compiled by `build.rs` without the standard library or libc, so that a pod's idle cost stays at two pages.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

const SIGCHLD: u64 = 17;
const SIGINT: u64 = 2;
const SIGTERM: u64 = 15;
const SIGNALS: u64 = 1 << (SIGCHLD - 1) | 1 << (SIGINT - 1) | 1 << (SIGTERM - 1);
const SIG_BLOCK: usize = 0;
const WNOHANG: usize = 1;
const PR_SET_NAME: usize = 15;

#[cfg(target_arch = "x86_64")]
mod nr {
    pub const RT_SIGPROCMASK: usize = 14;
    pub const WAIT4: usize = 61;
    pub const PRCTL: usize = 157;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const EXIT_GROUP: usize = 231;
}

#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod nr {
    pub const RT_SIGPROCMASK: usize = 135;
    pub const WAIT4: usize = 260;
    pub const PRCTL: usize = 167;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const EXIT_GROUP: usize = 94;
}

/// # Safety
/// The arguments must be valid for the system call `n`.
#[cfg(target_arch = "x86_64")]
unsafe fn syscall(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let r: isize;
    // SAFETY: the kernel's calling convention; rcx and r11 are overwritten.
    unsafe {
        asm!("syscall", inlateout("rax") n as isize => r, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    r
}

/// # Safety
/// The arguments must be valid for the system call `n`.
#[cfg(target_arch = "aarch64")]
unsafe fn syscall(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let r: isize;
    // SAFETY: the kernel's calling convention.
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a as isize => r, in("x1") b, in("x2") c, in("x3") d,
             options(nostack));
    }
    r
}

/// # Safety
/// The arguments must be valid for the system call `n`.
#[cfg(target_arch = "riscv64")]
unsafe fn syscall(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let r: isize;
    // SAFETY: the kernel's calling convention.
    unsafe {
        asm!("ecall", in("a7") n, inlateout("a0") a as isize => r, in("a1") b, in("a2") c, in("a3") d,
             options(nostack));
    }
    r
}

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call {main}", "ud2", main = sym main);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "bl {main}", "brk 1", main = sym main);
#[cfg(target_arch = "riscv64")]
global_asm!(".globl _start", "_start:", "call {main}", "ebreak", main = sym main);

extern "C" fn main() -> ! {
    let set: u64 = SIGNALS;
    let set = &raw const set as usize;
    // SAFETY: `set` and the name are valid for reads during the calls; null pointers are allowed where they stand.
    unsafe {
        syscall(nr::PRCTL, PR_SET_NAME, c"pause".as_ptr() as usize, 0, 0);
        syscall(nr::RT_SIGPROCMASK, SIG_BLOCK, set, 0, 8);
        loop {
            let signal = syscall(nr::RT_SIGTIMEDWAIT, set, 0, 0, 8);
            if signal == SIGTERM as isize || signal == SIGINT as isize {
                syscall(nr::EXIT_GROUP, 0, 0, 0, 0);
            }
            while syscall(nr::WAIT4, usize::MAX, 0, WNOHANG, 0) > 0 {}
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

//! The exit codes of the command.
//!
//! `pod exec` and `pod up` pass the code of the program through; its meaning is the program's then.

/// What was asked for has been done.
pub const OK: u8 = 0;
/// The operation failed.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// The manifest is wrong; nothing was started.
pub const MANIFEST: u8 = 3;
/// There is no such pod, container, image, ConfigMap or Secret.
pub const NOT_FOUND: u8 = 4;
/// Something of this name exists already.
pub const EXISTS: u8 = 5;
/// A right or a feature of the kernel is missing.
pub const PRIVILEGE: u8 = 6;

/// The codes as `pod --help` shows them.
pub const HELP: &str = "\
Exit codes:
  0  what was asked for has been done
  1  the operation failed
  2  the command line is wrong
  3  the manifest is wrong; nothing was started
  4  there is no such pod, container, image, ConfigMap or Secret
  5  a pod, ConfigMap or Secret of this name exists already
  6  a right or a feature of the kernel is missing
  `pod exec` and `pod up` pass the code of the program through.";

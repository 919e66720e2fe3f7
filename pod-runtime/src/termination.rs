//! What a container says of its end: in a file that is mounted for that, or else with the last lines that it has written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use pod_spec::TerminationMessagePolicy;

use crate::dirs::PodDirs;
use crate::logs;
use crate::plan::PodPlan;

/// Most that is read of the file, from its end, in bytes. This and the next are the kubelet's limits.
const MAX_FILE: usize = 4096;

/// Most that is taken from the log: so many lines, and so many bytes of them.
const MAX_LINES: usize = 80;
const MAX_LOG: usize = 2048;

/// Makes the file for an instance, empty and writable by any user.
pub(crate) fn prepare(dirs: &PodDirs, container: &str, attempt: u32) -> io::Result<()> {
    let path = dirs.termination_log(container, attempt);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o666))
}

/// What an instance has said of its end with this exit code; `None` when it said nothing.
pub(crate) fn message(plan: &PodPlan, container: &str, attempt: u32, code: i32) -> Option<String> {
    let dirs = &plan.dirs;
    let said = |bytes: io::Result<Vec<u8>>| bytes.ok().filter(|bytes| !bytes.is_empty());
    let policy = plan.container(container).and_then(|c| c.termination_message_policy);
    let by_log = code != 0 && policy == Some(TerminationMessagePolicy::FallbackToLogsOnError);
    let log = || logs::end(&dirs.container_logs(container), attempt, MAX_LINES, MAX_LOG);
    let bytes =
        said(in_file(dirs, container, attempt)).or_else(|| by_log.then(log).and_then(said))?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn in_file(dirs: &PodDirs, container: &str, attempt: u32) -> io::Result<Vec<u8>> {
    let path = dirs.termination_log(container, attempt);
    // It is a bind mount in there and cannot be replaced; a link in its place would not be ours.
    let file = File::options().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path)?;
    logs::last_bytes(file, MAX_FILE)
}

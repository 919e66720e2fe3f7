//! The file in which a container may say why it ended, mounted at `/dev/termination-log`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use crate::dirs::PodDirs;

/// Most that is read of a container's message, from its end (the kubelet's limit).
const MAX_CONTAINER: u64 = 4096;

/// Makes the file for an instance, empty and writable by any user.
pub(crate) fn prepare(dirs: &PodDirs, container: &str, attempt: u32) -> io::Result<()> {
    let path = dirs.termination_log(container, attempt);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o666))
}

/// What an instance that has ended wrote to it; `None` when it wrote nothing.
pub(crate) fn message(dirs: &PodDirs, container: &str, attempt: u32) -> Option<String> {
    let path = dirs.termination_log(container, attempt);
    let read = || -> io::Result<Vec<u8>> {
        // It is a bind mount in there and cannot be replaced; a link in its place would not be ours.
        let mut file = File::options().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(MAX_CONTAINER)))?;
        let mut bytes = Vec::new();
        file.take(MAX_CONTAINER).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().ok().filter(|b| !b.is_empty())?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

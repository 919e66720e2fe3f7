//! Trees as tar archives.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag};
use nix::sys::time::TimeSpec;
use tar::{Archive, Builder, Entry, EntryType, Header};

use super::Skipped;
use super::directory::Directory;
use super::tree::{Copy, MAX_DEPTH, Metadata, aside_name, plain};

/// Writes a file or directory, under a name.
pub(super) fn pack(source: &Directory, name: &Path, to: impl Write) -> io::Result<Skipped> {
    let mut skipped = Vec::new();
    let mut archive = Builder::new(to);
    add(&mut archive, source, name, 0, &mut skipped)?;
    archive.into_inner()?.flush()?;
    Ok(skipped)
}

fn add<W: Write>(
    archive: &mut Builder<W>,
    source: &Directory,
    name: &Path,
    depth: usize,
    skipped: &mut Skipped,
) -> io::Result<()> {
    let stat = source.stat()?;
    let mut header = header(&stat);
    match source.kind()? {
        SFlag::S_IFREG => {
            let data = source.reopen(OpenOptions::new().read(true))?;
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
            archive.append_data(&mut header, name, data.take(size).chain(io::repeat(0)).take(size))
        }
        SFlag::S_IFLNK => {
            header.set_entry_type(EntryType::Symlink);
            archive.append_link(&mut header, name, source.target()?)
        }
        SFlag::S_IFDIR if depth == MAX_DEPTH => {
            Err(io::Error::other(format!("{} lies too deep", name.display())))
        }
        SFlag::S_IFDIR => {
            header.set_entry_type(EntryType::Directory);
            archive.append_data(&mut header, name, io::empty())?;
            for entry in source.names()? {
                match source.entry(&entry) {
                    // It has gone meanwhile.
                    Err(Errno::ENOENT) => {}
                    found => add(archive, &found?, &name.join(&entry), depth + 1, skipped)?,
                }
            }
            Ok(())
        }
        _ => {
            skipped.push(name.to_owned());
            Ok(())
        }
    }
}

fn header(stat: &FileStat) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(stat.st_uid.into());
    header.set_gid(stat.st_gid.into());
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    header.set_size(0);
    header
}

/// Makes all entries of an archive in a directory.
pub(super) fn unpack(from: impl Read, to: &Directory, copy: &Copy) -> io::Result<Skipped> {
    let mut skipped = Vec::new();
    // Modes of directories are set last, or nothing could be made in them.
    let mut directories: Vec<(PathBuf, Metadata)> = Vec::new();
    for entry in Archive::new(from).entries()? {
        let mut entry = entry?;
        let path = within(&entry.path()?)?;
        let metadata = metadata(entry.header())?;
        let Some(name) = path.file_name() else { continue };
        let parent = parent(to, &path)?;
        match entry.header().entry_type() {
            EntryType::Directory => {
                if copy.directory(&parent, name)?.1 {
                    directories.push((path, metadata));
                }
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                copy.file(&mut entry, metadata, &parent, name)?;
            }
            EntryType::Symlink => {
                let target = target(&entry)?;
                copy.link(target.as_os_str(), metadata, &parent, name)?;
            }
            EntryType::Link => hard_link(to, &within(&target(&entry)?)?, &parent, name)?,
            EntryType::XGlobalHeader => {}
            _ => skipped.push(path),
        }
    }
    for (path, metadata) in directories.into_iter().rev() {
        copy.finish_directory(&walk(to, &path)?, metadata)?;
    }
    Ok(skipped)
}

fn within(path: &Path) -> io::Result<PathBuf> {
    plain(path).ok_or_else(|| {
        io::Error::other(format!("its entry {} leads out of the directory", path.display()))
    })
}

fn target<R: Read>(entry: &Entry<'_, R>) -> io::Result<PathBuf> {
    let target = entry.link_name()?;
    target.map(|t| t.into_owned()).ok_or_else(|| io::Error::other("it has a link to nothing"))
}

fn metadata(header: &Header) -> io::Result<Metadata> {
    let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX - 1);
    let modified = TimeSpec::new(i64::try_from(header.mtime()?).unwrap_or(0), 0);
    Ok(Metadata { uid: id(header.uid()?), gid: id(header.gid()?), mode: header.mode()?, modified })
}

/// The directory of an entry, made when it is missing.
fn parent(to: &Directory, path: &Path) -> io::Result<Directory> {
    let mut directory = to.entry(OsStr::new("."))?;
    for name in path.parent().into_iter().flat_map(Path::iter) {
        (directory, _) = directory.make_directory(name)?;
    }
    Ok(directory)
}

/// The directory at a path that is there.
fn walk(to: &Directory, path: &Path) -> io::Result<Directory> {
    let mut directory = to.entry(OsStr::new("."))?;
    for name in path {
        directory = directory.directory(name)?;
    }
    Ok(directory)
}

fn hard_link(to: &Directory, old: &Path, parent: &Directory, name: &OsStr) -> io::Result<()> {
    let from = walk(to, old.parent().unwrap_or(Path::new("")))?;
    let old = old.file_name().ok_or_else(|| io::Error::other("it has a link to nothing"))?;
    let aside = aside_name();
    parent.create_hard_link(&from, old, &aside)?;
    parent.replace(name, &aside).inspect_err(|_| {
        let _ = parent.remove(&aside);
    })
}

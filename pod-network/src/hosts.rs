//! The files in the form of hosts(5), through which pods of one namespace know each other's names.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::record::Record;
use crate::{Attachment, HostsFile, Network, NetworkError};

const NEIGHBOURS: &str = "\n# Pods of the same namespace.\n";

/// Writes the file of a pod without an address, which has no neighbours.
pub(crate) fn write_alone(pod: &Attachment) -> Result<(), NetworkError> {
    pod.hosts.as_ref().map_or(Ok(()), |hosts| write(hosts, &text(hosts, "", &[])))
}

/// Writes the file of `newcomer` and names it in the files of `others`. Their own are the errors of others: a file
/// that is no more, or no more a file, is not the newcomer's fault.
pub(crate) fn add(newcomer: &Record, others: &[Record]) -> Result<(), NetworkError> {
    let own = lines(newcomer);
    let neighbours: Vec<_> = others
        .iter()
        .filter(|other| meet(newcomer, other))
        .map(|neighbour| (&neighbour.attachment.hosts, lines(neighbour)))
        .collect();
    if let Some(hosts) = &newcomer.attachment.hosts {
        let lines: Vec<_> = neighbours.iter().map(|(_, lines)| lines.as_str()).collect();
        write(hosts, &text(hosts, &own, &lines))?;
    }
    if own.is_empty() {
        return Ok(());
    }
    let named = neighbours.iter().filter(|(_, lines)| !lines.is_empty()).count();
    for (hosts, lines) in neighbours {
        let Some(hosts) = hosts else { continue };
        // Whether the file names no one yet: of those with names there is none but its own pod.
        let alone = named == usize::from(!lines.is_empty());
        let addition = if alone { format!("{NEIGHBOURS}{own}") } else { own.clone() };
        drop(append(&hosts.path, &addition));
    }
    Ok(())
}

/// Writes the files of `records` anew where their text is another. `true` when there was one.
pub(crate) fn renew(records: &[&Record]) -> bool {
    let all: Vec<_> = records.iter().map(|record| (*record, lines(record))).collect();
    let mut renewed = false;
    for (record, own) in &all {
        let Some(hosts) = &record.attachment.hosts else { continue };
        let neighbours: Vec<_> = all
            .iter()
            .filter(|(other, _)| meet(record, other))
            .map(|(_, lines)| lines.as_str())
            .collect();
        // As in `add`: the others' own errors.
        renewed |= replace(&mut OpenOptions::new(), &hosts.path, &text(hosts, own, &neighbours))
            .unwrap_or(false);
    }
    renewed
}

/// Whether `one` is to know `other`.
fn meet(one: &Record, other: &Record) -> bool {
    other.complete
        && one.id() != other.id()
        && one.attachment.namespace == other.attachment.namespace
        && is_reachable(one)
        && is_reachable(other)
}

/// Behind `pasta` each pod is alone, with the addresses of the host.
fn is_reachable(record: &Record) -> bool {
    !record.addresses().is_empty() && !matches!(record.network, Network::Pasta(_))
}

/// A line for each address of a pod, with its names.
fn lines(record: &Record) -> String {
    if record.attachment.names.is_empty() {
        return String::new();
    }
    let names = record.attachment.names.join("\t");
    record.addresses().iter().map(|address| format!("{address}\t{names}\n")).collect()
}

fn text(hosts: &HostsFile, own: &str, neighbours: &[&str]) -> String {
    let mut text = [&hosts.head, own, &hosts.tail].concat();
    if neighbours.iter().any(|lines| !lines.is_empty()) {
        text.push_str(NEIGHBOURS);
        text.extend(neighbours.iter().copied());
    }
    text
}

fn write(hosts: &HostsFile, text: &str) -> Result<(), NetworkError> {
    replace(OpenOptions::new().create(true), &hosts.path, text)
        .map(drop)
        .map_err(NetworkError::step(format!("write {}", hosts.path.display())))
}

/// Writes the text into the file as it lies there, since containers have it mounted. `true` when it was another.
fn replace(options: &mut OpenOptions, path: &Path, text: &str) -> io::Result<bool> {
    let mut file = open(options.read(true).write(true), path)?;
    let mut before = Vec::with_capacity(text.len());
    Read::by_ref(&mut file).take(text.len() as u64 + 1).read_to_end(&mut before)?;
    if before == text.as_bytes() {
        return Ok(false);
    }
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)?;
    Ok(true)
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    open(OpenOptions::new().append(true), path)?.write_all(text.as_bytes())
}

/// Opens a regular file, and nothing else that may have taken its place.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_NONBLOCK;
    let file = options.custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

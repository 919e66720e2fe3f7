//! Entries whose names meet each other never change anything outside of their directory.
//!
//! Random archives seldom have two entries of the same name, and never a link with a file below it. So the input is a list of
//! entries, six bytes for each, with names from a short list, and an archive is made of it.
#![no_main]

mod outside;

use libfuzzer_sys::fuzz_target;

const KINDS: &[u8] = b"0123455266x";
const PARTS: [&str; 10] =
    ["a", "b", "..", "bait", ".wh.a", ".wh..wh..opq", ".", "", "root", ".wh.bait"];

fn path(first: u8, second: u8) -> String {
    let part = |n: u8| PARTS[usize::from(n) % PARTS.len()];
    match second % 3 {
        0 => format!("{}/{}", part(first), part(second / 3)),
        _ => part(first).to_owned(),
    }
}

fn archive(entries: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for entry in entries.chunks_exact(6) {
        let mut header = tar::Header::new_gnu();
        let (name, link) = (path(entry[1], entry[2]), path(entry[3], entry[4]));
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.as_old_mut().linkflag[0] = KINDS[usize::from(entry[0]) % KINDS.len()];
        header.set_mode(0o755);
        header.set_size(u64::from(entry[5] % 2));
        archive.extend_from_slice(header.as_bytes());
        if matches!(header.as_old().linkflag[0], b'0' | b'x') && entry[5] % 2 == 1 {
            archive.extend_from_slice(&[1; 512]);
        }
    }
    archive
}

fuzz_target!(|entries: &[u8]| outside::assert_untouched(&archive(entries)));

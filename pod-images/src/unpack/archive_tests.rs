use super::*;

fn read(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let mut archive = Archive::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = archive.next()? {
        archive.data(&entry, |_, _| Ok::<(), ArchiveError>(()))?;
        entries.push(entry);
    }
    Ok(entries)
}

#[test]
fn numbers_are_octal_or_large() {
    for (field, expected) in [
        (&b"0000644\0"[..], Some(0o644)),
        (b"   644 \0", Some(0o644)),
        (b"\0\0\0\0", Some(0)),
        (b"9\0", None),
        (b"-1\0", None),
        (b"\x80\0\0\0\xff\xff\xff\xff", Some(0xffff_ffff)),
        (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(u64::MAX - 1)),
        (b"\x80\x01\0\0\0\0\0\0\0\0\x01\0", None),
    ] {
        assert_eq!(number(field), expected, "{field:?}");
    }
}

#[test]
fn an_archive_ends_with_zeros_or_with_nothing() {
    assert_eq!(read(b"").unwrap(), []);
    assert_eq!(read(&[0; 1024]).unwrap(), []);
    assert_eq!(read(&[0; 512]).unwrap(), []);
}

#[test]
fn broken_archives_are_refused_with_the_place() {
    let mut header = Header::new_ustar();
    header.set_path("file").unwrap();
    header.set_size(1000);
    header.set_cksum();
    let truncated = [&header.as_bytes()[..], &[1; 700]].concat();
    let mut wrong = *header.as_bytes();
    wrong[0] = b'x';
    let mut long = header.clone();
    long.set_entry_type(tar::EntryType::XHeader);
    long.set_size(2 << 20);
    long.set_cksum();
    let mut unknown = header.clone();
    unknown.set_entry_type(tar::EntryType::new(b'Q'));
    unknown.set_cksum();
    for (bytes, what) in [
        (&truncated[..], Malformed::Truncated),
        (&header.as_bytes()[..100], Malformed::Truncated),
        (&wrong, Malformed::Checksum),
        (long.as_bytes(), Malformed::LongExtension),
        (unknown.as_bytes(), Malformed::Type(b'Q')),
    ] {
        match read(bytes) {
            Err(ArchiveError::Malformed { what: found, .. }) => assert_eq!(found, what),
            other => panic!("{what}: {other:?}"),
        }
    }
}

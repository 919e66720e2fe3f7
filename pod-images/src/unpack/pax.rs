//! The extended headers of the POSIX archive format: records of `length key=value\n`.

use super::archive::Malformed;

/// How many extended attributes an entry may have.
const MAX_XATTRS: usize = 256;

/// What extended headers say about the entries after them. What is not listed here means nothing to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    /// Seconds and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: SparseKeys,
}

/// What the three forms of sparse files in extended headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseKeys {
    /// The form with a map in front of the data is in use.
    pub map_in_data: bool,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<u64>,
    /// Offsets and lengths by turns.
    pub numbers: Vec<u64>,
}

impl Pax {
    /// Takes up the records of one header. A later value replaces an earlier one; an empty one takes it back.
    pub(crate) fn extend(&mut self, mut records: &[u8]) -> Result<(), Malformed> {
        while !records.is_empty() {
            let (record, rest) = split_record(records).ok_or(Malformed::Pax)?;
            records = rest;
            let equals = record.iter().position(|b| *b == b'=').ok_or(Malformed::Pax)?;
            self.set(&record[..equals], &record[equals + 1..])?;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
        let text = || Some(value.to_vec()).filter(|value| !value.is_empty());
        let number = || match value {
            [] => Ok(None),
            _ => decimal(value).map(Some).ok_or(Malformed::Pax),
        };
        match key {
            b"path" => self.path = text(),
            b"linkpath" => self.link = text(),
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or(Malformed::Pax)?),
            b"GNU.sparse.major" => self.sparse.map_in_data = value == b"1",
            b"GNU.sparse.name" => self.sparse.name = text(),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse.real_size = number()?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse.numbers.extend(number()?);
            }
            b"GNU.sparse.map" => {
                let numbers = value.split(|b| *b == b',').map(decimal).collect::<Option<_>>();
                self.sparse.numbers = numbers.ok_or(Malformed::Pax)?;
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.retain(|(known, _)| known != name);
                    if self.xattrs.len() == MAX_XATTRS {
                        return Err(Malformed::Pax);
                    }
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

/// The first record without its length and newline, and what follows it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().take(20).position(|b| *b == b' ')?;
    let length = usize::try_from(decimal(&records[..space])?).ok()?;
    let record = records.get(space + 1..length)?;
    Some((record.strip_suffix(b"\n")?, &records[length..]))
}

/// Digits and nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// `-12.5` and the like; what is finer than a nanosecond is cut off.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |b| *b == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanos = (0..9).fold(0, |n, i| n * 10 + fraction.get(i).map_or(0, |d| u32::from(d - b'0')));
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = key.len() + value.len() + 3;
        let mut length = body + 1;
        while length != body + length.to_string().len() {
            length += 1;
        }
        [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
    }

    #[test]
    fn records_are_read_by_their_length() {
        let capability = b"\x01\0\0\x02\n=\0\n";
        let records = [
            record("path", b"old"),
            record("path", b"a\nb"),
            record("SCHILY.xattr.security.capability", capability),
            record("mtime", b"1700000000.25"),
            record("uid", b"4000000000"),
            record("uid", b""),
            record("comment", b"x"),
        ];
        let mut pax = Pax::default();
        pax.extend(&records.concat()).unwrap();
        let expected = Pax {
            path: Some(b"a\nb".to_vec()),
            mtime: Some((1_700_000_000, 250_000_000)),
            xattrs: vec![(b"security.capability".to_vec(), capability.to_vec())],
            ..Pax::default()
        };
        assert_eq!(pax, expected);
    }

    #[test]
    fn broken_records_are_refused() {
        for records in [
            "x",
            "5",
            " ",
            "0 a=b\n",
            "3 a=b\n",
            "99 a=b\n",
            "6 a=bx",
            "5 ab\n",
            "-6 a=b\n",
            "11 size=-1\n",
            "12 mtime=1x\n",
            "99999999999999999999 a=b\n",
            "2 ",
            "1 a=\n",
        ] {
            assert_eq!(
                Pax::default().extend(records.as_bytes()),
                Err(Malformed::Pax),
                "{records:?}"
            );
        }
    }

    #[test]
    fn times_before_the_epoch_count_up() {
        for (text, expected) in [
            ("0", Some((0, 0))),
            ("12.5", Some((12, 500_000_000))),
            ("-12.5", Some((-13, 500_000_000))),
            ("-3", Some((-3, 0))),
            ("1.0000000019", Some((1, 1))),
            ("1.x", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(time(text.as_bytes()), expected, "{text}");
        }
    }
}

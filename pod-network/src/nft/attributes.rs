//! Attributes of netlink: each has a length, a kind and a value, and is padded to four bytes.

/// The length and the kind, two bytes each.
const HEADER: usize = 4;
/// The value is made of attributes itself.
const NESTED: u16 = 1 << 15;
/// The bits of the kind that are not flags.
const KIND: u16 = 0x3fff;

/// A list of attributes, encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds one with these bytes.
    pub(crate) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length =
            u16::try_from(HEADER + value.len()).expect("an attribute is shorter than 64 KiB");
        self.0.reserve(usize::from(length).next_multiple_of(4));
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds one with a text, which the kernel wants to end with a zero.
    pub(crate) fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), b"\0"].concat())
    }

    /// Adds one with a number.
    pub(crate) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Adds one that is made of attributes.
    pub(crate) fn nested(self, kind: u16, value: &Self) -> Self {
        self.copied(kind, &value.0)
    }

    /// Adds one that is made of attributes which were read.
    pub(crate) fn copied(self, kind: u16, value: &[u8]) -> Self {
        self.bytes(kind | NESTED, value)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One attribute as it was read.
struct Read<'a> {
    kind: u16,
    nested: bool,
    value: &'a [u8],
}

/// Reads the first of `list`, and returns what follows it.
fn first(list: &[u8]) -> Option<(Read<'_>, &[u8])> {
    let (header, _) = list.split_first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
    let kind = u16::from_ne_bytes([header[2], header[3]]);
    let value = list.get(HEADER..length)?;
    let rest = list.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((Read { kind: kind & KIND, nested: kind & NESTED != 0, value }, rest))
}

fn read(mut list: &[u8]) -> impl Iterator<Item = Read<'_>> {
    std::iter::from_fn(move || {
        let (attribute, rest) = first(list)?;
        list = rest;
        Some(attribute)
    })
}

/// The kinds and values of a list; it ends where the list makes no sense.
pub(crate) fn attributes(list: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    read(list).map(|attribute| (attribute.kind, attribute.value))
}

/// The value that `path` leads to, from the outermost attribute to the innermost.
pub(crate) fn attribute<'a>(list: &'a [u8], path: &[u16]) -> Option<&'a [u8]> {
    path.iter().try_fold(list, |list, wanted| {
        attributes(list).find_map(|(kind, value)| (kind == *wanted).then_some(value))
    })
}

/// Whether `found` says all that `wanted` says.
///
/// The kernel shows more than it was told, and newer ones more than older ones, so attributes of a kind that `wanted`
/// does not have are passed over. Of a kind that it has there must be as many, in the same order.
pub(crate) fn covers(wanted: &[u8], found: &[u8]) -> bool {
    let seen = |kind, before| read(wanted).take(before).any(|other| other.kind == kind);
    let kinds = read(wanted)
        .enumerate()
        .filter(|(place, one)| !seen(one.kind, *place))
        .map(|(_, one)| one.kind);
    let mut of_kinds = kinds.map(|kind| {
        let of_kind = |list| read(list).filter(move |one| one.kind == kind);
        (of_kind(wanted), of_kind(found))
    });
    of_kinds.all(|(mut wanted, mut found)| {
        wanted.all(|wanted| found.next().is_some_and(|found| same(&wanted, &found)))
            && found.next().is_none()
    })
}

fn same(wanted: &Read<'_>, found: &Read<'_>) -> bool {
    if wanted.nested { covers(wanted.value, found.value) } else { wanted.value == found.value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_and_its_length_is_not() {
        let list = Attributes::new().text(1, "pod0").number(2, 7);
        let mut expected = Vec::new();
        expected.extend([9_u16.to_ne_bytes(), 1_u16.to_ne_bytes()].concat());
        expected.extend(b"pod0\0\0\0\0");
        expected.extend([8_u16.to_ne_bytes(), 2_u16.to_ne_bytes()].concat());
        expected.extend([0, 0, 0, 7]);
        assert_eq!(list.as_bytes(), expected);
    }

    #[test]
    fn what_was_written_is_read() {
        let inner = Attributes::new().text(3, "in").number(4, 1);
        let list = Attributes::new().number(1, 9).nested(2, &inner);
        assert_eq!(attribute(list.as_bytes(), &[1]), Some([0, 0, 0, 9].as_slice()));
        assert_eq!(attribute(list.as_bytes(), &[2, 3]), Some(b"in\0".as_slice()));
        assert_eq!(attribute(list.as_bytes(), &[2, 5]), None);
        assert_eq!(attributes(list.as_bytes()).map(|(kind, _)| kind).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_list_that_is_cut_short_ends_early() {
        let list = Attributes::new().number(1, 9).number(2, 9);
        for length in 0..list.as_bytes().len() {
            assert_eq!(attributes(&list.as_bytes()[..length]).count(), length / 8);
        }
        assert_eq!(attributes(&[0; 8]).count(), 0, "a length of nothing would never end");
    }

    #[test]
    fn more_is_covered_and_less_or_other_is_not() {
        let list = |numbers: &[u32]| {
            let inner =
                numbers.iter().fold(Attributes::new(), |list, number| list.number(1, *number));
            Attributes::new().nested(5, &inner)
        };
        let covers =
            |wanted: &Attributes, found: &Attributes| covers(wanted.as_bytes(), found.as_bytes());
        let wanted = list(&[1, 2]);
        assert!(covers(&wanted, &wanted));
        assert!(covers(&wanted, &list(&[1, 2]).number(6, 1)));
        assert!(covers(&Attributes::new(), &wanted));
        for other in [
            list(&[2, 1]),
            list(&[1]),
            list(&[1, 2, 3]),
            Attributes::new(),
            list(&[1, 2]).number(5, 1),
        ] {
            assert!(!covers(&wanted, &other), "{other:?}");
        }
    }
}

//! The files of a volume that is made of data, and how the keys of an object become such files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::PayloadError;

/// The longest path of a file, in bytes, as in the kubelet.
const MAX_PATH: usize = 4096;

/// The longest name in a path, in bytes, as in the kubelet.
const MAX_NAME: usize = 255;

/// The files of a volume by their paths, each relative to the volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    files: BTreeMap<PathBuf, PayloadFile>,
}

/// A file of a [`Payload`].
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadFile {
    /// What is in it.
    pub content: Vec<u8>,
    /// Its mode, 0 to 0777.
    pub mode: u32,
}

impl fmt::Debug for PayloadFile {
    /// Without the content, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes with mode {:o}", self.content.len(), self.mode)
    }
}

impl Payload {
    /// Adds a file, in place of one at the same path.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Path`] when the path is empty, absolute, too long, has `..` or
    /// begins with it, which is kept for what the volume is managed by.
    pub fn insert(
        &mut self,
        path: impl Into<PathBuf>,
        file: PayloadFile,
    ) -> Result<(), PayloadError> {
        let path = path.into();
        if !is_allowed(&path) {
            return Err(PayloadError::Path { path });
        }
        self.put(path, file);
        Ok(())
    }

    /// Adds a file that was found somewhere, whatever it is called.
    pub(crate) fn put(&mut self, path: PathBuf, file: PayloadFile) {
        self.files.insert(path, file);
    }

    /// Adds the files of another one, in place of those at the same paths.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    /// The files, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &PayloadFile)> {
        self.files.iter().map(|(path, file)| (path.as_path(), file))
    }

    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PayloadFile> {
        self.files.values_mut()
    }
}

fn is_allowed(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |c: Component<'_>| match c {
        Component::Normal(name) => name.len() <= MAX_NAME,
        _ => false,
    };
    !bytes.is_empty()
        && bytes.len() <= MAX_PATH
        && !bytes.starts_with(b"..")
        && !bytes.contains(&0)
        && path.components().all(plain)
}

/// An object whose keys become files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ObjectKind {
    /// What messages about a missing object begin with.
    const fn resource(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }

    /// What messages about a missing key call it.
    const fn key(self) -> &'static str {
        match self {
            Self::ConfigMap => "config",
            Self::Secret => "secret",
        }
    }
}

/// Which keys of an object become files: `items`, `defaultMode` and `optional`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The keys that are taken. None for every key, under its own name.
    pub items: Vec<KeyToPath>,
    /// The mode of a file whose item has none.
    pub default_mode: u32,
    /// Whether the object, or a key of it, may be missing.
    pub optional: bool,
}

/// A key, and the file that it becomes: `items[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyToPath {
    /// The key.
    pub key: String,
    /// The file, relative to the volume.
    pub path: PathBuf,
    /// The file's mode; the default mode when there is none.
    pub mode: Option<u32>,
}

impl Keys {
    /// The files that are made of the object `name`, whose keys are `data`; `None` for
    /// an object that is not there.
    ///
    /// # Errors
    ///
    /// [`PayloadError::NoObject`] and [`PayloadError::NoKey`] unless they are
    /// optional, and [`PayloadError::Path`].
    pub fn select(
        &self,
        kind: ObjectKind,
        name: &str,
        data: Option<&BTreeMap<String, Vec<u8>>>,
    ) -> Result<Payload, PayloadError> {
        let mut payload = Payload::default();
        let Some(data) = data else {
            if self.optional {
                return Ok(payload);
            }
            return Err(PayloadError::NoObject { kind: kind.resource(), name: name.to_owned() });
        };
        if self.items.is_empty() {
            for (key, content) in data {
                let file = PayloadFile { content: content.clone(), mode: self.default_mode };
                payload.insert(key, file)?;
            }
        }
        for item in &self.items {
            match data.get(&item.key) {
                Some(content) => {
                    let mode = item.mode.unwrap_or(self.default_mode);
                    payload.insert(&item.path, PayloadFile { content: content.clone(), mode })?;
                }
                None if self.optional => {}
                None => {
                    let key = item.key.clone();
                    return Err(PayloadError::NoKey { kind: kind.key(), key });
                }
            }
        }
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str, mode: u32) -> PayloadFile {
        PayloadFile { content: content.into(), mode }
    }

    fn data() -> BTreeMap<String, Vec<u8>> {
        [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.into())).into()
    }

    fn item(key: &str, path: &str, mode: Option<u32>) -> KeyToPath {
        KeyToPath { key: key.into(), path: path.into(), mode }
    }

    fn keys(items: Vec<KeyToPath>, optional: bool) -> Keys {
        Keys { items, default_mode: 0o644, optional }
    }

    #[test]
    fn a_file_stays_within_its_volume() {
        let long = "x".repeat(256);
        for path in ["", "/a", "../a", "a/../b", "..a", "..data/x", "./a", "a\0b", long.as_str()] {
            let inserted = Payload::default().insert(path, file("", 0o644));
            assert!(matches!(inserted, Err(PayloadError::Path { .. })), "{path:?}");
        }
        for path in ["a", "a/b", "a..b", ".a", "a/..b"] {
            assert!(Payload::default().insert(path, file("", 0o644)).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn every_key_becomes_a_file_unless_some_are_named() {
        let all = keys(vec![], false).select(ObjectKind::ConfigMap, "m", Some(&data()));
        let all = all.expect("made");
        let found: Vec<_> = all.files().collect();
        assert_eq!(found[0], (Path::new("a"), &file("1", 0o644)));
        assert_eq!(found[1], (Path::new("b"), &file("2", 0o644)));

        let some = keys(vec![item("b", "x/y", Some(0o400))], false);
        let some = some.select(ObjectKind::Secret, "s", Some(&data())).expect("made");
        let found: Vec<_> = some.files().collect();
        assert_eq!(found, [(Path::new("x/y"), &file("2", 0o400))]);
    }

    #[test]
    fn what_is_missing_is_told_in_the_kubelets_words_unless_it_is_optional() {
        let wanted = || vec![item("c", "c", None), item("a", "a", None)];
        for (kind, object, key) in [
            (
                ObjectKind::ConfigMap,
                "configmap \"m\" not found",
                "references non-existent config key: c",
            ),
            (ObjectKind::Secret, "secret \"m\" not found", "references non-existent secret key: c"),
        ] {
            let of = |data| keys(wanted(), false).select(kind, "m", data).unwrap_err().to_string();
            assert_eq!(of(None), object);
            assert_eq!(of(Some(&data())), key);

            let optional = keys(wanted(), true);
            assert_eq!(optional.select(kind, "m", None).expect("made"), Payload::default());
            let payload = optional.select(kind, "m", Some(&data())).expect("made");
            assert_eq!(payload.files().count(), 1);
        }
    }
}

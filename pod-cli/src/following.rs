//! Objects, and what becomes of them.

use std::collections::BTreeMap;

use pod_runtime::Runtime;

use crate::error::CliError;
use crate::item::Item;

/// What has become of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    /// As the API calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// Shows what `list` finds, and then what changes in it, for good. An object that is gone is shown once more as it last was.
pub async fn follow(
    runtime: &Runtime,
    mut list: impl FnMut() -> Result<Vec<Item>, CliError>,
    mut show: impl FnMut(&[(Change, Item)]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    // Before the first look, so that nothing is missed between the two.
    let mut watch = runtime.watch()?;
    let mut known = BTreeMap::new();
    loop {
        let items = list()?;
        show(&changes(&known, &items))?;
        known = items.into_iter().map(|item| (key(&item), item)).collect();
        watch.next().await?;
    }
}

fn key(item: &Item) -> String {
    format!("{}/{}", item.kind.word(), item.uid())
}

fn changes(known: &BTreeMap<String, Item>, items: &[Item]) -> Vec<(Change, Item)> {
    let is_there = |key: &String| items.iter().any(|item| key == &self::key(item));
    let gone = known.iter().filter(|(key, _)| !is_there(key));
    let mut changes: Vec<_> = gone.map(|(_, item)| (Change::Deleted, item.clone())).collect();
    for item in items {
        match known.get(&key(item)) {
            None => changes.push((Change::Added, item.clone())),
            Some(before) if before != item => changes.push((Change::Modified, item.clone())),
            Some(_) => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Kind;

    #[test]
    fn what_differs_from_the_last_look_is_a_change() {
        let item = |name: &str, uid: &str, phase: &str| Item {
            kind: Kind::Pod,
            object: json!({"metadata": {"name": name, "uid": uid}, "status": {"phase": phase}}),
        };
        let before =
            [item("a", "1", "Pending"), item("b", "2", "Running"), item("c", "3", "Running")];
        let known = before.into_iter().map(|item| (key(&item), item)).collect();
        // `c` is another one now.
        let now = [item("a", "1", "Running"), item("b", "2", "Running"), item("c", "4", "Pending")];
        let changes: Vec<_> = changes(&known, &now)
            .into_iter()
            .map(|(change, item)| (change, item.name().to_owned()))
            .collect();
        let want = [(Change::Deleted, "c"), (Change::Modified, "a"), (Change::Added, "c")];
        assert_eq!(changes, want.map(|(change, name)| (change, name.to_owned())));
    }
}

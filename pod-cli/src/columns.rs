//! Columns that the command line chooses: `custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image`.

use serde_json::Value;

use crate::error::CliError;
use crate::item::Item;
use crate::jsonpath::{Path, go_words};

/// Headings, and what stands below them.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns(Vec<(String, Path)>);

impl Columns {
    /// Reads `HEADING:PATH,…`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let column = |part: &str| match part.split_once(':') {
            Some((heading, path)) if !heading.is_empty() => Self::column(heading, path),
            _ => Err(format!(
                "`{part}` is no column: write HEADING:PATH, such as NAME:.metadata.name"
            )),
        };
        Self::of(text.split(',').map(column))
    }

    /// Reads a line of headings, and below it one of paths.
    pub fn from_lines(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let (headings, paths) =
            (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if headings.len() != paths.len() {
            let (headings, paths) = (headings.len(), paths.len());
            return Err(format!(
                "there are {headings} headings in the first line and {paths} paths in the second"
            ));
        }
        Self::of(headings.into_iter().zip(paths).map(|(heading, path)| Self::column(heading, path)))
    }

    fn of(columns: impl Iterator<Item = Result<(String, Path), String>>) -> Result<Self, String> {
        let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        if columns.is_empty() { Err("no column is named".to_owned()) } else { Ok(Self(columns)) }
    }

    fn column(heading: &str, path: &str) -> Result<(String, Path), String> {
        Ok((heading.to_owned(), Path::relaxed(path).map_err(|e| e.to_string())?))
    }

    pub fn headings(&self) -> Vec<String> {
        self.0.iter().map(|(heading, _)| heading.clone()).collect()
    }

    pub fn row(&self, item: &Item) -> Result<Vec<String>, CliError> {
        let cell = |(_, path): &(String, Path)| Ok(cell(&path.values(&item.object)?));
        self.0.iter().map(cell).collect()
    }
}

fn cell(values: &[&Value]) -> String {
    let words: Vec<String> = values.iter().map(|value| go_words(value)).collect();
    if words.is_empty() { "<none>".to_owned() } else { words.join(",") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Kind;

    #[test]
    fn columns_are_named_in_a_line_or_in_two() {
        let object = json!({"metadata": {"name": "web", "labels": {"a": "b"}}, "spec": {"containers": [{"image": "x"}, {"image": "y"}]}});
        let item = Item { kind: Kind::Pod, object };
        let columns = Columns::parse(
            "NAME:.metadata.name,IMAGES:spec.containers[*].image,L:{.metadata.labels},NO:.a.b",
        );
        let columns = columns.expect("columns");
        assert_eq!(columns.headings(), ["NAME", "IMAGES", "L", "NO"]);
        assert_eq!(columns.row(&item).expect("a row"), ["web", "x,y", "map[a:b]", "<none>"]);
        let lines = Columns::from_lines("NAME  IMAGES\n.metadata.name .spec.containers[*].image\n");
        assert_eq!(lines.expect("columns").row(&item).expect("a row"), ["web", "x,y"]);
        for wrong in ["", "NAME", ":a", "NAME:.a[", "A:.a,"] {
            assert!(Columns::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Columns::from_lines("NAME AGE\n.metadata.name\n").is_err());
    }
}

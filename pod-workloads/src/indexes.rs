//! Sets of completions, as a Job's status writes them.

use std::collections::BTreeSet;

/// Writes indexes in order, runs of them by their ends: `0,2-4`.
pub(crate) fn to_text(indexes: &BTreeSet<u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &index in indexes {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == index => *end = index,
            _ => runs.push((index, index)),
        }
    }
    let runs = runs.iter().map(|&(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_by_their_ends() {
        for (indexes, text) in
            [(&[][..], ""), (&[0], "0"), (&[0, 1], "0,1"), (&[0, 2, 3, 4, 7], "0,2-4,7")]
        {
            assert_eq!(to_text(&indexes.iter().copied().collect()), text);
        }
    }
}

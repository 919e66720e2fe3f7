//! The word that was probably meant.

/// Longer words are not compared: they are no misspelling of anything.
const LONGEST: usize = 64;

/// `did you mean …?` with the candidate nearest to `word`, if one is near enough.
pub(crate) fn suggest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|c| format!("did you mean `{c}`?"))
}

/// The candidate nearest to `word`: the same but for case and hyphens, else a third of its letters away at most.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let folded = fold(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        let distance = distance(&folded, &other);
        let allowed = (folded.len().max(other.len()) / 3).clamp(1, 3);
        if !candidate.is_empty() && distance <= allowed && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    // Nearly all of a short word changed is another word.
    best.filter(|(d, _)| *d < folded.len()).map(|(_, c)| c)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// How many letters must be put in, taken out, changed, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        let words = ["command", "args", "image", "imagePullPolicy", "env", "envFrom", "name"];
        let cases = [
            ("comand", Some("command")),
            ("Image", Some("image")),
            ("image-pull-policy", Some("imagePullPolicy")),
            ("nmae", Some("name")),
            ("enviroment", None),
            ("zebra", None),
            ("", None),
            ("x", None),
        ];
        for (word, want) in cases {
            assert_eq!(nearest(word, words), want, "{word}");
        }
    }

    #[test]
    fn a_swap_is_one_step() {
        let letters = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("prot"), &letters("port")), 1);
        assert_eq!(distance(&letters(""), &letters("abc")), 3);
    }
}

//! Names of pods and of templates.

use pod_spec::PodTemplateSpec;

/// Letters and digits that spell no word, as Kubernetes' random names have them.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
/// Names of pods are host names, and may be no longer.
const LONGEST: usize = 63;

/// A short name for a template, the same for the same one.
pub(crate) fn of_template(template: &PodTemplateSpec) -> String {
    // A template that was read can be written.
    let text = serde_json::to_vec(template).unwrap_or_default();
    let mut hash = fnv1a(&text);
    let mut name = String::new();
    while hash > 0 {
        name.push(letter(hash));
        hash /= ALPHABET.len() as u64;
    }
    name.truncate(10);
    name
}

/// Fowler, Noll and Vo's hash 1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn letter(number: u64) -> char {
    let index = usize::try_from(number % ALPHABET.len() as u64).unwrap_or_default();
    char::from(ALPHABET[index])
}

/// A name that begins with `base`, cut when it is too long, and that nobody else has.
pub(crate) fn unique(base: &str) -> String {
    let longest = LONGEST - SUFFIX - 1;
    let base = base.char_indices().nth(longest).map_or(base, |(end, _)| &base[..end]);
    let random = uuid::Uuid::new_v4().into_bytes();
    let suffix: String = random.iter().take(SUFFIX).map(|b| letter(u64::from(*b))).collect();
    format!("{base}-{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_name_and_another_has_another() {
        let mut template = PodTemplateSpec::default();
        let first = of_template(&template);
        assert_eq!(first, of_template(&template));
        assert!(first.len() <= 10 && !first.is_empty());
        template.metadata.labels.insert("a".into(), "b".into());
        assert_ne!(first, of_template(&template));
    }

    #[test]
    fn names_are_short_and_differ() {
        let long = unique(&"a".repeat(80));
        assert_eq!(long.len(), 63);
        assert_eq!(unique("web").len(), "web-".len() + 5);
        assert_ne!(unique("web"), unique("web"));
    }
}

//! The keys that end a session and leave its program running.

use std::str::FromStr;

/// A sequence of keys, such as `ctrl-p,ctrl-q`. Typed in a row they are not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them have been typed and are held back.
    typed: usize,
}

impl FromStr for DetachKeys {
    type Err = String;

    /// Reads keys separated by commas: a character, or `ctrl-` and one of `a` to `z`, `@`, `[`, `\`, `]`, `^`, `_`.
    fn from_str(text: &str) -> Result<Self, String> {
        let key = |name: &str| match name.strip_prefix("ctrl-").map(str::as_bytes) {
            Some([c @ (b'a'..=b'z' | b'@' | b'['..=b'_')]) => Some(c & 0x1f),
            None if name.len() == 1 => Some(name.as_bytes()[0]),
            _ => None,
        };
        let all: Option<Vec<u8>> = text.split(',').filter(|k| !k.is_empty()).map(key).collect();
        let keys = all.ok_or("keys are characters or `ctrl-a`, separated by commas")?;
        Ok(Self { keys, typed: 0 })
    }
}

impl DetachKeys {
    /// What of the typed bytes is to be passed on, and whether the sequence is complete.
    pub fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.typed) != Some(byte) {
                // What was held back has not been the sequence, but this byte may begin it.
                passed.extend_from_slice(&self.keys[..self.typed]);
                self.typed = 0;
            }
            if self.keys.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    return (passed, true);
                }
            } else {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let keys = |text: &str| text.parse::<DetachKeys>().map(|k| k.keys).ok();
        assert_eq!(keys("ctrl-p,ctrl-q"), Some(vec![16, 17]));
        assert_eq!(keys("ctrl-],x"), Some(vec![29, b'x']));
        assert_eq!(keys(""), Some(vec![]));
        for wrong in ["ctrl-", "ctrl-P", "ctrl-pp", "xy"] {
            assert_eq!(keys(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_sequence_is_found_and_nothing_else_is_lost() {
        let mut keys: DetachKeys = "ctrl-p,ctrl-q".parse().expect("keys");
        assert_eq!(keys.filter(b"ab"), (b"ab".to_vec(), false));
        assert_eq!(keys.filter(b"c\x10"), (b"c".to_vec(), false));
        assert_eq!(keys.filter(b"d"), (b"\x10d".to_vec(), false));
        assert_eq!(keys.filter(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(keys.filter(b"\x11x"), (b"".to_vec(), true));
        let mut none: DetachKeys = "".parse().expect("none");
        assert_eq!(none.filter(b"\x10\x11"), (b"\x10\x11".to_vec(), false));
    }
}

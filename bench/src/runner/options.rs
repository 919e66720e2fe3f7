//! What the runner is asked to do.

use std::path::PathBuf;

/// What the runner is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The `pod` command.
    pub pod: PathBuf,
    /// The `floor` program.
    pub floor: PathBuf,
    /// How often each thing is measured; the median is what counts.
    pub runs: usize,
}

/// A command line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No such option.
    #[error("unknown option {0:?}; there are --pod PATH, --floor PATH and --runs N")]
    Unknown(String),
    /// An option without its value, or with one that is not for it.
    #[error("option {0:?} needs a value")]
    Value(String),
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// By default the `pod` command is `target/release/pod`, the floor lies beside
    /// this program, and there are 11 runs.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for the first word that makes no sense.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, OptionsError> {
        let beside = std::env::current_exe().unwrap_or_default().with_file_name("floor");
        let mut options = Self { pod: "target/release/pod".into(), floor: beside, runs: 11 };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let value = words.next();
            let needs_value = || OptionsError::Value(word.clone());
            match word.as_str() {
                "--pod" => options.pod = value.ok_or_else(needs_value)?.into(),
                "--floor" => options.floor = value.ok_or_else(needs_value)?.into(),
                "--runs" => {
                    let runs = value.and_then(|text| text.parse().ok()).filter(|runs| *runs > 0);
                    options.runs = runs.ok_or_else(needs_value)?;
                }
                _ => return Err(OptionsError::Unknown(word)),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let parse = |text: &str| Options::parse(text.split_whitespace().map(str::to_owned));
        let options = parse("--runs 3 --pod /p --floor /f").unwrap();
        assert_eq!(options, Options { pod: "/p".into(), floor: "/f".into(), runs: 3 });
        assert_eq!(parse("").unwrap().runs, 11);
        assert_eq!(parse("--what 1"), Err(OptionsError::Unknown("--what".into())));
        for text in ["--runs", "--runs 0", "--runs x", "--pod"] {
            assert!(matches!(parse(text), Err(OptionsError::Value(_))), "{text}");
        }
    }
}

//! The name in front of each line of a container's output.

use std::io::IsTerminal;

/// The colours of the terminal that are legible on dark and light ground.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// What stands before the lines of each container.
#[derive(Debug)]
pub struct Prefixes {
    containers: Vec<String>,
    width: usize,
    coloured: bool,
}

impl Prefixes {
    /// Coloured only on a terminal, and not where `NO_COLOR` is set (<https://no-color.org>).
    pub fn new(containers: Vec<String>) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self::with_colour(containers, std::io::stdout().is_terminal() && !refused)
    }

    fn with_colour(containers: Vec<String>, coloured: bool) -> Self {
        let width = containers.iter().map(String::len).max().unwrap_or(0);
        Self { containers, width, coloured }
    }

    /// The prefix of one of the containers.
    pub fn of(&self, container: &str) -> String {
        let name = format!("{container:<width$} |", width = self.width);
        if self.coloured {
            let index = self.containers.iter().position(|c| c == container).unwrap_or(0);
            format!("\x1b[{}m{name}\x1b[0m ", COLOURS[index % COLOURS.len()])
        } else {
            format!("{name} ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_padded_and_coloured() {
        let names = || vec!["app".to_owned(), "prepare".to_owned()];
        assert_eq!(Prefixes::with_colour(names(), false).of("app"), "app     | ");
        assert_eq!(Prefixes::with_colour(names(), true).of("prepare"), "\x1b[33mprepare |\x1b[0m ");
    }
}

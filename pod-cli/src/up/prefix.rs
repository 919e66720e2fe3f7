//! The name in front of each line of a container's output.

use std::io::IsTerminal;

/// The colours of the terminal that are legible on dark and light ground.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// What stands before the lines of each container.
#[derive(Debug)]
pub struct Prefixes {
    width: usize,
    coloured: bool,
}

impl Prefixes {
    /// Coloured only on a terminal, and not where `NO_COLOR` is set (<https://no-color.org>).
    pub fn new(containers: &[&str]) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self::with_colour(containers, std::io::stdout().is_terminal() && !refused)
    }

    fn with_colour(containers: &[&str], coloured: bool) -> Self {
        Self { width: containers.iter().map(|name| name.len()).max().unwrap_or(0), coloured }
    }

    /// The prefix of the container at this place of the list.
    pub fn of(&self, index: usize, container: &str) -> String {
        let name = format!("{container:<width$} |", width = self.width);
        if self.coloured {
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
        let names = ["app", "prepare"];
        assert_eq!(Prefixes::with_colour(&names, false).of(0, "app"), "app     | ");
        assert_eq!(
            Prefixes::with_colour(&names, true).of(7, "prepare"),
            "\x1b[33mprepare |\x1b[0m "
        );
    }
}

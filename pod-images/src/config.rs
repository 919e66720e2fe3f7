//! The part of an image's configuration that a container start needs.

/// What an image says about the process that is run from it.
///
/// The fields are those of the OCI image configuration's `config` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The start of the command line, which `command` of a container replaces.
    pub entrypoint: Vec<String>,
    /// The rest of the command line, which `command` drops and `args` replaces.
    pub cmd: Vec<String>,
    /// Environment variables, each as `NAME=value`.
    pub env: Vec<String>,
    /// The absolute directory the process starts in.
    pub working_dir: String,
    /// The user as [`resolve_user`](crate::resolve_user) reads it; empty is root.
    pub user: String,
}

impl ImageConfig {
    /// The command line of a container that asks for `command` and `args`.
    ///
    /// Kubernetes' rules: with neither, the image's entry point and its arguments;
    /// with `args` alone, the entry point and `args`; with `command`, that and
    /// `args`, and nothing of the image. An empty list is the same as an absent one.
    ///
    /// The result is empty when neither side names a program, which a caller has to
    /// report: such a container cannot start.
    #[must_use]
    pub fn argv(&self, command: &[String], args: &[String]) -> Vec<String> {
        match (command, args) {
            ([], []) => [&self.entrypoint[..], &self.cmd[..]].concat(),
            ([], args) => [&self.entrypoint[..], args].concat(),
            (command, args) => [command, args].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn command_and_args_replace_as_kubernetes_says() {
        let image = ImageConfig {
            entrypoint: words("/entry -e"),
            cmd: words("default"),
            ..ImageConfig::default()
        };
        for (command, args, expected) in [
            ("", "", "/entry -e default"),
            ("", "a b", "/entry -e a b"),
            ("run", "", "run"),
            ("run it", "a", "run it a"),
        ] {
            assert_eq!(image.argv(&words(command), &words(args)), words(expected));
        }
        assert!(ImageConfig::default().argv(&[], &[]).is_empty());
    }
}

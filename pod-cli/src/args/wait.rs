//! What is waited for.

use std::time::Duration;

use clap::Args;

use crate::span;

#[derive(Debug, Args)]
pub struct Wait {
    /// `NAME…`, `pods NAME…` or `pod/NAME…`
    #[arg(required = true, value_name = "pod/NAME")]
    pub targets: Vec<String>,
    /// `condition=NAME[=VALUE]` or `delete`
    #[arg(long = "for", value_name = "WHAT", value_parser = WaitFor::parse)]
    pub what: WaitFor,
    /// How long to wait for each pod
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span::parse)]
    pub timeout: Duration,
}

/// What `pod wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// That the pod is gone.
    Delete,
    /// That one of its conditions has this value.
    Condition { name: String, value: String },
}

impl WaitFor {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "this is neither `condition=NAME`, such as `condition=Ready`, nor `delete`".to_owned()
        };
        match text.split_once('=') {
            None if text == "delete" => Ok(Self::Delete),
            Some(("condition", condition)) => {
                let (name, value) = condition.split_once('=').unwrap_or((condition, "True"));
                if name.is_empty() || value.is_empty() {
                    return Err(wrong());
                }
                Ok(Self::Condition { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_may_have_a_value() {
        let is = |name: &str, value: &str| {
            Ok(WaitFor::Condition { name: name.to_owned(), value: value.to_owned() })
        };
        assert_eq!(WaitFor::parse("condition=Ready"), is("Ready", "True"));
        assert_eq!(WaitFor::parse("condition=Ready=false"), is("Ready", "false"));
    }
}

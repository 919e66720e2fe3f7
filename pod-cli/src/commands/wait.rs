//! `pod wait`: waits for a condition of pods.

use std::time::Duration;

use clap::Args;
use pod_runtime::{PodHandle, PodStatus, Runtime};
use pod_spec::status::ConditionStatus;

use crate::args::Globals;
use crate::error::CliError;
use crate::{event_loop, exit, output, resource, span};

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

pub fn run(globals: &Globals, args: &Wait) -> Result<u8, CliError> {
    let names = resource::pods(&args.targets)?;
    if names.is_empty() {
        return Err(CliError::Usage(
            "which pods? Name them: `pod wait --for=… pod/NAME`".to_owned(),
        ));
    }
    let runtime = globals.runtime()?;
    event_loop::block_on(async {
        for name in &names {
            wait(&runtime, globals.namespace(), name, args).await?;
            output::line(&format!("pod/{name} condition met"))?;
        }
        Ok(exit::OK)
    })
}

async fn wait(runtime: &Runtime, namespace: &str, name: &str, args: &Wait) -> Result<(), CliError> {
    let pod = match runtime.pod(namespace, name).map_err(CliError::from) {
        Err(error) if error.is_not_found() && args.what == WaitFor::Delete => return Ok(()),
        pod => pod?,
    };
    let reached = async {
        match &args.what {
            WaitFor::Delete => Ok(pod.wait_gone().await?),
            WaitFor::Condition { name, value } => until(&pod, name, value).await,
        }
    };
    match tokio::time::timeout(args.timeout, reached).await {
        Ok(result) => result,
        Err(_) => Err(CliError::TimedOut {
            name: name.to_owned(),
            condition: words(&args.what),
            after: format!("{:?}", args.timeout),
        }),
    }
}

async fn until(pod: &PodHandle, name: &str, value: &str) -> Result<(), CliError> {
    let mut changes = pod.changes();
    while let Some(status) = changes.next().await? {
        if has(&status, name, value) {
            return Ok(());
        }
        if status.phase.is_terminal() {
            return Err(CliError::NeverReached {
                name: pod.name().to_owned(),
                condition: format!("condition {name}={value}"),
                phase: status.phase.as_str().to_owned(),
            });
        }
    }
    let (namespace, name) = (pod.namespace().to_owned(), pod.name().to_owned());
    Err(pod_runtime::RuntimeError::NotFound { namespace, name }.into())
}

fn has(status: &PodStatus, name: &str, value: &str) -> bool {
    let word = |status: ConditionStatus| match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    let mut conditions = status.conditions.iter().filter(|c| c.kind.eq_ignore_ascii_case(name));
    conditions.any(|c| word(c.status).eq_ignore_ascii_case(value))
}

fn words(what: &WaitFor) -> String {
    match what {
        WaitFor::Delete => "deletion".to_owned(),
        WaitFor::Condition { name, value } => format!("condition {name}={value}"),
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

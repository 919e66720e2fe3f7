//! `pod wait`: waits for a condition of pods.

use pod_runtime::{PodHandle, PodStatus, Runtime};
use pod_spec::status::ConditionStatus;

use crate::args::{Globals, Wait, WaitFor};
use crate::error::CliError;
use crate::{event_loop, exit, output, resource};

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

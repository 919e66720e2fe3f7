//! `pod delete`: stops pods and removes them.

use pod_runtime::{PodHandle, Runtime};

use crate::args::{Delete, Globals};
use crate::error::CliError;
use crate::failures::Failures;
use crate::{event_loop, manifest, output, resource};

pub fn run(globals: &Globals, args: &Delete) -> Result<u8, CliError> {
    let (namespace, names) = match &args.filename {
        Some(file) => {
            let pod = manifest::load(file, globals)?.pod;
            (pod.namespace().to_owned(), vec![pod.name().to_owned()])
        }
        None => (globals.namespace().to_owned(), resource::targets(&args.targets)?.names),
    };
    if names.is_empty() {
        return Err(CliError::Usage("which pods? Name them: `pod delete NAME…`".to_owned()));
    }
    let runtime = globals.runtime()?;
    event_loop::block_on(delete(&runtime, &namespace, &names, args))
}

/// Deletes them all at the same time.
async fn delete(
    runtime: &Runtime,
    namespace: &str,
    names: &[String],
    args: &Delete,
) -> Result<u8, CliError> {
    let mut failures = Failures::default();
    let mut failed = |error: CliError| {
        if !(args.ignore_not_found && error.is_not_found()) {
            failures.add(error);
        }
    };
    let mut going = Vec::new();
    for name in names {
        match begin(runtime, namespace, name, args).await {
            Ok(pod) => going.push(pod),
            Err(error) => failed(error),
        }
    }
    for pod in going {
        let gone = if args.wait { pod.wait_gone().await } else { Ok(()) };
        match gone {
            Ok(()) => output::line(&format!("pod \"{}\" deleted", pod.name()))?,
            Err(error) => failed(error.into()),
        }
    }
    failures.end()
}

async fn begin(
    runtime: &Runtime,
    namespace: &str,
    name: &str,
    args: &Delete,
) -> Result<PodHandle, CliError> {
    let pod = runtime.pod(namespace, name)?;
    if args.force && grace(args) == Some(0) {
        pod.kill().await?;
    } else {
        pod.delete(grace(args)).await?;
    }
    Ok(pod)
}

fn grace(args: &Delete) -> Option<i64> {
    match args.grace_period {
        None if args.now => Some(1),
        None if args.force => Some(0),
        given => given,
    }
}

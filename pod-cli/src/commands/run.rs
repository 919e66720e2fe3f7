//! `pod run`: makes a pod of one container, from the command line.

mod attached;

use attached::AttachedRun;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::args::{BackoffArgs, DryRun, Globals, NetworkArgs};
use crate::commands::apply;
use crate::configuration::Making;
use crate::error::CliError;
use crate::format::Data;
use crate::generated::Generated;
use crate::report::Report;
use crate::resource::Kind;

#[derive(Debug, Args)]
pub struct Run {
    /// The name of the pod, and of its container
    pub name: String,
    /// The image
    #[arg(long)]
    pub image: String,
    /// When the container has ended
    #[arg(long, value_name = "POLICY", default_value = "Always")]
    pub restart: Restart,
    /// Variables of its environment: NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Labels of the pod [default: run=NAME]
    #[arg(short = 'l', long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Annotations of the pod
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub annotations: Vec<(String, String)>,
    /// A port that it listens at
    #[arg(long)]
    pub port: Option<u16>,
    /// What comes after `--` is the command, not its arguments
    #[arg(long)]
    pub command: bool,
    /// When the image is pulled: Always, IfNotPresent or Never
    #[arg(long, value_name = "POLICY")]
    pub image_pull_policy: Option<String>,
    /// With all rights
    #[arg(long)]
    pub privileged: bool,
    /// Fields that are put over those of the pod, as JSON
    #[arg(long, value_name = "JSON", value_parser = overrides)]
    pub overrides: Option<Value>,
    #[command(flatten)]
    pub attached: AttachedRun,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Print the pod: json, yaml or name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Data>,
    /// Arguments of the container
    #[arg(last = true, value_name = "ARG")]
    pub args: Vec<String>,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Restart {
    #[value(name = "Always")]
    Always,
    #[value(name = "OnFailure")]
    OnFailure,
    #[value(name = "Never")]
    Never,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("invalid env: {text}")),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

fn overrides(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("this is no object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn run(globals: &Globals, args: &Run) -> Result<u8, CliError> {
    let generated = generate(args, globals.namespace.as_deref());
    let objects = generated.admit(globals, &args.backoff)?;
    let runtime = globals.runtime_with(&args.network)?;
    args.attached.check()?;
    let report = Report::new(args.output.as_ref(), &args.dry_run);
    if args.dry_run.is_on() {
        return generated.show(&runtime, report);
    }
    if args.attached.attaches() {
        return attached::run(&runtime, objects, &args.attached);
    }
    apply::make(&runtime, objects, Making::Create, report)
}

/// The pod, as kubectl generates it.
fn generate(args: &Run, namespace: Option<&str>) -> Generated {
    let words = |words: &[(String, String)]| -> Map<String, Value> {
        words.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
    };
    let mut generated = Generated::new(Kind::Pod, &args.name, namespace);
    let pod = &mut generated.object;
    pod["metadata"]["labels"] = match args.labels.is_empty() {
        true => json!({"run": args.name}),
        false => words(&args.labels).into(),
    };
    if !args.annotations.is_empty() {
        pod["metadata"]["annotations"] = words(&args.annotations).into();
    }
    let restart = match args.restart {
        Restart::Always => "Always",
        Restart::OnFailure => "OnFailure",
        Restart::Never => "Never",
    };
    pod["spec"] = json!({
        "containers": [container(args)],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": restart,
    });
    pod["status"] = json!({});
    if let Some(overrides) = &args.overrides {
        merge(pod, overrides);
    }
    generated
}

fn container(args: &Run) -> Value {
    let mut container = json!({"name": args.name, "image": args.image, "resources": {}});
    if !args.args.is_empty() {
        container[if args.command { "command" } else { "args" }] = json!(args.args);
    }
    if !args.env.is_empty() {
        let variable = |(name, value): &(String, String)| match value.as_str() {
            "" => json!({"name": name}),
            value => json!({"name": name, "value": value}),
        };
        container["env"] = args.env.iter().map(variable).collect();
    }
    if let Some(port) = args.port {
        container["ports"] = json!([{"containerPort": port}]);
    }
    if let Some(policy) = &args.image_pull_policy {
        container["imagePullPolicy"] = policy.as_str().into();
    }
    args.attached.set_fields(&mut container);
    if args.privileged {
        container["securityContext"] = json!({"privileged": true});
    }
    container
}

/// Puts fields over those that are there (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        match target.as_object_mut() {
            Some(target) if value.is_null() => {
                target.remove(key);
            }
            _ => merge(&mut target[key], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use pod_spec::to_yaml;

    use super::*;
    use crate::args::Later;
    use crate::cli::{Cli, Command};

    fn generated(words: &[&str]) -> String {
        let cli = Cli::try_parse_from([&["pod", "run", "web", "--image=nginx"], words].concat())
            .expect("a line");
        let Command::Run(Later(args)) = cli.command else { panic!("run is read") };
        to_yaml(&generate(&args, cli.globals.namespace.as_deref()).object).expect("YAML")
    }

    /// What `kubectl run … --dry-run=client -o yaml` of 1.32 prints.
    #[test]
    fn the_pod_is_kubectls() {
        for (words, want) in [
            (&[][..], include_str!("../../tests/golden/run.yaml")),
            (
                &[
                    "--env=A=b",
                    "--env=C=",
                    "--labels=app=web,tier=x",
                    "--port=80",
                    "--command",
                    "--",
                    "sh",
                    "-c",
                    "ls",
                ],
                include_str!("../../tests/golden/run-command.yaml"),
            ),
            (
                &["--restart=Never", "--", "arg1", "arg2"],
                include_str!("../../tests/golden/run-args.yaml"),
            ),
            (
                &["--restart=OnFailure", "--image-pull-policy=Always", "--annotations=a=b"],
                include_str!("../../tests/golden/run-annotations.yaml"),
            ),
            (
                &["-n", "team", "--privileged"],
                include_str!("../../tests/golden/run-privileged.yaml"),
            ),
            (
                &[r#"--overrides={"spec":{"hostNetwork":true}}"#],
                include_str!("../../tests/golden/run-overrides.yaml"),
            ),
        ] {
            assert_eq!(generated(words), want, "{words:?}");
        }
    }
}

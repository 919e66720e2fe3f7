//! The command line: the commands, and what runs each. Their arguments stand beside their code.

use clap::{CommandFactory, Parser, Subcommand};

use crate::args::{Globals, Later};
use crate::commands::label::Words;
use crate::commands::{
    api_resources, apply, attach, check, completion, cp, create, debug, delete, describe, diff,
    down, events, exec, explain, get, image, label, logs, patch, port_forward, replace, rollout,
    run, scale, set, system, top, up, version, wait,
};
use crate::configuration::Making;
use crate::error::CliError;
use crate::exit;

/// Runs Kubernetes Pods on one Linux machine, without Kubernetes
#[derive(Debug, Parser)]
#[command(name = "pod", version, after_help = exit::HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run pods in the foreground, with the output of their containers
    ///
    /// ConfigMaps and Secrets that stand beside them in the manifests are applied first, and stay.
    ///
    /// Prints what the containers write, each line with its container's name, and with its pod's where there are several,
    /// until all pods have ended. Ends with code 0, or with that of the first container that failed. Ctrl-C or SIGTERM stops
    /// the pods within their grace periods, a second one at once; a container that such a stop ended by SIGTERM has not
    /// failed.
    ///
    /// For tests: --exit-code-from ends with one container's code and stops the others, --timeout limits how long it takes,
    /// and --summary writes how each container ended to a file.
    Up(Later<up::Up>),
    /// Stop pods and remove them, with all that their manifests name
    Down(Later<down::Down>),
    /// Run pods in the background and keep ConfigMaps and Secrets; returns when the pods run
    ///
    /// A manifest may hold any number of objects; nothing is made when one of them is wrong. A pod that is there is changed,
    /// only the containers whose images change being restarted; where that cannot be, it is stopped and a new one is made,
    /// and `pod diff` shows what is different. A pod that cannot start because
    /// of what its manifest says is removed again. One that waits for an image, a ConfigMap or a Secret, or whose containers
    /// start but fail, is kept. A ConfigMap or Secret that is there is changed.
    Apply(Later<apply::Apply>),
    /// As `apply`, but nothing may be there already
    ///
    /// ConfigMaps, Secrets, Deployments and Jobs can also be described on the command line; `--dry-run=client -o yaml` shows
    /// their manifests.
    Create(Later<create::Create>),
    /// Put objects in the place of those that are there
    Replace(Later<replace::Replace>),
    /// Show what `apply` would change
    ///
    /// Ends with code 0 when that is nothing, with 1 when it is something, and with a higher one when it cannot be told.
    Diff(Later<diff::Diff>),
    /// Run an image in a pod, from the command line
    Run(Later<run::Run>),
    /// Show pods, ConfigMaps, Secrets and events
    Get(Later<get::Get>),
    /// Show all there is to know of objects, for people
    Describe(Later<describe::Describe>),
    /// Show what happened to pods in the last hour
    Events(Later<events::Events>),
    /// Show what pods consume
    #[command(subcommand)]
    Top(Later<top::Top>),
    /// Print the output of a container
    Logs(Later<logs::Logs>),
    /// Execute a program in a container
    ///
    /// Standard input is passed on with -i, and also without it when it is not a terminal: inside a shell loop that reads a
    /// file, give `</dev/null`. Ends with the program's exit code; 127 when it is not there, 126 when it cannot be executed.
    ///
    /// With -it the program has a terminal and all keys are its own, Ctrl-C too. Without, Ctrl-C ends this command (code
    /// 130), not the program.
    Exec(Later<exec::Exec>),
    /// Attach to the first process of a container
    ///
    /// Shows what it writes from now on. With -i its standard input is this command's, when the manifest has `stdin: true`;
    /// with -t and `tty: true` it has this terminal. Ends with the process's exit code, or, when the input ends and the
    /// container's does not (`stdinOnce`), with 0.
    Attach(Later<attach::Attach>),
    /// Copy files into a container or out of one
    ///
    /// One of the two places is in a container: `POD:PATH`, `NAMESPACE/POD:PATH`; a path that is not absolute begins at the
    /// container's working directory. `-` is a tar archive at standard input or output. Directories are copied with all
    /// that they hold, links as links. The image needs no tar and no shell.
    Cp(Later<cp::Cp>),
    /// Look into a pod with another image
    ///
    /// Adds an ephemeral container to the pod, beside containers that may have no shell; with --target it sees the processes
    /// of one of them. It stays in the pod until that is gone. With --copy-to the pod stays as it is, and a copy is changed.
    Debug(Later<debug::Debug>),
    /// Lead ports of this machine to ports of a pod
    ///
    /// Reaches anything that listens in the pod, also at its localhost only, whatever its image holds. Goes on until Ctrl-C,
    /// or until the pod is over.
    PortForward(Later<port_forward::PortForward>),
    /// Stop pods and remove them, or ConfigMaps and Secrets
    Delete(Later<delete::Delete>),
    /// Wait for a condition of pods
    Wait(Later<wait::Wait>),
    /// Set conditions of a pod that are not its own, such as those that its readiness gates wait for
    ///
    /// The patch is `{"status": {"conditions": [{"type": "example.com/up", "status": "True"}]}}`: a strategic merge patch,
    /// so one condition of each type is kept. `reason`, `message` and `lastTransitionTime` may be given.
    Patch(Later<patch::Patch>),
    /// Change the labels of objects: KEY=VALUE, or KEY- to take one away
    Label(Later<label::Label>),
    /// Change the annotations of objects: KEY=VALUE, or KEY- to take one away
    Annotate(Later<label::Label>),
    /// Change a part of objects
    #[command(subcommand)]
    Set(Later<set::Set>),
    /// Say what is wrong with manifests, and what of them is not supported, without running them
    Check(Later<check::Check>),
    /// Say what a field of a Pod is for, and what happens to it here
    Explain(Later<explain::Explain>),
    /// Pull, load, show and remove images
    #[command(subcommand, visible_alias = "images")]
    Image(Later<image::Image>),
    /// Say how many pods a Deployment keeps
    Scale(Later<scale::Scale>),
    /// Follow the replacement of a Deployment's pods, and begin one
    #[command(subcommand)]
    Rollout(Later<rollout::Rollout>),
    /// Look after what the pods of this machine share
    #[command(subcommand)]
    System(Later<system::System>),
    /// Show the types of objects that there are
    ApiResources(Later<api_resources::ApiResources>),
    /// Print what a shell needs to complete command lines
    Completion(Later<completion::Completion>),
    /// Say what the last word of a line may become
    #[command(name = "__complete", hide = true)]
    Complete(Later<completion::Complete>),
    /// Print the version
    Version(Later<version::Version>),
}

/// Runs the command and returns its exit code.
pub fn run(Cli { globals, command }: Cli) -> Result<u8, CliError> {
    match command {
        Command::Up(Later(args)) => up::run(&globals, &args),
        Command::Apply(Later(args)) => apply::run(&globals, &args, Making::Apply),
        Command::Create(Later(args)) => create::run(&globals, &args),
        Command::Replace(Later(args)) => replace::run(&globals, &args),
        Command::Diff(Later(args)) => diff::run(&globals, &args),
        Command::Run(Later(args)) => run::run(&globals, &args),
        Command::Label(Later(args)) => label::run(&globals, args, Words::Labels),
        Command::Annotate(Later(args)) => label::run(&globals, args, Words::Annotations),
        Command::Set(Later(args)) => set::run(&globals, args),
        Command::Get(Later(args)) => get::run(&globals, &args),
        Command::Describe(Later(args)) => describe::run(&globals, &args),
        Command::Events(Later(args)) => events::run(&globals, &args),
        Command::Top(Later(args)) => top::run(&globals, &args),
        Command::Logs(Later(args)) => logs::run(&globals, &args),
        Command::Exec(Later(args)) => exec::run(&globals, args),
        Command::Attach(Later(args)) => attach::run(&globals, args),
        Command::Cp(Later(args)) => cp::run(&globals, &args),
        Command::Debug(Later(args)) => debug::run(&globals, args),
        Command::Down(Later(args)) => down::run(&globals, args),
        Command::PortForward(Later(args)) => port_forward::run(&globals, &args),
        Command::Delete(Later(args)) => delete::run(&globals, &args),
        Command::Wait(Later(args)) => wait::run(&globals, &args),
        Command::Patch(Later(args)) => patch::run(&globals, &args),
        Command::Check(Later(args)) => check::run(&args),
        Command::Explain(Later(args)) => explain::run(&args),
        Command::Image(Later(args)) => image::run(&globals, &args),
        Command::Scale(Later(args)) => scale::run(&globals, &args),
        Command::Rollout(Later(args)) => rollout::run(&globals, &args),
        Command::System(Later(args)) => system::run(&globals, &args),
        Command::ApiResources(Later(args)) => api_resources::run(&args),
        Command::Completion(Later(args)) => completion::run(&args),
        Command::Complete(Later(args)) => completion::complete(&globals, &args, Cli::command()),
        Command::Version(Later(args)) => version::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn good_lines_are_read() {
        for line in [
            "pod up -f web.yaml --keep",
            "pod apply -f -",
            "pod -n team get pods",
            "pod get pods -n team -A -o wide --no-headers",
            "pod logs web -c app -f --tail 5 --timestamps",
            "pod logs web --tail=-1 -p",
            "pod logs web app --since=2m --limit-bytes 100",
            "pod logs -l app=web,!old --all-containers --prefix --since-time=2020-02-01T09:50:00Z",
            "pod exec web -c app -i -- sh -c ls",
            "pod port-forward web 8080 8443:443 :http 0:9 --address 127.0.0.1,::1",
            "pod port-forward pod/web 80",
            "pod delete pods web other --grace-period 0 --wait=false",
            "pod delete -f web.yaml --now",
            "pod delete pods -l app=web,!old",
            "pod delete po --all",
            "pod get pods -l app=web --show-labels",
            "pod get po,cm -A -L app --sort-by=.metadata.name --field-selector status.phase=Running",
            "pod get -f a.yaml,b.yaml -f dir -R -o jsonpath={.items[*].metadata.name}",
            "pod get pod web -w --output-watch-events -o custom-columns=NAME:.metadata.name",
            "pod get pod/web cm/app -ojson --ignore-not-found",
            "pod describe po web",
            "pod describe -f web.yaml",
            "pod events --for pod/web -w --types=Warning",
            "pod wait pods -l app=web --for=jsonpath={.status.phase}=Running --timeout=-1s",
            "pod wait pods --all --for=create",
            "pod delete -f dir -R --dry-run=client",
            "pod delete pods --all -A --grace-period=-1",
            "pod wait --for=condition=Ready pod/web --timeout=30s",
            "pod wait --for=delete web",
            "pod check a.yaml b.yaml -o json",
            "pod check -f -",
            "pod explain pod.spec.containers --recursive",
            "pod system repair",
            "pod apply -f dir -R --dry-run=server -o yaml",
            "pod create -f a.yaml --dry-run",
            "pod create -n team cm app --from-literal=a=b --dry-run=client -o yaml",
            "pod create --dry-run=client secret generic app --from-file=a=b",
            "pod create deployment web --image=a -r 3 --network=loopback -- sh -c ls",
            "pod replace --force -f a.yaml --grace-period=-1",
            "pod diff -f a.yaml",
            "pod run web --image=nginx --env=A=b -l app=web --port=80 --command -- sh -c ls",
            "pod label pods --all a=b c- --overwrite",
            "pod annotate -f a.yaml a=b",
            "pod set image pod/web app=nginx:2",
            "pod completion zsh",
            "pod top pod --containers -A --sort-by=cpu",
            "pod top pods web",
            "pod api-resources --no-headers",
            "pod version --client -o json",
            "pod version",
        ] {
            parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn wrong_lines_are_usage_errors() {
        for line in [
            "pod",
            "pod get",
            "pod get pods -o go-template={{.kind}}",
            "pod get pods -o custom-columns=NAME",
            "pod get pods --sort-by=",
            "pod get pods -R",
            "pod describe",
            "pod run web",
            "pod run web --image=a --env=b",
            "pod label",
            "pod completion tcsh",
            "pod create job pi",
            "pod replace -f a.yaml --grace-period=1",
            "pod create secret tls cert --cert=a",
            "pod create secret docker-registry login --docker-username=a",
            "pod create cm app --from-literal=a=b --from-env-file=c",
            "pod up",
            "pod exec web",
            "pod exec web ls",
            "pod port-forward web",
            "pod port-forward web 0",
            "pod port-forward web 1:65536",
            "pod port-forward web x:80",
            "pod port-forward web 80:a/b",
            "pod delete",
            "pod delete pods -l app --all",
            "pod delete web --grace-period -2",
            "pod delete web --now --grace-period 5",
            "pod get pods -n ../x",
            "pod get pods -o xml",
            "pod logs web -p -f",
            "pod logs",
            "pod logs web -l app=web",
            "pod logs web app -c app",
            "pod logs web -c app --all-containers",
            "pod logs web --since=2m --since-time=2020-02-01T09:50:00Z",
            "pod logs -l app=web,,",
            "pod wait web",
            "pod wait web --for=ready",
            "pod wait web --for=condition=",
            "pod wait web --for=delete --timeout=soon",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }
}

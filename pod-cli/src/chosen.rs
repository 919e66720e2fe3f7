//! The pod that a command enters: one that is named, or one of those that a Deployment or a Job has made.

use clap::Args;
use pod_runtime::{PodHandle, Runtime};
use pod_spec::{Deployment, Job, PodStatus};
use pod_workloads::{Workload, Workloads};

use crate::args::Globals;
use crate::error::CliError;
use crate::output;
use crate::resource::{self, Kind, Named};

/// The annotation by which a pod says which container is meant when none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A container of a pod.
#[derive(Debug, Args)]
pub struct ContainerArgs {
    /// The pod
    pub pod: String,
    /// Which container [default: the one that the pod's annotation names, else the first main one]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
}

impl ContainerArgs {
    /// The pod, and the name of the container.
    pub fn find(&self, globals: &Globals) -> Result<(PodHandle, String), CliError> {
        let pod = pod(&globals.runtime()?, globals.namespace(), &self.pod)?;
        let container = self.container.clone().unwrap_or_else(|| default_container(&pod));
        Ok((pod, container))
    }
}

/// The container that the pod's annotation names, or the first main one. Says so where there are others to choose from.
pub fn default_container(pod: &PodHandle) -> String {
    if let Some(name) = pod.pod().metadata().annotations.get(DEFAULT_CONTAINER) {
        if pod.containers().contains(&name.as_str()) {
            return name.clone();
        }
        output::message(&format!(
            "Default container name {name:?} not found in pod {}",
            pod.name()
        ));
    }
    let spec = pod.pod().spec();
    let all = spec.containers.iter().chain(&spec.init_containers);
    let mut names = all.map(|c| c.name.as_str());
    let chosen = names.next().unwrap_or_default().to_owned();
    let others: Vec<&str> = names.collect();
    if !others.is_empty() {
        output::message(&format!(
            "Defaulted container \"{chosen}\" out of: {chosen}, {}",
            others.join(", ")
        ));
    }
    chosen
}

/// The pod that a word of the command line means.
pub fn pod(runtime: &Runtime, namespace: &str, word: &str) -> Result<PodHandle, CliError> {
    let named = resource::of_pods(word)?;
    match named.kind {
        Kind::Deployment => one_of::<Deployment>(runtime, namespace, &named),
        Kind::Job => one_of::<Job>(runtime, namespace, &named),
        _ => Ok(runtime.pod(namespace, &named.name)?),
    }
}

/// A pod of a Deployment or Job: one that is ready if there is any.
fn one_of<T: Workload>(
    runtime: &Runtime,
    namespace: &str,
    Named { kind, name }: &Named,
) -> Result<PodHandle, CliError> {
    let workloads = Workloads::<T>::of(runtime);
    let mut pods = workloads.pods(&workloads.get(namespace, name)?)?;
    let count = pods.len();
    pods.sort_by_key(|pod| pod.status().map_or(2, |status| rank(&status)));
    let path = kind.path(name);
    let Some(pod) = pods.into_iter().next() else {
        return Err(CliError::Unexpected(format!("{path} has no pods")));
    };
    if count > 1 {
        output::message(&format!("Found {count} pods, using pod/{}", pod.name()));
    }
    Ok(pod)
}

/// Less for what serves better.
fn rank(status: &PodStatus) -> u8 {
    if status.is_ready() { 0 } else { 1 }
}

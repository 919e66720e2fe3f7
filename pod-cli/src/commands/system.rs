//! `pod system`: what concerns the whole machine.

use clap::Subcommand;

use crate::args::Globals;
use crate::error::CliError;
use crate::{exit, output};

#[derive(Debug, Subcommand)]
pub enum System {
    /// Mend the network of pods and remove what is left of those that are no more
    ///
    /// Puts back the bridge, forwarding and the rules of the firewall when another program has removed them, and takes back
    /// what pods had that were killed on their way. Says what it has done; nothing when all is well.
    Repair,
}

pub fn run(globals: &Globals, args: &System) -> Result<u8, CliError> {
    match args {
        System::Repair => repair(globals),
    }
}

fn repair(globals: &Globals) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let repair = runtime.repair()?;
    let network = repair.network;
    let unfinished =
        repair.unfinished.iter().map(|pod| format!("removed pod {pod}, which was never finished"));
    let sandboxes =
        repair.sandboxes.iter().map(|id| format!("removed the sandbox {id}, which was of no pod"));
    let released =
        network.released.iter().map(|id| format!("released the network of {id}, which is no more"));
    let removed =
        network.removed.iter().map(|link| format!("removed the link {link}, which was of no pod"));
    let mended = network.mended.iter().map(|what| format!("mended {what}"));
    let claims =
        repair.claims.iter().map(|claim| format!("removed claim {claim}, which no pod has"));
    for line in
        unfinished.chain(sandboxes).chain(claims).chain(released).chain(removed).chain(mended)
    {
        output::line(&line)?;
    }
    let pods = runtime.list(None)?;
    for uid in &network.lost {
        let pod = pods.iter().find(|pod| pod.uid() == uid);
        let pod =
            pod.map_or_else(|| uid.clone(), |pod| format!("{}/{}", pod.namespace(), pod.name()));
        output::message(&format!(
            "error: pod {pod} has lost its network: delete it and apply it again"
        ));
    }
    for error in &repair.errors {
        output::message(&format!("error: {error}"));
    }
    Ok(if network.lost.is_empty() && repair.errors.is_empty() { exit::OK } else { exit::FAILED })
}

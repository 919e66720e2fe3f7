//! `pod system`: what concerns the whole machine.

use crate::args::{Globals, System};
use crate::error::CliError;
use crate::{exit, output};

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

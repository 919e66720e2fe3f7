//! `pod system`: what concerns the whole machine.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use pod_runtime::{Requirement, Runtime, Verdict};
use serde_json::json;

use crate::args::Globals;
use crate::commands::image::prune::{self, ImagePrune};
use crate::error::CliError;
use crate::{exit, manifest, output, size};

#[derive(Debug, Subcommand)]
pub enum System {
    /// Show what this machine has for pods
    Info(SystemShow),
    /// Say what pods need that this machine lacks, each with the command that mends it
    ///
    /// Ends with code 6 when pods cannot run here. Nothing is changed.
    Check(SystemShow),
    /// Remove what is left of pods that are gone
    Prune(SystemPrune),
    /// Mend the network of pods and remove what is left of those that are no more
    ///
    /// Puts back the bridge, forwarding and the rules of the firewall when another program has removed them, and takes back
    /// what pods had that were killed on their way. Says what it has done; nothing when all is well.
    Repair,
}

#[derive(Debug, Args)]
pub struct SystemShow {
    /// As data
    #[arg(short, long, value_enum)]
    pub output: Option<SystemFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SystemFormat {
    Json,
}

#[derive(Debug, Args)]
pub struct SystemPrune {
    /// Also images that no pod uses
    #[arg(long)]
    pub images: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub fn run(globals: &Globals, args: &System) -> Result<u8, CliError> {
    match args {
        System::Info(args) => info(globals, args),
        System::Check(args) => check(globals, args),
        System::Prune(args) if args.dry_run => would_prune(globals, args),
        System::Prune(args) => {
            let code = repair(globals)?;
            if args.images {
                prune::run(&globals.runtime()?, &ImagePrune { all: true })?;
            }
            Ok(code)
        }
        System::Repair => repair(globals),
    }
}

fn info(globals: &Globals, args: &SystemShow) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let requirements = runtime.requirements();
    let pods = runtime.list(None)?.len();
    let images = runtime.images().list().map_err(CliError::image)?;
    let bytes: u64 = images.iter().map(|image| image.unpacked).sum();
    let root = globals.root.display().to_string();
    if args.output.is_some() {
        let data = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "root": root,
            "pods": pods,
            "images": {"count": images.len(), "bytes": bytes},
            "machine": requirements,
        });
        return json(&data);
    }
    let images = format!("{} ({})", images.len(), size::words(bytes));
    let own = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("root", root),
        ("pods", pods.to_string()),
        ("images", images),
    ];
    let machine = requirements.into_iter().map(|r| (r.name, r.found));
    for (name, found) in own.into_iter().map(|(n, f)| (n.to_owned(), f)).chain(machine) {
        output::line(&format!("{name:<28} {found}"))?;
    }
    Ok(exit::OK)
}

fn check(globals: &Globals, args: &SystemShow) -> Result<u8, CliError> {
    let requirements = globals.runtime()?.requirements();
    let missing = requirements.iter().any(|r| r.verdict == Verdict::Missing);
    if args.output.is_some() {
        json(&json!({"ok": !missing, "requirements": requirements}))?;
    } else {
        requirements.iter().try_for_each(|requirement| output::line(&line(requirement)))?;
    }
    Ok(if missing { exit::PRIVILEGE } else { exit::OK })
}

fn line(requirement: &Requirement) -> String {
    let Requirement { name, verdict, found, mend, .. } = requirement;
    let verdict = match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Missing => "missing",
    };
    let mend = mend.as_ref().map(|mend| format!("; mend it: {mend}")).unwrap_or_default();
    format!("{verdict:<8} {name:<28} {found}{mend}")
}

fn json(data: &serde_json::Value) -> Result<u8, CliError> {
    output::line(&format!("{data:#}"))?;
    Ok(exit::OK)
}

fn would_prune(globals: &Globals, args: &SystemPrune) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let left = runtime.leftovers()?;
    for pod in left.unfinished {
        output::line(&format!("would remove pod {pod}, which was never finished"))?;
    }
    for id in left.sandboxes {
        output::line(&format!("would remove the sandbox {id}, which is of no pod"))?;
    }
    if args.images {
        for image in unused_images(&runtime)? {
            output::line(&format!("would remove the image {image}"))?;
        }
    }
    Ok(exit::OK)
}

/// The names of the images that no pod is made of, or the ids of those without a name.
fn unused_images(runtime: &Runtime) -> Result<Vec<String>, CliError> {
    let pods = runtime.list(None)?;
    let images = pods.iter().flat_map(|pod| manifest::images(pod.pod()));
    let used: BTreeSet<String> = images.map(|image| image.to_string()).collect();
    let all = runtime.images().list().map_err(CliError::image)?;
    let unused = all.into_iter().filter(|image| {
        let mut names = image.tags.iter().chain(&image.repo_digests);
        !names.any(|name| used.contains(name))
    });
    Ok(unused.map(|image| image.tags.first().cloned().unwrap_or(image.id.to_string())).collect())
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

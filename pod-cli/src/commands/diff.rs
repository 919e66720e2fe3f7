//! `pod diff`: shows what applying manifests would change.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;
use pod_spec::to_yaml;
use serde_json::Value;

use crate::args::Globals;
use crate::error::CliError;
use crate::item::Item;
use crate::manifest::{self, Files};
use crate::proposal::Proposal;
use crate::resource::Kind;
use crate::{exit, object, output};

/// As `diff` has it: 0 is no difference, 1 some, and above is trouble.
const TROUBLE: u8 = 2;

#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    pub files: Files,
}

pub fn run(globals: &Globals, args: &Diff) -> Result<u8, CliError> {
    diff(globals, args).map_err(|error| {
        error.report();
        // 1 would mean that there are differences.
        CliError::Reported { code: error.exit_code().max(TROUBLE) }
    })
}

fn diff(globals: &Globals, args: &Diff) -> Result<u8, CliError> {
    let objects = manifest::load(&args.files, globals)?;
    let runtime = globals.runtime()?;
    let dir = tempfile::Builder::new().prefix("pod-diff-").tempdir();
    let dir = dir.map_err(CliError::io("make a directory for the differences"))?;
    let (live, merged) = (dir.path().join("LIVE"), dir.path().join("MERGED"));
    for side in [&live, &merged] {
        fs::create_dir(side).map_err(CliError::io("make a directory for the differences"))?;
    }
    for object in &objects {
        let Some(item) = Item::of(object)? else { continue };
        let mut proposal = Proposal::of(&runtime, item)?;
        hide(&mut proposal);
        if let Some(item) = &proposal.live {
            write(&live, item)?;
        }
        write(&merged, &proposal.merged)?;
    }
    show(&live, &merged)
}

/// Writes an object under kubectl's name for it.
fn write(dir: &Path, item: &Item) -> Result<(), CliError> {
    let file = format!("v1.{}.{}.{}", item.kind.names().kind, item.namespace(), item.name());
    let text = to_yaml(&item.object).map_err(object::unwritable)?;
    fs::write(dir.join(file), text).map_err(CliError::io("write the differences"))
}

/// What is secret is not shown, only that it differs.
fn hide(Proposal { live, merged }: &mut Proposal) {
    if merged.kind != Kind::Secret {
        return;
    }
    let mut none = Value::Null;
    let before = live.as_mut().map_or(&mut none, |live| &mut live.object["data"]);
    let after = &mut merged.object["data"];
    let old = before.clone();
    for (values, other, note) in [(before, &after.clone(), " (before)"), (after, &old, " (after)")]
    {
        for (key, value) in values.as_object_mut().into_iter().flatten() {
            let differs = other.get(key).is_some_and(|other| other != value);
            *value = format!("***{}", if differs { note } else { "" }).into();
        }
    }
}

/// Has `diff` compare the directories.
fn show(live: &Path, merged: &Path) -> Result<u8, CliError> {
    let command =
        std::env::var("KUBECTL_EXTERNAL_DIFF").unwrap_or_else(|_| "diff -u -N".to_owned());
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or("diff");
    let ran = Command::new(program).args(words).arg(live).arg(merged).output();
    let ran = ran.map_err(CliError::io("run diff, which is in the package diffutils"))?;
    output::data(ran.stdout)?;
    let said = String::from_utf8_lossy(&ran.stderr);
    if !said.is_empty() {
        output::message(said.trim_end());
    }
    Ok(ran
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(exit::FAILED.max(TROUBLE)))
}

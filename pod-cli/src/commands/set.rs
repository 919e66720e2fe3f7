//! `pod set image`: gives containers other images.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::args::{DryRun, Globals, Selection};
use crate::changing::change;
use crate::error::CliError;
use crate::failures::Failures;
use crate::format::Data;
use crate::item::Item;
use crate::output;
use crate::resource::Kind;

#[derive(Debug, Subcommand)]
pub enum Set {
    /// Give containers other images: `pod set image pod/NAME CONTAINER=IMAGE`
    ///
    /// Only the containers whose images change are restarted. `*=IMAGE` means all of them.
    Image(SetImage),
}

#[derive(Debug, Args)]
pub struct SetImage {
    #[command(flatten)]
    pub selection: Selection,
    /// All of the namespace
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Print the objects: json, yaml, or their names
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Data>,
}

pub fn run(globals: &Globals, set: Set) -> Result<u8, CliError> {
    let Set::Image(mut args) = set;
    let targets = &mut args.selection.targets;
    let at = targets.iter().position(|word| word.contains('=')).unwrap_or(targets.len());
    let images: Vec<(String, String)> =
        targets.split_off(at).iter().map(|word| image(word)).collect::<Result<_, _>>()?;
    if images.is_empty() {
        return Err(CliError::Usage("which image? Give CONTAINER=IMAGE".to_owned()));
    }
    let runtime = globals.runtime()?;
    let meant = args.selection.meant(globals, None)?;
    let mut failures = Failures::default();
    for mut item in args.selection.find(&runtime, globals, &meant, &mut failures)? {
        let before = item.object.clone();
        let result = put_images(&mut item, &images).and_then(|()| {
            if item.object == before || args.dry_run.is_on() {
                Ok(())
            } else {
                change(&runtime, &item)
            }
        });
        match (result, &args.output) {
            (Err(error), _) => failures.add(error),
            (Ok(()), Some(data)) => output::data(data.render(vec![item], true)?)?,
            // Nothing is said of what has not changed.
            (Ok(()), None) if item.object == before => {}
            (Ok(()), None) => {
                output::line(&format!("{} image updated{}", item.path(), args.dry_run.note()))?;
            }
        }
    }
    failures.end()
}

fn image(word: &str) -> Result<(String, String), CliError> {
    match word.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_owned(), image.to_owned()))
        }
        _ => Err(CliError::Usage(format!("`{word}` is not CONTAINER=IMAGE"))),
    }
}

fn put_images(item: &mut Item, images: &[(String, String)]) -> Result<(), CliError> {
    let path = item.path();
    let spec = match item.kind {
        Kind::Pod => "/spec",
        Kind::Deployment | Kind::Job => "/spec/template/spec",
        _ => return Err(CliError::Kept { path, message: "it has no containers".to_owned() }),
    };
    let missing = || CliError::Kept { path: path.clone(), message: "it has no spec".to_owned() };
    let spec = item.object.pointer_mut(spec).ok_or_else(missing)?;
    for (name, image) in images {
        let mut found = false;
        for list in ["initContainers", "containers"] {
            let Some(list) = spec.get_mut(list).and_then(Value::as_array_mut) else {
                continue;
            };
            for container in list.iter_mut().filter(|c| name == "*" || c["name"] == name.as_str()) {
                container["image"] = image.as_str().into();
                found = true;
            }
        }
        if !found {
            let message = format!("unable to find container named {name:?}");
            return Err(CliError::Kept { path, message });
        }
    }
    Ok(())
}

//! `pod check`: says what is wrong with manifests, and what of them is not supported here.

use clap::{Args, ValueEnum};
use pod_spec::{Checked, ConfigMap, Faults, Object, Secret};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::{exit, manifest, output};

#[derive(Debug, Args)]
pub struct Check {
    /// The manifests; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// A manifest
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<String>,
    /// `json`: everything as data
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<CheckFormat>,
}

impl Check {
    pub fn json(&self) -> bool {
        self.output == Some(CheckFormat::Json)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    Json,
}

pub fn run(args: &Check) -> Result<u8, CliError> {
    let mut reports = Vec::new();
    for file in args.files.iter().chain(&args.filename) {
        reports.push(Report::of(file)?);
    }
    if reports.is_empty() {
        return Err(CliError::Usage("which manifests? Name them: `pod check FILE…`".to_owned()));
    }
    if args.json() {
        let all = Value::Array(reports.iter().map(Report::json).collect());
        output::line(&format!("{all:#}"))?;
    } else {
        reports.iter().try_for_each(Report::print)?;
    }
    Ok(if reports.iter().any(Report::has_faults) { exit::MANIFEST } else { exit::OK })
}

/// What there is to say of one file.
struct Report {
    file: String,
    text: String,
    objects: Result<Vec<Checked>, Faults>,
}

impl Report {
    fn of(file: &str) -> Result<Self, CliError> {
        let (text, file) = manifest::read(file)?;
        let objects = Object::check(&text);
        Ok(Self { file, text, objects })
    }

    fn has_faults(&self) -> bool {
        self.objects
            .as_ref()
            .map_or(true, |objects| objects.iter().any(|object| !object.faults.is_empty()))
    }

    /// Prints objects to standard output, and what is wrong to standard error, where it is for `pod apply` as well.
    fn print(&self) -> Result<(), CliError> {
        let told = |faults: &Faults| {
            output::message(faults.render(&self.text, &self.file).trim_end());
        };
        let objects = match &self.objects {
            Ok(objects) => objects,
            Err(faults) => {
                told(faults);
                return Ok(());
            }
        };
        for object in objects {
            manifest::notice(&object.notices);
            match object.faults() {
                Some(faults) => told(&faults),
                None => {
                    let kind = object.kind.to_lowercase();
                    let done = match object.kind.as_str() {
                        ConfigMap::KIND | Secret::KIND => "kept for pods",
                        _ => "run",
                    };
                    output::line(&format!("{}: {kind}/{} can be {done}", self.file, object.name))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        match &self.objects {
            Ok(objects) => json!({"file": self.file, "objects": objects, "faults": []}),
            Err(faults) => json!({"file": self.file, "objects": [], "faults": faults}),
        }
    }
}

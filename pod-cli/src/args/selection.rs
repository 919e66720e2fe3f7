//! Which objects a command is about.

use clap::Args;
use pod_runtime::Runtime;
use pod_spec::Selector;

use crate::args::Globals;
use crate::error::CliError;
use crate::failures::Failures;
use crate::fields::FieldSelector;
use crate::item::{self, Item, ObjectReference};
use crate::manifest::{self, Files};
use crate::resource::{self, Asked, Kind, Named};

#[derive(Debug, Args)]
pub struct Selection {
    /// `TYPE`, `TYPE NAME…` or `TYPE/NAME…`; the types are pods (po), deployments (deploy), jobs, configmaps (cm), secrets, persistentvolumeclaims (pvc) and events (ev), several with
    /// commas between them
    #[arg(value_name = "TYPE [NAME]…", required_unless_present = "filename")]
    pub targets: Vec<String>,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// Those whose fields are so: `status.phase=Running,metadata.name!=web`
    #[arg(long, value_name = "SELECTOR")]
    pub field_selector: Option<FieldSelector>,
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub files: Files,
}

/// What is meant: objects by their names, or all of some kinds.
#[derive(Debug)]
pub enum Meant {
    Named(Vec<ObjectReference>),
    Kinds(Vec<Kind>),
}

impl Selection {
    /// What the words and files mean; a name without a word for its type is that of a `default`.
    pub fn meant(&self, globals: &Globals, default: Option<Kind>) -> Result<Meant, CliError> {
        if !self.files.is_empty() {
            return self.in_files(globals);
        }
        let Asked { kinds, names } = resource::asked(&self.targets, default)?;
        if names.is_empty() {
            return Ok(Meant::Kinds(kinds));
        }
        if self.all_namespaces {
            let message =
                "nothing is looked for by name in all namespaces: leave -A or the name out";
            return Err(CliError::Usage(message.to_owned()));
        }
        if self.selects() {
            let message = "names and selectors say both what is meant: leave one of them out";
            return Err(CliError::Usage(message.to_owned()));
        }
        let namespace = globals.namespace();
        let target =
            |Named { kind, name }| ObjectReference { kind, namespace: namespace.to_owned(), name };
        Ok(Meant::Named(names.into_iter().map(target).collect()))
    }

    /// Whether it says which objects of a kind are meant.
    pub fn selects(&self) -> bool {
        self.selector.is_some() || self.field_selector.is_some()
    }

    fn in_files(&self, globals: &Globals) -> Result<Meant, CliError> {
        if !self.targets.is_empty() || self.selector.is_some() || self.all_namespaces {
            let message = "the files say what is meant: leave the names and selectors out";
            return Err(CliError::Usage(message.to_owned()));
        }
        let objects = manifest::load(&self.files, globals)?;
        let mut targets = Vec::new();
        for object in &objects {
            targets.extend(ObjectReference::of(object));
        }
        Ok(Meant::Named(targets))
    }

    /// The namespace that is looked in; `None` for all.
    pub fn namespace<'a>(&self, globals: &'a Globals) -> Option<&'a str> {
        (!self.all_namespaces).then(|| globals.namespace())
    }

    /// All objects of these kinds that the selectors let through.
    pub fn listed(
        &self,
        runtime: &Runtime,
        globals: &Globals,
        kinds: &[Kind],
    ) -> Result<Vec<Item>, CliError> {
        let mut items = Vec::new();
        for kind in kinds {
            if let Some(fields) = &self.field_selector {
                fields.check(*kind)?;
            }
            items.extend(item::all(runtime, *kind, self.namespace(globals))?);
        }
        items.retain(|item| {
            self.selector.as_ref().is_none_or(|selector| selector.matches(&item.words("labels")))
                && self.field_selector.as_ref().is_none_or(|fields| fields.matches(&item.object))
        });
        Ok(items)
    }

    /// The objects that are meant, what is not there being told of.
    pub fn find(
        &self,
        runtime: &Runtime,
        globals: &Globals,
        meant: &Meant,
        failures: &mut Failures,
    ) -> Result<Vec<Item>, CliError> {
        let targets = match meant {
            Meant::Kinds(kinds) => return self.listed(runtime, globals, kinds),
            Meant::Named(targets) => targets,
        };
        let mut items = Vec::new();
        for ObjectReference { kind, namespace, name } in targets {
            match item::one(runtime, *kind, namespace, name) {
                Ok(item) => items.push(item),
                Err(error) => failures.add(error),
            }
        }
        Ok(items)
    }
}

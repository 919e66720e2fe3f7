//! The names of what is on this machine.

use std::collections::BTreeSet;

use pod_runtime::Runtime;

use crate::args::Globals;
use crate::commands::completion::line::{Asked, Line};
use crate::error::CliError;
use crate::item;
use crate::resource::{self, Kind};

/// Where to look.
struct Place<'a> {
    runtime: Runtime,
    namespace: &'a str,
    line: &'a Line<'a>,
}

/// The values that an option or a place of the line may have. Where nothing can be looked at, there are none.
pub fn of(globals: &Globals, line: &Line<'_>, asked: Asked<'_>) -> Vec<String> {
    let root = line.value("root").map_or(globals.root.as_path(), AsRef::as_ref);
    let Ok(runtime) = Runtime::open(root) else { return Vec::new() };
    let namespace = line.value("namespace").unwrap_or("default");
    Place { runtime, namespace, line }.values(asked).unwrap_or_default()
}

impl Place<'_> {
    fn values(&self, Asked { arg, begun }: Asked<'_>) -> Result<Vec<String>, CliError> {
        match arg.get_id().as_str() {
            "namespace" => self.namespaces(),
            "container" | "container_word" => self.containers(),
            "target" if !arg.is_positional() => self.containers(),
            "targets" | "target" => self.objects(begun),
            "object" => self.of_kind(Kind::Pod, "pod/"),
            "pod" => self.pods(begun),
            "name" if self.line.command.get_name() == "pod" => self.pods(begun),
            "names" if self.line.command.get_name() == "down" => self.pods(begun),
            "from" | "to" => {
                let pods = self.of_kind(Kind::Pod, "")?;
                Ok(pods.into_iter().map(|pod| format!("{pod}:")).collect())
            }
            "image" | "images" | "names" if arg.is_positional() => self.images(),
            _ => Ok(Vec::new()),
        }
    }

    fn namespaces(&self) -> Result<Vec<String>, CliError> {
        let mut found = BTreeSet::from(["default".to_owned()]);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Event) {
            let items = item::all(&self.runtime, kind, None)?;
            found.extend(items.iter().map(|item| item.namespace().to_owned()));
        }
        Ok(found.into_iter().collect())
    }

    /// The containers of the pod that the line names.
    fn containers(&self) -> Result<Vec<String>, CliError> {
        let Some(word) = self.line.positionals.first() else { return Ok(Vec::new()) };
        let pod = self.runtime.pod(self.namespace, &resource::name(word)?)?;
        Ok(pod.containers().into_iter().map(str::to_owned).collect())
    }

    /// Pods, or what has some: `TYPE/NAME`.
    fn pods(&self, begun: &str) -> Result<Vec<String>, CliError> {
        if begun.contains('/') { self.with_kind(begun) } else { self.of_kind(Kind::Pod, "") }
    }

    /// `TYPE`, `TYPE NAME…` and `TYPE/NAME…`.
    fn objects(&self, begun: &str) -> Result<Vec<String>, CliError> {
        if begun.contains('/') {
            return self.with_kind(begun);
        }
        let Some(first) = self.line.positionals.first() else {
            return Ok(Kind::ALL.map(|kind| kind.names().plural.to_owned()).into());
        };
        let mut names = Vec::new();
        for kind in resource::kinds(first).unwrap_or_default() {
            names.extend(self.of_kind(kind, "")?);
        }
        let given = |name: &String| self.line.positionals[1..].contains(&name.as_str());
        names.retain(|name| !given(name));
        Ok(names)
    }

    /// `TYPE/NAME`.
    fn with_kind(&self, begun: &str) -> Result<Vec<String>, CliError> {
        let word = begun.split('/').next().unwrap_or_default();
        let mut names = Vec::new();
        for kind in resource::kinds(word).unwrap_or_default() {
            names.extend(self.of_kind(kind, &format!("{word}/"))?);
        }
        Ok(names)
    }

    fn of_kind(&self, kind: Kind, prefix: &str) -> Result<Vec<String>, CliError> {
        let items = item::all(&self.runtime, kind, Some(self.namespace))?;
        Ok(items.iter().map(|item| format!("{prefix}{}", item.name())).collect())
    }

    fn images(&self) -> Result<Vec<String>, CliError> {
        let images = self.runtime.images().list().map_err(CliError::image)?;
        Ok(images.iter().flat_map(|image| &image.tags).map(ToString::to_string).collect())
    }
}

//! What would become of an object, without doing it.

use pod_runtime::{Runtime, ValidPod};
use serde_json::Value;

use crate::configuration::Making;
use crate::error::CliError;
use crate::item::{self, Item};
use crate::resource::Kind;

/// What of the metadata belongs to the object that is there, and not to its author.
const IDENTITY: [&str; 5] =
    ["creationTimestamp", "generation", "namespace", "resourceVersion", "uid"];

/// An object that is wanted, beside the one that is there.
#[derive(Debug)]
pub struct Proposal {
    pub live: Option<Item>,
    /// What would be there then.
    pub merged: Item,
}

impl Proposal {
    pub fn of(runtime: &Runtime, wanted: Item) -> Result<Self, CliError> {
        let live = match item::one(runtime, wanted.kind, wanted.namespace(), wanted.name()) {
            Ok(live) => Some(live),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let merged = live.as_ref().map_or_else(|| wanted.clone(), |live| merged(live, &wanted));
        Ok(Self { live, merged })
    }

    /// What would be done, in kubectl's word.
    pub fn word(&self, making: Making) -> Result<&'static str, CliError> {
        let (namespace, name) = (self.merged.namespace().to_owned(), self.merged.name().to_owned());
        match (&self.live, making) {
            (None, Making::Apply | Making::Create) => Ok("created"),
            (None, Making::Replace { .. }) => Err(CliError::Missing { path: self.merged.path() }),
            (Some(_), Making::Create) => Err(CliError::There { path: self.merged.path() }),
            (Some(live), Making::Apply) if *live == self.merged => Ok("unchanged"),
            (Some(live), making) => match (self.in_place(live)?, making) {
                (Ok(()), Making::Apply) => Ok("configured"),
                (Err(source), Making::Replace { force: false, .. }) => {
                    Err(CliError::Differs { namespace, name, source: Box::new(source) })
                }
                _ => Ok("replaced"),
            },
        }
    }

    /// Whether the object that is there can be changed without making a new one.
    fn in_place(&self, live: &Item) -> Result<Result<(), pod_spec::Faults>, CliError> {
        if live.kind != Kind::Pod {
            return Ok(Ok(()));
        }
        let (old, new): (ValidPod, pod_spec::Pod) = (live.read()?, self.merged.read()?);
        Ok(old.check_update(&new))
    }
}

/// The object that is there, with all that its author says now.
fn merged(live: &Item, wanted: &Item) -> Item {
    let mut merged = wanted.clone();
    for field in IDENTITY {
        if let Some(value) = live.object["metadata"].get(field) {
            merged.object["metadata"][field] = value.clone();
        }
    }
    for place in [&["status"][..], &["spec", "ephemeralContainers"]] {
        if let Some(value) = place.iter().try_fold(&live.object, |value, field| value.get(field)) {
            *place
                .iter()
                .fold(&mut merged.object, |object: &mut Value, field| &mut object[*field]) =
                value.clone();
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proposal(change: impl FnOnce(&mut Value)) -> Proposal {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": "nginx"}]},
        });
        let pod = pod_spec::Pod::from_json(&pod.to_string()).unwrap().validate().unwrap();
        let mut wanted = Item { kind: Kind::Pod, object: serde_json::to_value(&pod).unwrap() };
        let mut live = wanted.clone();
        live.object["metadata"]["uid"] = "1".into();
        live.object["status"] = json!({"phase": "Running"});
        change(&mut wanted.object);
        let merged = merged(&live, &wanted);
        Proposal { live: Some(live), merged }
    }

    #[test]
    fn what_would_be_done_has_kubectls_word() {
        let word = |change: fn(&mut Value), making| proposal(change).word(making).ok();
        let same: fn(&mut Value) = |_| {};
        let image: fn(&mut Value) = |pod| pod["spec"]["containers"][0]["image"] = "nginx:2".into();
        let command: fn(&mut Value) = |pod| pod["spec"]["containers"][0]["command"] = json!(["a"]);
        let replace = |force| Making::Replace { force, grace: None };
        assert_eq!(word(same, Making::Apply), Some("unchanged"));
        assert_eq!(word(image, Making::Apply), Some("configured"));
        assert_eq!(word(command, Making::Apply), Some("replaced"));
        assert_eq!(word(image, replace(false)), Some("replaced"));
        assert_eq!(word(command, replace(false)), None);
        assert_eq!(word(command, replace(true)), Some("replaced"));
        assert_eq!(word(same, Making::Create), None);
        let new = Proposal { live: None, ..proposal(same) };
        assert_eq!(new.word(Making::Apply).ok(), Some("created"));
        assert_eq!(new.word(replace(false)).ok(), None);
    }
}

//! Putting a changed object in the place of the one that is there.

use pod_runtime::{Runtime, ValidPod};

use crate::error::CliError;
use crate::event_loop;
use crate::item::Item;
use crate::resource::Kind;

/// Changes the object that is there to this one.
pub fn change(runtime: &Runtime, item: &Item) -> Result<(), CliError> {
    match item.kind {
        Kind::Pod => {
            let wanted: ValidPod = item.read()?;
            let mut pod = runtime.pod(item.namespace(), item.name())?;
            event_loop::block_on(async { Ok(pod.update(&wanted).await?) })
        }
        Kind::ConfigMap => Ok(runtime.config_maps().apply(item.read()?).map(|_| ())?),
        Kind::Secret => Ok(runtime.secrets().apply(item.read()?).map(|_| ())?),
        Kind::Event => Err(CliError::Usage("events are not changed".to_owned())),
    }
}

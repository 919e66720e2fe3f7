//! What is left of pods that are gone.

use serde_json::{Value, json};

use super::attachment::{collected, common_version, usual_limit};
use super::configuration::{self, Configuration};
use super::plugin::{self, Plugins, Verb};
use super::version::Version;
use super::{CniError, INTERFACE};
use crate::{Cni, NetworkError};

/// Has plugins take back what belongs to no pod of `alive`, a list of all ids in this network.
///
/// Only configurations of version 1.1 have the command GC, and one that other runtimes use as well must say `disableGC`,
/// for their pods are not in the list.
pub(crate) fn collect_garbage(cni: &Cni, alive: &[String]) -> Result<(), NetworkError> {
    if cni.is_configured() {
        ask_plugins(cni, alive)?;
    }
    Ok(())
}

fn ask_plugins(cni: &Cni, alive: &[String]) -> Result<(), CniError> {
    let configuration = configuration::load(&cni.conf_dir)?;
    if !configuration.collect_garbage {
        return Ok(());
    }
    let plugins = Plugins { bin_dirs: &cni.bin_dirs, limit: usual_limit() };
    let version = common_version(&configuration, plugins)?;
    if !version.has_garbage_collection() {
        return Ok(());
    }
    collect(&configuration, version, plugins, alive)
}

fn collect(
    configuration: &Configuration,
    version: Version,
    plugins: Plugins<'_>,
    alive: &[String],
) -> Result<(), CniError> {
    let attachments: Vec<_> =
        alive.iter().map(|id| json!({ "containerID": id, "ifname": INTERFACE })).collect();
    let attachments = Value::from(attachments);
    let run = |plugin| {
        let mut input = plugin::input(configuration, version, plugin, None);
        input.insert("cni.dev/valid-attachments".to_owned(), attachments.clone());
        plugins.execute(plugin, Verb::Gc, None, &Value::Object(input)).err()
    };
    collected(configuration.plugins.iter().filter_map(run).collect())
}

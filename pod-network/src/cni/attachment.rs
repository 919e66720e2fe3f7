//! One pod's attachment, from before its making to after its end.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CniError;
use super::configuration::{self, Configuration, Plugin};
use super::plugin::{self, Plugins, Target, Verb};
use super::result::AddResult;
use super::version::Version;
use crate::{Attachment, Cni, NetworkError, bring_up_loopback};

/// A pod's attachment: the configuration as it was used, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CniAttachment {
    configuration: Configuration,
    version: Version,
    bin_dirs: Vec<PathBuf>,
    /// How long one execution of a plugin may take.
    #[serde(skip, default = "usual_limit")]
    pub(super) limit: Duration,
    /// `None` until ADD has been carried out.
    result: Option<AddResult>,
}

pub(super) fn usual_limit() -> Duration {
    Duration::from_secs(60)
}

impl CniAttachment {
    /// The pod's addresses, those of its `eth0` first; empty until it is attached.
    pub fn addresses(&self) -> &[IpAddr] {
        self.result.as_ref().map_or(&[], |result| &result.addresses)
    }

    /// The resolvers that the network names.
    pub fn nameservers(&self) -> &[IpAddr] {
        self.result.as_ref().map_or(&[], |result| &result.nameservers)
    }

    /// The domains that are searched along with them.
    pub fn searches(&self) -> &[String] {
        self.result.as_ref().map_or(&[], |result| &result.searches)
    }

    fn plugins(&self) -> Plugins<'_> {
        Plugins { bin_dirs: &self.bin_dirs, limit: self.limit }
    }

    /// Executes one plugin, told of what ADD has given so far.
    fn execute(
        &self,
        plugin: &Plugin,
        verb: Verb,
        target: Target<'_>,
    ) -> Result<Vec<u8>, CniError> {
        let mut input = plugin::input(&self.configuration, self.version, plugin, Some(target.pod));
        if let Some(result) = &self.result
            && (verb == Verb::Add || self.version.has_check())
        {
            input.insert("prevResult".to_owned(), result.at(target.netns));
        }
        self.plugins().execute(plugin, verb, Some(target), &Value::Object(input))
    }

    fn add_all(&mut self, target: Target<'_>) -> Result<(), CniError> {
        for plugin in &self.configuration.plugins {
            let stdout = self.execute(plugin, Verb::Add, target)?;
            let result = AddResult::parse(&stdout, self.version, target.netns)
                .map_err(|fault| plugin::failed(plugin, Verb::Add, String::new(), fault))?;
            self.result = Some(result);
        }
        Ok(())
    }

    /// Goes on when a plugin fails: the others are to undo their part all the same.
    fn delete_all(&self, target: Target<'_>) -> Result<(), CniError> {
        let plugins = self.configuration.plugins.iter().rev();
        collected(plugins.filter_map(|p| self.execute(p, Verb::Del, target).err()).collect())
    }
}

/// All errors as one.
pub(super) fn collected(mut errors: Vec<CniError>) -> Result<(), CniError> {
    match errors.pop() {
        None => Ok(()),
        Some(error) if errors.is_empty() => Err(error),
        Some(error) => {
            errors.push(error);
            Err(CniError::Several(errors))
        }
    }
}

/// What is to be recorded before [`complete`] begins: with it [`delete`] undoes even an ADD that was cut short.
pub(crate) fn prepare(cni: &Cni) -> Result<CniAttachment, NetworkError> {
    let configuration = configuration::load(&cni.conf_dir)?;
    let plugins = Plugins { bin_dirs: &cni.bin_dirs, limit: usual_limit() };
    Ok(CniAttachment {
        version: common_version(&configuration, plugins)?,
        configuration,
        bin_dirs: cni.bin_dirs.clone(),
        limit: usual_limit(),
        result: None,
    })
}

/// The newest version of the configuration that all plugins know. They are asked only when there is a choice.
pub(super) fn common_version(
    configuration: &Configuration,
    plugins: Plugins<'_>,
) -> Result<Version, CniError> {
    let mut versions = configuration.versions.clone();
    for plugin in &configuration.plugins {
        if let [version] = versions[..] {
            return Ok(version);
        }
        let known = plugins.versions(plugin)?;
        let wanted: Vec<_> = versions.iter().map(|version| version.as_str()).collect();
        let wanted = wanted.join(", ");
        versions.retain(|version| known.contains(version));
        if versions.is_empty() {
            return Err(CniError::NoCommonVersion { plugin: plugin.kind.clone(), wanted });
        }
    }
    Ok(versions[0])
}

/// Has all plugins set up the namespace, and brings up its loopback. When one of them fails, all undo their part.
pub(crate) fn complete(
    mut record: CniAttachment,
    pod: &Attachment,
    netns: BorrowedFd<'_>,
) -> Result<CniAttachment, NetworkError> {
    bring_up_loopback(netns)?;
    let target = Target { pod, netns: &path(netns) };
    let Err(cause) = record.add_all(target) else { return Ok(record) };
    let error = match record.delete_all(target) {
        Ok(()) => cause,
        Err(undo) => CniError::NotUndone { cause: Box::new(cause), undo: Box::new(undo) },
    };
    Err(error.into())
}

/// Has the plugins look whether everything is still as they made it. Versions before 0.4.0 and configurations that
/// say `disableCheck` have no such look.
pub(crate) fn check(
    record: &CniAttachment,
    pod: &Attachment,
    netns: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    if !record.configuration.check || !record.version.has_check() {
        return Ok(());
    }
    let target = Target { pod, netns: &path(netns) };
    for plugin in &record.configuration.plugins {
        record.execute(plugin, Verb::Check, target)?;
    }
    Ok(())
}

/// Has the plugins undo their part, the last first; `netns` is `None` when the namespace is gone.
///
/// It can be done again, and after an ADD that was cut short. Plugins undo more while the namespace is there.
pub(crate) fn delete(
    record: &CniAttachment,
    pod: &Attachment,
    netns: Option<BorrowedFd<'_>>,
) -> Result<(), NetworkError> {
    let netns = netns.map(path).unwrap_or_default();
    Ok(record.delete_all(Target { pod, netns: &netns })?)
}

/// A path to the namespace that other processes can open while this one lives and holds it.
fn path(netns: BorrowedFd<'_>) -> String {
    format!("/proc/{}/fd/{}", process::id(), netns.as_raw_fd())
}

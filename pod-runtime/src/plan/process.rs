//! The first process of a container: whom it runs as, with which rights, and how it is asked to end.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use pod_images::Image;
use pod_lifecycle::Addresses;
use pod_sandbox::{Capabilities, Capability, Process, Seccomp};
use pod_spec::{
    Container, PodSecurityContext, SeccompProfile, SeccompProfileType, SupplementalGroupsPolicy,
};

use super::PodPlan;
use crate::environment::{self, Facts, Referenced};
use crate::error::ConfigError;
use crate::resources;

/// Where seccomp profiles of the type `Localhost` are looked up, as on a node.
const SECCOMP_PROFILES: &str = "/var/lib/kubelet/seccomp";

impl PodPlan {
    /// What fields come to in this pod.
    pub(crate) fn facts<'a>(&self, addresses: &Addresses, referenced: &'a Referenced) -> Facts<'a> {
        Facts {
            node: self.machine.node.clone(),
            cpus: self.machine.cpus,
            memory: self.machine.memory,
            disk: self.dirs.data.clone(),
            addresses: addresses.clone(),
            referenced,
        }
    }

    /// The first process of a container of this image.
    pub(super) fn process(
        &self,
        container: &Container,
        image: &Image,
        privileged: bool,
        addresses: &Addresses,
        referenced: &Referenced,
    ) -> Result<Process, ConfigError> {
        let facts = self.facts(addresses, referenced);
        let environment = environment::variables(&self.pod, container, &image.config.env, &facts)?;
        let command = environment.expand_all(&container.command);
        let args = environment.expand_all(&container.args);
        let argv = image.config.argv(&command, &args);
        if argv.is_empty() {
            return Err(ConfigError::NoCommand { container: container.name.clone() });
        }
        let mut process = Process::new(argv);
        process.env = environment.list();
        let cwd = container
            .working_dir
            .as_deref()
            .filter(|d| !d.is_empty())
            .unwrap_or(&image.config.working_dir);
        process.cwd = PathBuf::from(if cwd.is_empty() { "/" } else { cwd });
        let home = self.identity(container, image, &mut process)?;
        for (name, value) in [("HOSTNAME", self.hostname()), ("HOME", home)] {
            if !process.env.iter().any(|e| e.split_once('=').is_some_and(|(n, _)| n == name)) {
                process.env.push(format!("{name}={value}"));
            }
        }
        let context = container.security_context.as_ref();
        process.no_new_privileges =
            context.is_some_and(|c| c.allow_privilege_escalation == Some(false));
        process.capabilities =
            if privileged { Capabilities::all() } else { capabilities(container)? };
        process.seccomp = if privileged { Seccomp::Unconfined } else { self.seccomp(container) };
        process.oom_score_adj =
            resources::oom_score(self.spec(), self.pod.qos_class(), container, self.machine.memory);
        Ok(process)
    }

    /// User and groups: the container's, else the pod's, else the image's. What is not said is looked up in the image, as
    /// the home directory is, which is the result.
    fn identity(
        &self,
        container: &Container,
        image: &Image,
        process: &mut Process,
    ) -> Result<String, ConfigError> {
        let own = container.security_context.as_ref();
        let of_pod = self.spec().security_context.as_ref();
        let either = |a: Option<i64>, b: Option<i64>| a.or(b).and_then(|n| u32::try_from(n).ok());
        let user = either(own.and_then(|c| c.run_as_user), of_pod.and_then(|c| c.run_as_user));
        let group = either(own.and_then(|c| c.run_as_group), of_pod.and_then(|c| c.run_as_group));
        let non_root = own
            .and_then(|c| c.run_as_non_root)
            .or(of_pod.and_then(|c| c.run_as_non_root))
            .unwrap_or(false);
        let name = user.map_or_else(|| image.config.user.clone(), |uid| uid.to_string());
        let container = || container.name.clone();
        if non_root && user == Some(0) {
            return Err(ConfigError::RootByUser { container: container() });
        }
        if non_root && user.is_none() {
            match name.split(':').next().unwrap_or_default() {
                "" | "0" => return Err(ConfigError::RootByImage { container: container() }),
                user if user.parse::<u32>().is_err() => {
                    let user = user.to_owned();
                    return Err(ConfigError::RootByName { container: container(), user });
                }
                _ => {}
            }
        }
        let found = image.user(&name);
        let found = found.map_err(|source| ConfigError::User {
            container: container(),
            user: name,
            source,
        })?;
        process.uid = found.uid;
        process.gid = group.unwrap_or(found.gid);
        process.groups = groups(found.supplementary_gids, of_pod);
        Ok(found.home)
    }

    fn seccomp(&self, container: &Container) -> Seccomp {
        let own = container.security_context.as_ref().and_then(|c| c.seccomp_profile.as_ref());
        let of_pod = self.spec().security_context.as_ref().and_then(|c| c.seccomp_profile.as_ref());
        own.or(of_pod).map_or(Seccomp::RuntimeDefault, seccomp)
    }
}

/// The groups of a process beside its own: those of the manifest, with those of the image unless they are unwanted.
fn groups(of_image: Vec<u32>, context: Option<&PodSecurityContext>) -> Vec<u32> {
    let policy = context.and_then(|c| c.supplemental_groups_policy).unwrap_or_default();
    let mut groups = match policy {
        SupplementalGroupsPolicy::Merge => of_image,
        SupplementalGroupsPolicy::Strict => Vec::new(),
    };
    let said = context.into_iter().flat_map(|c| c.supplemental_groups.iter().chain(&c.fs_group));
    groups.extend(said.filter_map(|group| u32::try_from(*group).ok()));
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The signal that asks a container to end: that of the manifest, else that of the image.
pub(super) fn stop_signal(container: &Container, image: &Image) -> Result<i32, ConfigError> {
    let own = container.lifecycle.as_ref().and_then(|l| l.stop_signal.as_ref());
    let Some(signal) = own.or(image.config.stop_signal.as_ref()) else {
        return Ok(Signal::SIGTERM as i32);
    };
    signal_number(signal).ok_or_else(|| ConfigError::StopSignal {
        image: image.reference.to_string(),
        signal: signal.clone(),
    })
}

/// The number of a signal, from its name, with or without `SIG`, or the number itself.
fn signal_number(signal: &str) -> Option<i32> {
    if let Ok(number) = signal.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(above) = name.strip_prefix("RTMIN") {
        let above = above.trim_start_matches('+');
        let above = if above.is_empty() { Ok(0) } else { above.parse::<i32>() };
        // The C library keeps the first two for itself.
        return above.ok().filter(|n| (0..=30).contains(n)).map(|n| 34 + n);
    }
    if let Some(below) = name.strip_prefix("RTMAX") {
        let below = below.trim_start_matches('-');
        let below = if below.is_empty() { Ok(0) } else { below.parse::<i32>() };
        return below.ok().filter(|n| (0..=30).contains(n)).map(|n| 64 - n);
    }
    let name = match name {
        "CLD" => "CHLD",
        "IOT" => "ABRT",
        "POLL" => "IO",
        name => name,
    };
    format!("SIG{name}").parse::<Signal>().ok().map(|signal| signal as i32)
}

fn capabilities(container: &Container) -> Result<Capabilities, ConfigError> {
    let mut set = Capabilities::default();
    let Some(change) = container.security_context.as_ref().and_then(|c| c.capabilities.as_ref())
    else {
        return Ok(set);
    };
    let is_all =
        |name: &String| name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL");
    if change.add.iter().any(is_all) {
        set = Capabilities::all();
    }
    if change.drop.iter().any(is_all) {
        set = Capabilities::empty();
    }
    let parse = |name: &String| name.parse::<Capability>().map_err(ConfigError::from);
    for name in change.add.iter().filter(|n| !is_all(n)) {
        set.add(parse(name)?);
    }
    for name in change.drop.iter().filter(|n| !is_all(n)) {
        set.drop(parse(name)?);
    }
    Ok(set)
}

fn seccomp(profile: &SeccompProfile) -> Seccomp {
    match profile.kind {
        SeccompProfileType::Unconfined => Seccomp::Unconfined,
        SeccompProfileType::Localhost => Seccomp::Profile(
            Path::new(SECCOMP_PROFILES)
                .join(profile.localhost_profile.as_deref().unwrap_or_default()),
        ),
        SeccompProfileType::RuntimeDefault => Seccomp::RuntimeDefault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b188_strict_groups_are_those_of_the_manifest_alone() {
        let context = |policy| PodSecurityContext {
            supplemental_groups: vec![7, 5],
            fs_group: Some(9),
            supplemental_groups_policy: policy,
            ..PodSecurityContext::default()
        };
        let merged = vec![1, 5, 7, 9];
        assert_eq!(groups(vec![5, 1], Some(&context(None))), merged);
        let merge = Some(SupplementalGroupsPolicy::Merge);
        assert_eq!(groups(vec![5, 1], Some(&context(merge))), merged);
        let strict = Some(SupplementalGroupsPolicy::Strict);
        assert_eq!(groups(vec![5, 1], Some(&context(strict))), [5, 7, 9]);
        assert_eq!(groups(vec![5, 1], None), [1, 5]);
    }

    #[test]
    fn a_stop_signal_is_a_name_or_a_number() {
        for (text, number) in [
            ("SIGQUIT", Some(3)),
            ("quit", Some(3)),
            ("SIGWINCH", Some(28)),
            ("37", Some(37)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMIN", Some(34)),
            ("SIGRTMAX-14", Some(50)),
            ("SIGRTMAX", Some(64)),
            ("SIGCLD", Some(17)),
            ("0", None),
            ("65", None),
            ("SIGNONE", None),
        ] {
            assert_eq!(signal_number(text), number, "{text}");
        }
    }
}

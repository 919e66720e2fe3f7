//! What a container may do to the machine.

use crate::decode::AnyMap;
use crate::schema::{object, words};

object! {
    /// What one container may do (`v1.SecurityContext`). It wins over that of the pod.
    pub struct SecurityContext {
        /// The capabilities to add to and drop from the usual ones.
        "capabilities" capabilities: Option<Capabilities>,
        /// Whether it may do nearly all that root of the machine may.
        "privileged" privileged: Option<bool>,
        /// The user, in place of the image's.
        "runAsUser" run_as_user: Option<i64>,
        /// The group, in place of the image's.
        "runAsGroup" run_as_group: Option<i64>,
        /// Whether it must not start as root.
        "runAsNonRoot" run_as_non_root: Option<bool>,
        /// Whether its root filesystem cannot be written.
        "readOnlyRootFilesystem" read_only_root_filesystem: Option<bool>,
        /// Whether a program can gain rights that its parent has not. `false` sets no_new_privs.
        "allowPrivilegeEscalation" allow_privilege_escalation: Option<bool>,
        /// The system calls it may make.
        "seccompProfile" seccomp_profile: Option<SeccompProfile>,
        /// Which of /proc is hidden.
        "procMount" proc_mount: Option<ProcMountType>
            => refused("it needs user namespaces, which are not there yet", except "Default"),
        /// Its AppArmor profile.
        "appArmorProfile" app_armor_profile: Option<AppArmorProfile>,
    }
    others {
        "seLinuxOptions": AnyMap => refused("SELinux labels are not set yet"),
        "windowsOptions": AnyMap => refused("there is only Linux here"),
    }
}

object! {
    /// What every container of the pod may do that does not say otherwise (`v1.PodSecurityContext`).
    pub struct PodSecurityContext {
        /// The user, in place of the image's.
        "runAsUser" run_as_user: Option<i64>,
        /// The group, in place of the image's.
        "runAsGroup" run_as_group: Option<i64>,
        /// Whether no container must start as root.
        "runAsNonRoot" run_as_non_root: Option<bool>,
        /// Further groups of the first process of each container.
        "supplementalGroups" supplemental_groups: Vec<i64>,
        /// Whether the image's own groups are added to these.
        "supplementalGroupsPolicy" supplemental_groups_policy: Option<SupplementalGroupsPolicy>
            => refused("only `Merge` is honoured yet", except "Merge"),
        /// The system calls that may be made.
        "seccompProfile" seccomp_profile: Option<SeccompProfile>,
        /// The AppArmor profile.
        "appArmorProfile" app_armor_profile: Option<AppArmorProfile>,
    }
    others {
        "fsGroup": i64 => refused("the ownership of volumes is not changed yet"),
        "fsGroupChangePolicy": String => refused("the ownership of volumes is not changed yet"),
        "seLinuxChangePolicy": String => refused("SELinux labels are not set yet"),
        "seLinuxOptions": AnyMap => refused("SELinux labels are not set yet"),
        "sysctls": Vec<AnyMap> => refused("kernel parameters are not set yet"),
        "windowsOptions": AnyMap => refused("there is only Linux here"),
    }
}

object! {
    /// Capabilities by name, with or without `CAP_`, or `ALL` (`v1.Capabilities`).
    pub struct Capabilities {
        /// Those added to the usual ones.
        "add" add: Vec<String>,
        /// Those taken from the usual ones.
        "drop" drop: Vec<String>,
    }
    others {}
}

object! {
    /// The system calls that may be made (`v1.SeccompProfile`).
    pub struct SeccompProfile {
        /// Which profile.
        "type" kind: SeccompProfileType => required,
        /// The file, below the machine's directory of profiles; with `Localhost`, and only then.
        "localhostProfile" localhost_profile: Option<String>,
    }
    others {}
}

words! {
    /// Where a seccomp profile comes from.
    pub enum SeccompProfileType {
        /// The one that comes with the runtime.
        #[default]
        RuntimeDefault = "RuntimeDefault",
        /// None.
        Unconfined = "Unconfined",
        /// A file of this machine.
        Localhost = "Localhost",
    }
}

object! {
    /// An AppArmor profile (`v1.AppArmorProfile`).
    pub struct AppArmorProfile {
        /// Which profile.
        "type" kind: AppArmorProfileType
            => required(refused("AppArmor profiles are not applied yet", except "Unconfined")),
        /// The name of a loaded profile; with `Localhost`.
        "localhostProfile" localhost_profile: Option<String> => refused("AppArmor profiles are not applied yet"),
    }
    others {}
}

words! {
    /// Where an AppArmor profile comes from.
    pub enum AppArmorProfileType {
        /// None.
        #[default]
        Unconfined = "Unconfined",
        /// The one that comes with the runtime; refused.
        RuntimeDefault = "RuntimeDefault",
        /// One loaded on this machine; refused.
        Localhost = "Localhost",
    }
}

words! {
    /// Which of /proc is hidden from a container.
    pub enum ProcMountType {
        /// What would tell about or change the machine.
        #[default]
        Default = "Default",
        /// Nothing; refused.
        Unmasked = "Unmasked",
    }
}

words! {
    /// Which groups the first process has.
    pub enum SupplementalGroupsPolicy {
        /// Those of the pod and those of the image.
        #[default]
        Merge = "Merge",
        /// Those of the pod; refused.
        Strict = "Strict",
    }
}

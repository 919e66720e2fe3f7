//! What a container may do to the machine.

use crate::schema::{object, words};

object! {
    /// What one container may do. It wins over that of the pod.
    pub struct SecurityContext: "v1.SecurityContext" {
        /// The capabilities to add to and drop from the usual ones.
        "capabilities" capabilities: Option<Capabilities>,
        /// Whether it may do nearly all that root of the machine may.
        "privileged" privileged: Option<bool>,
        /// The SELinux label of its processes.
        "seLinuxOptions" se_linux_options: Option<SeLinuxOptions>,
        /// What holds on Windows.
        "windowsOptions" windows_options: Option<WindowsSecurityContextOptions>,
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
        /// Which of /proc is hidden. `Default` when not given.
        "procMount" proc_mount: Option<ProcMountType>,
        /// The system calls it may make.
        "seccompProfile" seccomp_profile: Option<SeccompProfile>,
        /// Its AppArmor profile.
        "appArmorProfile" app_armor_profile: Option<AppArmorProfile>,
    }
}

object! {
    /// What every container of the pod may do that does not say otherwise, and what holds for the pod's volumes.
    pub struct PodSecurityContext: "v1.PodSecurityContext" {
        /// The SELinux label of the processes.
        "seLinuxOptions" se_linux_options: Option<SeLinuxOptions>,
        /// What holds on Windows.
        "windowsOptions" windows_options: Option<WindowsSecurityContextOptions>,
        /// The user, in place of the image's.
        "runAsUser" run_as_user: Option<i64>,
        /// The group, in place of the image's.
        "runAsGroup" run_as_group: Option<i64>,
        /// Whether no container must start as root.
        "runAsNonRoot" run_as_non_root: Option<bool>,
        /// Further groups of the first process of each container.
        "supplementalGroups" supplemental_groups: Vec<i64>,
        /// Whether the image's own groups are added to these. `Merge` when not given: they are.
        "supplementalGroupsPolicy" supplemental_groups_policy: Option<SupplementalGroupsPolicy>,
        /// The group that volumes are given to, and that each container has.
        "fsGroup" fs_group: Option<i64>,
        /// Kernel parameters of the pod's namespaces.
        "sysctls" sysctls: Vec<Sysctl>,
        /// When volumes are given to `fsGroup`. `Always` when not given.
        "fsGroupChangePolicy" fs_group_change_policy: Option<FsGroupChangePolicy>,
        /// The system calls that may be made.
        "seccompProfile" seccomp_profile: Option<SeccompProfile>,
        /// The AppArmor profile.
        "appArmorProfile" app_armor_profile: Option<AppArmorProfile>,
        /// How volumes get their SELinux label.
        "seLinuxChangePolicy" se_linux_change_policy: Option<SeLinuxChangePolicy>,
    }
}

object! {
    /// Capabilities by name, with or without `CAP_`, or `ALL`.
    pub struct Capabilities: "v1.Capabilities" {
        /// Those added to the usual ones.
        "add" add: Vec<String>,
        /// Those taken from the usual ones.
        "drop" drop: Vec<String>,
    }
}

object! {
    /// An SELinux label.
    pub struct SeLinuxOptions: "v1.SELinuxOptions" {
        /// Its user.
        "user" user: Option<String>,
        /// Its role.
        "role" role: Option<String>,
        /// Its type.
        "type" kind: Option<String>,
        /// Its level.
        "level" level: Option<String>,
    }
}

object! {
    /// What holds on Windows.
    pub struct WindowsSecurityContextOptions: "v1.WindowsSecurityContextOptions" {
        /// The name of the managed service account's credential.
        "gmsaCredentialSpecName" gmsa_credential_spec_name: Option<String>,
        /// The managed service account's credential.
        "gmsaCredentialSpec" gmsa_credential_spec: Option<String>,
        /// The user.
        "runAsUserName" run_as_user_name: Option<String>,
        /// Whether it runs as a process of the machine.
        "hostProcess" host_process: Option<bool>,
    }
}

object! {
    /// A kernel parameter.
    pub struct Sysctl: "v1.Sysctl" {
        /// Its name: `net.ipv4.ip_forward`.
        "name" name: String => required,
        /// Its value.
        "value" value: String => required,
    }
}

object! {
    /// The system calls that may be made.
    pub struct SeccompProfile: "v1.SeccompProfile" {
        /// Which profile.
        "type" kind: SeccompProfileType => required,
        /// The file, below the machine's directory of profiles; with `Localhost`, and only then.
        "localhostProfile" localhost_profile: Option<String>,
    }
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
    /// An AppArmor profile.
    pub struct AppArmorProfile: "v1.AppArmorProfile" {
        /// Which profile.
        "type" kind: AppArmorProfileType => required,
        /// The name of a loaded profile; with `Localhost`, and only then.
        "localhostProfile" localhost_profile: Option<String>,
    }
}

words! {
    /// Where an AppArmor profile comes from.
    pub enum AppArmorProfileType {
        /// None.
        #[default]
        Unconfined = "Unconfined",
        /// The one that comes with the runtime.
        RuntimeDefault = "RuntimeDefault",
        /// One loaded on this machine.
        Localhost = "Localhost",
    }
}

words! {
    /// Which of /proc is hidden from a container.
    pub enum ProcMountType {
        /// What would tell about or change the machine.
        #[default]
        Default = "Default",
        /// Nothing.
        Unmasked = "Unmasked",
    }
}

words! {
    /// Which groups the first process has.
    pub enum SupplementalGroupsPolicy {
        /// Those of the pod and those of the image.
        #[default]
        Merge = "Merge",
        /// Those of the pod.
        Strict = "Strict",
    }
}

words! {
    /// When volumes are given to the pod's group.
    pub enum FsGroupChangePolicy {
        /// Each time they are mounted.
        #[default]
        Always = "Always",
        /// When the directory at their top is not.
        OnRootMismatch = "OnRootMismatch",
    }
}

words! {
    /// How volumes get their SELinux label.
    pub enum SeLinuxChangePolicy {
        /// File by file.
        Recursive = "Recursive",
        /// As an option of the mount, where that can be.
        #[default]
        MountOption = "MountOption",
    }
}

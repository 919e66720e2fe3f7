//! What this project does with each field: the one table.
//!
//! A row holds for its field and for everything within it that has no row of its own. To honour a field, change its row
//! and name the test that shows it.

use super::Support::{self, ClusterOnly, Honoured, Refused};

/// What happens to one field when it is given.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The path, with `[]` for the items of a list.
    pub(crate) path: &'static str,
    pub(crate) support: Support,
    /// The scalar values that are honoured whatever `support` says.
    pub(crate) accepted: &'static [&'static str],
}

const fn honoured(path: &'static str, test: &'static str) -> Rule {
    Rule { path, support: Honoured { test }, accepted: &[] }
}

const fn cluster_only(path: &'static str, notice: &'static str) -> Rule {
    Rule { path, support: ClusterOnly(notice), accepted: &[] }
}

const fn refused(path: &'static str, why: &'static str) -> Rule {
    Rule { path, support: Refused(why), accepted: &[] }
}

impl Rule {
    /// These values are honoured all the same: as texts, the empty one for no value.
    const fn except(mut self, values: &'static [&'static str]) -> Self {
        self.accepted = values;
        self
    }
}

const SERVER: &str = "is set by an API server, and ignored here";
const CONTROLLERS: &str = "needs the controllers of a cluster, and is ignored here";
const SCHEDULING: &str = "there is nothing to schedule on one machine";
const ACCOUNTS: &str = "there are no service accounts here: the name is kept, no token is mounted";
const CLAIMS: &str = "there is no dynamic resource allocation";
const SELINUX: &str = "SELinux labels are not set yet";
const WINDOWS: &str = "there is only Linux here";
const APPARMOR: &str = "AppArmor profiles are not applied yet";
const TCP_HOOK: &str = "Kubernetes has never run it: such a hook fails";
const BUNDLES: &str = "certificates are signed by a cluster";
const TOKENS: &str = "tokens of service accounts are signed by a cluster";
const CLOUD: &str = "volumes of cloud providers need a cluster";
const VENDOR: &str = "volumes of storage vendors need a cluster";
const MOUNT_IT: &str = "network volumes are not mounted: mount it on this machine and use hostPath";

const FILLED: &str = "a claim begins empty";
const NO_BLOCKS: &str = "there are no block volumes";

/// Where the rules for claims stand: those for claims that are made for a volume.
pub(crate) const CLAIM: &str = "spec.volumes[].ephemeral.volumeClaimTemplate";

/// What holds for the Pod as a whole, and for each object around the rows: see the tests.
pub(crate) const TOP: Rule = Rule { path: "", support: Support::ByField, accepted: &[] };

/// The rules of one kind.
#[derive(Debug)]
pub(crate) struct KindRules {
    /// For its own fields, in the order of their bytes.
    pub(crate) own: &'static [Rule],
    /// Whether pods are made from its `spec.template`; else it has the fields of a pod.
    pub(crate) has_template: bool,
}

pub(crate) const OF_PODS: KindRules = KindRules { own: &[], has_template: false };
pub(crate) const OF_DEPLOYMENTS: KindRules = KindRules { own: DEPLOYMENT, has_template: true };
pub(crate) const OF_JOBS: KindRules = KindRules { own: JOB, has_template: true };

const OWN_SELECTOR: &str = "pods are selected by what made them";

/// The fields of a Deployment, in the order of their bytes.
const DEPLOYMENT: &[Rule] = &[
    honoured("apiVersion", "a_deployment_keeps_its_pods"),
    honoured("kind", "a_deployment_keeps_its_pods"),
    honoured("spec.minReadySeconds", "a_pod_counts_when_it_was_ready_for_long_enough"),
    refused("spec.paused", "a change of the template is carried out at once").except(&["false"]),
    honoured("spec.progressDeadlineSeconds", "a_change_that_does_not_go_on_is_told"),
    honoured("spec.replicas", "a_deployment_keeps_its_pods"),
    cluster_only("spec.revisionHistoryLimit", "no old templates are kept").except(&["10"]),
    honoured("spec.selector", "each_fault_of_a_deployment_is_told"),
    honoured("spec.strategy", "pods_are_replaced_one_by_one_when_the_template_changes"),
    cluster_only("spec.template.metadata.name", "pods get names of their own").except(&[""]),
    cluster_only("spec.template.metadata.namespace", "pods are of the Deployment's namespace"),
    cluster_only("status", SERVER),
];

/// The fields of a Job, in the order of their bytes.
const JOB: &[Rule] = &[
    honoured("apiVersion", "a_job_runs_to_its_completions"),
    honoured("kind", "a_job_runs_to_its_completions"),
    honoured("spec.activeDeadlineSeconds", "a_job_that_takes_too_long_has_failed"),
    honoured("spec.backoffLimit", "a_job_whose_pods_fail_has_failed"),
    refused("spec.backoffLimitPerIndex", "give `backoffLimit`"),
    honoured("spec.completionMode", "completions_have_indexes"),
    honoured("spec.completions", "a_job_runs_to_its_completions"),
    refused("spec.managedBy", "there are no other controllers")
        .except(&["kubernetes.io/job-controller"]),
    refused("spec.manualSelector", OWN_SELECTOR).except(&["false"]),
    refused("spec.maxFailedIndexes", "give `backoffLimit`"),
    honoured("spec.parallelism", "as_many_pods_run_at_a_time_as_may"),
    refused("spec.podFailurePolicy", "each pod that fails counts"),
    refused("spec.podReplacementPolicy", "a pod is replaced when it has ended or is being deleted")
        .except(&["TerminatingOrFailed"]),
    refused("spec.selector", OWN_SELECTOR),
    refused("spec.successPolicy", "each completion is needed"),
    honoured("spec.suspend", "a_job_that_is_suspended_has_no_pods"),
    cluster_only("spec.template.metadata.name", "pods get names of their own").except(&[""]),
    cluster_only("spec.template.metadata.namespace", "pods are of the Job's namespace"),
    honoured("spec.ttlSecondsAfterFinished", "a_job_goes_when_its_time_is_over"),
    cluster_only("status", SERVER),
];

/// The fields of a pod, in the order of their bytes.
pub(crate) const POD: &[Rule] = &[
    honoured("apiVersion", "manifests_are_read_checked_and_written_back_unchanged"),
    honoured("kind", "manifests_are_read_checked_and_written_back_unchanged"),
    honoured("metadata.annotations", "variables_are_made_of_the_pods_own_fields"),
    cluster_only("metadata.creationTimestamp", SERVER),
    cluster_only("metadata.deletionGracePeriodSeconds", SERVER),
    cluster_only("metadata.deletionTimestamp", SERVER),
    cluster_only("metadata.finalizers", CONTROLLERS),
    refused("metadata.generateName", "names are not generated: give `name`").except(&[""]),
    cluster_only("metadata.generation", SERVER),
    honoured("metadata.labels", "variables_are_made_of_the_pods_own_fields"),
    cluster_only("metadata.managedFields", SERVER),
    honoured("metadata.name", "variables_are_made_of_the_pods_own_fields"),
    honoured("metadata.namespace", "a_name_is_taken_once_in_each_namespace"),
    cluster_only("metadata.ownerReferences", CONTROLLERS),
    cluster_only("metadata.resourceVersion", SERVER),
    cluster_only("metadata.selfLink", SERVER),
    cluster_only("metadata.uid", SERVER),
    honoured("spec.activeDeadlineSeconds", "b016_a_pod_that_is_active_for_too_long_has_failed"),
    cluster_only("spec.affinity", SCHEDULING),
    cluster_only(
        "spec.automountServiceAccountToken",
        "there are no service accounts here: no token is mounted",
    )
    .except(&["false"]),
    honoured("spec.dnsConfig", "names_are_looked_up_as_the_pod_says"),
    honoured("spec.dnsPolicy", "names_are_looked_up_as_the_pod_says"),
    honoured("spec.enableServiceLinks", "variables_are_made_of_the_pods_own_fields"),
    honoured("spec.ephemeralContainers", "b214_containers_are_added_to_a_running_pod"),
    honoured("spec.hostAliases", "a_pod_has_its_name_its_hosts_and_its_processes"),
    refused("spec.hostIPC", "the pod always has its own IPC namespace").except(&["false"]),
    honoured("spec.hostNetwork", "b156_b193_a_pod_may_have_the_machines_network"),
    refused("spec.hostPID", "the pod always has its own PID namespaces").except(&["false"]),
    honoured("spec.hostUsers", "b195_a_pod_may_have_users_of_its_own"),
    honoured("spec.hostname", "a_pod_has_its_name_its_hosts_and_its_processes"),
    honoured("spec.hostnameOverride", "b181_a_host_name_may_be_overridden"),
    honoured("spec.imagePullSecrets", "b205_a_private_image_is_pulled_with_the_secret_of_its_pod"),
    cluster_only("spec.nodeName", "there is only this machine: the pod runs here").except(&[""]),
    cluster_only("spec.nodeSelector", SCHEDULING),
    refused("spec.os.name", WINDOWS).except(&["linux"]),
    refused("spec.overhead", "it belongs to runtime classes, which are not there"),
    cluster_only("spec.preemptionPolicy", SCHEDULING),
    cluster_only("spec.priority", SCHEDULING),
    cluster_only("spec.priorityClassName", SCHEDULING).except(&[""]),
    honoured("spec.readinessGates", "b021_b228_a_pod_is_ready_when_others_have_said_so"),
    refused("spec.resourceClaims", CLAIMS),
    honoured("spec.resources", "b159_b219_the_limits_of_a_pod_bound_its_containers"),
    refused("spec.resources.claims", CLAIMS),
    honoured(
        "spec.restartPolicy",
        "b036_b042_a_failing_container_is_started_again_and_then_waited_for",
    ),
    refused("spec.runtimeClassName", "there is only one container runtime").except(&[""]),
    cluster_only("spec.schedulerName", SCHEDULING).except(&["", "default-scheduler"]),
    cluster_only("spec.schedulingGates", SCHEDULING),
    cluster_only("spec.schedulingGroup", SCHEDULING),
    refused("spec.securityContext.appArmorProfile.localhostProfile", APPARMOR),
    refused("spec.securityContext.appArmorProfile.type", APPARMOR).except(&["Unconfined"]),
    honoured("spec.securityContext.fsGroup", "b164_b169_volumes_belong_to_the_group_of_the_pod"),
    honoured(
        "spec.securityContext.fsGroupChangePolicy",
        "b164_b169_volumes_belong_to_the_group_of_the_pod",
    ),
    honoured(
        "spec.securityContext.runAsGroup",
        "b182_b187_a_process_is_who_its_security_context_says",
    ),
    honoured(
        "spec.securityContext.runAsNonRoot",
        "b182_b187_a_process_is_who_its_security_context_says",
    ),
    honoured(
        "spec.securityContext.runAsUser",
        "b182_b187_a_process_is_who_its_security_context_says",
    ),
    refused("spec.securityContext.seLinuxChangePolicy", SELINUX),
    refused("spec.securityContext.seLinuxOptions", SELINUX),
    honoured(
        "spec.securityContext.seccompProfile",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    honoured(
        "spec.securityContext.seccompProfile.localhostProfile",
        "a_profile_from_a_file_is_applied",
    ),
    honoured(
        "spec.securityContext.supplementalGroups",
        "b182_b187_a_process_is_who_its_security_context_says",
    ),
    honoured(
        "spec.securityContext.supplementalGroupsPolicy",
        "b188_strict_groups_are_those_of_the_manifest_alone",
    ),
    honoured("spec.securityContext.sysctls", "b194_kernel_parameters_are_those_of_the_pod"),
    refused("spec.securityContext.windowsOptions", WINDOWS),
    cluster_only("spec.serviceAccount", ACCOUNTS).except(&["", "default"]),
    cluster_only("spec.serviceAccountName", ACCOUNTS).except(&["", "default"]),
    honoured("spec.setHostnameAsFQDN", "pods_of_a_namespace_find_each_other_by_name"),
    honoured("spec.shareProcessNamespace", "a_pod_has_its_name_its_hosts_and_its_processes"),
    honoured("spec.subdomain", "pods_of_a_namespace_find_each_other_by_name"),
    honoured(
        "spec.terminationGracePeriodSeconds",
        "b135_a_container_that_ignores_sigterm_is_killed_after_the_grace_period",
    ),
    cluster_only("spec.tolerations", SCHEDULING),
    cluster_only("spec.topologySpreadConstraints", SCHEDULING),
    refused("spec.volumes[].awsElasticBlockStore", CLOUD),
    refused("spec.volumes[].azureDisk", CLOUD),
    refused("spec.volumes[].azureFile", CLOUD),
    refused("spec.volumes[].cephfs", MOUNT_IT),
    refused("spec.volumes[].cinder", CLOUD),
    honoured("spec.volumes[].configMap", "b167_config_maps_are_files_that_follow_them"),
    honoured("spec.volumes[].csi", "a_driver_of_the_program_makes_volumes"),
    refused("spec.volumes[].csi.fsType", "drivers make directories here").except(&[""]),
    refused("spec.volumes[].csi.nodePublishSecretRef", "drivers are not given Secrets yet"),
    honoured("spec.volumes[].downwardAPI", "b158_fields_of_the_pod_are_files"),
    honoured("spec.volumes[].emptyDir", "volumes_are_mounted_as_they_say"),
    honoured(
        "spec.volumes[].emptyDir.medium",
        "b223_an_empty_dir_of_huge_pages_has_their_size_and_its_own",
    ),
    honoured("spec.volumes[].emptyDir.sizeLimit", "b224_a_pod_that_fills_its_volume_is_evicted"),
    honoured("spec.volumes[].ephemeral", "a_claim_that_is_made_for_a_pod_goes_with_it"),
    refused("spec.volumes[].ephemeral.volumeClaimTemplate.spec.dataSource", FILLED),
    refused("spec.volumes[].ephemeral.volumeClaimTemplate.spec.dataSourceRef", FILLED),
    refused(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.resources.limits",
        "the size of a claim is not limited",
    ),
    cluster_only(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.resources.requests",
        "the size is kept and shown, and not enforced: a claim may fill the disk that it lies on",
    ),
    refused(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.selector",
        "a volume is made for each claim, and none can be chosen: use a hostPath",
    ),
    cluster_only(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.storageClassName",
        "there is one class of storage here, directories of this machine, whatever its name",
    ),
    refused(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.volumeAttributesClassName",
        "directories of this machine have no attributes",
    ),
    refused("spec.volumes[].ephemeral.volumeClaimTemplate.spec.volumeMode", NO_BLOCKS)
        .except(&["Filesystem"]),
    cluster_only(
        "spec.volumes[].ephemeral.volumeClaimTemplate.spec.volumeName",
        "a volume is made for each claim, with a name of its own",
    )
    .except(&[""]),
    refused("spec.volumes[].fc", MOUNT_IT),
    refused("spec.volumes[].flexVolume", "there are no flexVolume drivers"),
    refused("spec.volumes[].flocker", VENDOR),
    refused("spec.volumes[].gcePersistentDisk", CLOUD),
    refused(
        "spec.volumes[].gitRepo",
        "Kubernetes has removed it: clone in an init container into an emptyDir",
    ),
    refused("spec.volumes[].glusterfs", MOUNT_IT),
    honoured("spec.volumes[].hostPath", "each_kind_of_host_path_is_checked_in_the_kubelets_words"),
    honoured("spec.volumes[].image", "b175_an_image_is_a_volume"),
    refused("spec.volumes[].iscsi", MOUNT_IT),
    honoured("spec.volumes[].name", "volumes_are_mounted_as_they_say"),
    refused("spec.volumes[].nfs", MOUNT_IT),
    honoured(
        "spec.volumes[].persistentVolumeClaim",
        "what_is_in_a_claim_outlives_the_pods_that_use_it",
    ),
    refused("spec.volumes[].photonPersistentDisk", CLOUD),
    refused("spec.volumes[].portworxVolume", VENDOR),
    honoured("spec.volumes[].projected", "b170_several_sources_are_one_directory"),
    refused("spec.volumes[].projected.sources[].clusterTrustBundle", BUNDLES),
    refused("spec.volumes[].projected.sources[].podCertificate", BUNDLES),
    refused("spec.volumes[].projected.sources[].serviceAccountToken", TOKENS),
    refused("spec.volumes[].quobyte", VENDOR),
    refused("spec.volumes[].rbd", MOUNT_IT),
    refused("spec.volumes[].scaleIO", VENDOR),
    honoured("spec.volumes[].secret", "b169_b172_secrets_are_files_in_memory"),
    refused("spec.volumes[].storageos", VENDOR),
    refused("spec.volumes[].vsphereVolume", CLOUD),
    cluster_only("status", "is not read from a manifest, and ignored here"),
];

/// The fields of each container, main, init or ephemeral, in the order of their bytes.
pub(crate) const CONTAINER: &[Rule] = &[
    honoured("args", "a_program_has_its_arguments_directory_and_variables"),
    honoured("command", "a_program_has_its_arguments_directory_and_variables"),
    honoured("env", "a_program_has_its_arguments_directory_and_variables"),
    honoured("envFrom", "b154_variables_come_from_config_maps_and_secrets"),
    honoured("env[].valueFrom.configMapKeyRef", "b154_variables_come_from_config_maps_and_secrets"),
    honoured("env[].valueFrom.fieldRef", "variables_are_made_of_the_pods_own_fields"),
    honoured("env[].valueFrom.fileKeyRef", "b160_variables_come_from_files_of_volumes"),
    honoured("env[].valueFrom.resourceFieldRef", "b155_variables_are_made_of_resources"),
    honoured("env[].valueFrom.secretKeyRef", "b154_variables_come_from_config_maps_and_secrets"),
    honoured("image", "init_containers_of_other_images_come_first"),
    honoured("imagePullPolicy", "b206_an_image_that_is_absent_and_never_pulled_is_told"),
    honoured(
        "lifecycle.postStart",
        "b131_b132_a_container_whose_post_start_hook_fails_holds_up_nobody_and_is_restarted",
    ),
    refused("lifecycle.postStart.tcpSocket", TCP_HOOK),
    honoured("lifecycle.preStop", "b130_b134_the_pre_stop_hook_comes_before_the_signal"),
    refused("lifecycle.preStop.tcpSocket", TCP_HOOK),
    honoured(
        "lifecycle.stopSignal",
        "b144_a_container_is_asked_to_end_by_the_signal_of_its_manifest",
    ),
    honoured(
        "livenessProbe",
        "b104_b118_a_container_that_fails_its_liveness_probe_is_started_again",
    ),
    honoured("livenessProbe.grpc", "b107_b121_the_health_of_a_server_is_asked_for_by_grpc"),
    honoured("name", "containers_of_a_pod_share_network_names_and_ipc_and_nothing_else"),
    honoured(
        "ports[].containerPort",
        "b063_init_container_prepares_what_the_main_container_serves",
    ),
    honoured("ports[].hostIP", "a_host_port_leads_to_the_pod"),
    honoured("ports[].hostPort", "a_host_port_leads_to_the_pod"),
    honoured("ports[].name", "a_proxy_speaks_tls_for_the_application_beside_it"),
    honoured("ports[].protocol", "b208_a_web_application_serves"),
    honoured("readinessProbe", "b103_b117_a_pod_is_ready_while_its_readiness_probe_says_so"),
    honoured("readinessProbe.grpc", "b107_b121_the_health_of_a_server_is_asked_for_by_grpc"),
    refused("resizePolicy", "a running pod cannot be resized yet"),
    refused("resources.claims", CLAIMS),
    honoured("resources.limits", "a_container_is_limited_to_its_resources"),
    honoured("resources.requests", "a_container_is_limited_to_its_resources"),
    honoured("restartPolicy", "b048_b049_a_container_has_a_restart_policy_and_rules_of_its_own"),
    honoured(
        "restartPolicyRules",
        "b048_b049_a_container_has_a_restart_policy_and_rules_of_its_own",
    ),
    honoured(
        "securityContext.allowPrivilegeEscalation",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    refused("securityContext.appArmorProfile.localhostProfile", APPARMOR),
    refused("securityContext.appArmorProfile.type", APPARMOR).except(&["Unconfined"]),
    honoured(
        "securityContext.capabilities",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    honoured(
        "securityContext.privileged",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    honoured(
        "securityContext.procMount",
        "b191_proc_is_whole_in_a_pod_with_users_of_its_own_that_asks_for_it",
    ),
    honoured(
        "securityContext.readOnlyRootFilesystem",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    honoured("securityContext.runAsGroup", "b182_b187_a_process_is_who_its_security_context_says"),
    honoured("securityContext.runAsNonRoot", "a_root_that_must_not_be_is_refused"),
    honoured("securityContext.runAsUser", "b182_b187_a_process_is_who_its_security_context_says"),
    refused("securityContext.seLinuxOptions", SELINUX),
    honoured(
        "securityContext.seccompProfile",
        "b184_b185_a_process_may_do_what_its_security_context_says",
    ),
    honoured("securityContext.seccompProfile.localhostProfile", "a_profile_from_a_file_is_applied"),
    refused("securityContext.windowsOptions", WINDOWS),
    honoured(
        "startupProbe",
        "b080_b106_b111_what_follows_waits_for_the_startup_probe_of_a_sidecar",
    ),
    honoured("startupProbe.grpc", "b107_b121_the_health_of_a_server_is_asked_for_by_grpc"),
    honoured("stdin", "standard_input_stays_open"),
    honoured("stdinOnce", "b215_a_container_ends_with_its_only_input"),
    honoured("targetContainerName", "b214_containers_are_added_to_a_running_pod"),
    honoured("terminationMessagePath", "b198_b203_a_container_says_why_it_ended_in_a_file"),
    honoured(
        "terminationMessagePolicy",
        "b199_b200_a_container_that_fails_says_why_with_its_last_lines",
    ),
    honoured("tty", "b215_two_sit_at_the_terminal_of_a_container"),
    refused("volumeDevices", NO_BLOCKS),
    honoured("volumeMounts[].mountPath", "volumes_are_mounted_as_they_say"),
    honoured("volumeMounts[].mountPropagation", "b177_mounts_are_seen_as_their_propagation_says"),
    honoured("volumeMounts[].name", "volumes_are_mounted_as_they_say"),
    honoured("volumeMounts[].readOnly", "volumes_are_mounted_as_they_say"),
    honoured(
        "volumeMounts[].recursiveReadOnly",
        "b174_what_is_mounted_within_is_read_only_too_when_asked",
    ),
    honoured("volumeMounts[].subPath", "b166_b173_parts_of_volumes_are_mounted"),
    honoured("volumeMounts[].subPathExpr", "b150_b152_parts_are_named_by_variables"),
    honoured("workingDir", "a_program_has_its_arguments_directory_and_variables"),
];

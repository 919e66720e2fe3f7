//! Where in a cluster a pod is placed, and what it waits for.

use super::LabelSelector;
use crate::schema::{object, words};

object! {
    /// Where a pod had better run.
    pub struct Affinity: "v1.Affinity" {
        /// Which nodes it is drawn to.
        "nodeAffinity" node_affinity: Option<NodeAffinity>,
        /// Which pods it is drawn to.
        "podAffinity" pod_affinity: Option<PodAffinity>,
        /// Which pods it keeps away from.
        "podAntiAffinity" pod_anti_affinity: Option<PodAntiAffinity>,
    }
}

object! {
    /// Which nodes a pod is drawn to.
    pub struct NodeAffinity: "v1.NodeAffinity" {
        /// What must hold of the node when the pod is placed.
        "requiredDuringSchedulingIgnoredDuringExecution"
            required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
        /// What had better hold of the node when the pod is placed.
        "preferredDuringSchedulingIgnoredDuringExecution"
            preferred_during_scheduling_ignored_during_execution: Vec<PreferredSchedulingTerm>,
    }
}

object! {
    /// Selects nodes: any one of its terms is enough.
    pub struct NodeSelector: "v1.NodeSelector" {
        /// The terms; at least one.
        "nodeSelectorTerms" node_selector_terms: Vec<NodeSelectorTerm> => required,
    }
}

object! {
    /// Selects nodes: all of it must hold; when nothing is given it selects none.
    pub struct NodeSelectorTerm: "v1.NodeSelectorTerm" {
        /// What must hold of the node's labels.
        "matchExpressions" match_expressions: Vec<NodeSelectorRequirement>,
        /// What must hold of the node's fields.
        "matchFields" match_fields: Vec<NodeSelectorRequirement>,
    }
}

object! {
    /// Something that must hold of one label or field of a node.
    pub struct NodeSelectorRequirement: "v1.NodeSelectorRequirement" {
        /// The label's key or the field's path.
        "key" key: String => required,
        /// How it and the values are related.
        "operator" operator: NodeSelectorOperator => required,
        /// The values: at least one with `In` and `NotIn`, one with `Gt` and `Lt`, none with the others.
        "values" values: Vec<String>,
    }
}

words! {
    /// How a node's label and the values are related.
    pub enum NodeSelectorOperator (Invalid) {
        /// It is one of these.
        #[default]
        In = "In",
        /// It is none of these, or not there.
        NotIn = "NotIn",
        /// It is there.
        Exists = "Exists",
        /// It is not there.
        DoesNotExist = "DoesNotExist",
        /// It is a number greater than this one.
        Gt = "Gt",
        /// It is a number less than this one.
        Lt = "Lt",
    }
}

object! {
    /// What had better hold of a node, and how much it counts.
    pub struct PreferredSchedulingTerm: "v1.PreferredSchedulingTerm" {
        /// How much it counts, 1 to 100.
        "weight" weight: i32 => required,
        /// What had better hold.
        "preference" preference: NodeSelectorTerm => required,
    }
}

object! {
    /// Which pods a pod is drawn to.
    pub struct PodAffinity: "v1.PodAffinity" {
        /// The pods it must be placed with.
        "requiredDuringSchedulingIgnoredDuringExecution"
            required_during_scheduling_ignored_during_execution: Vec<PodAffinityTerm>,
        /// The pods it had better be placed with.
        "preferredDuringSchedulingIgnoredDuringExecution"
            preferred_during_scheduling_ignored_during_execution: Vec<WeightedPodAffinityTerm>,
    }
}

object! {
    /// Which pods a pod keeps away from.
    pub struct PodAntiAffinity: "v1.PodAntiAffinity" {
        /// The pods it must not be placed with.
        "requiredDuringSchedulingIgnoredDuringExecution"
            required_during_scheduling_ignored_during_execution: Vec<PodAffinityTerm>,
        /// The pods it had better not be placed with.
        "preferredDuringSchedulingIgnoredDuringExecution"
            preferred_during_scheduling_ignored_during_execution: Vec<WeightedPodAffinityTerm>,
    }
}

object! {
    /// Some pods, and what counts as being with them.
    pub struct PodAffinityTerm: "v1.PodAffinityTerm" {
        /// The pods, by their labels.
        "labelSelector" label_selector: Option<LabelSelector>,
        /// The namespaces of the pods, by name; the pod's own when no namespace is said at all.
        "namespaces" namespaces: Vec<String>,
        /// The node label whose equal value means: with them.
        "topologyKey" topology_key: String => required,
        /// The namespaces of the pods, by their labels.
        "namespaceSelector" namespace_selector: Option<LabelSelector>,
        /// Labels of the pod whose values the other pods must have too.
        "matchLabelKeys" match_label_keys: Vec<String>,
        /// Labels of the pod whose values the other pods must not have.
        "mismatchLabelKeys" mismatch_label_keys: Vec<String>,
    }
}

object! {
    /// Some pods, and how much being with them counts.
    pub struct WeightedPodAffinityTerm: "v1.WeightedPodAffinityTerm" {
        /// How much it counts, 1 to 100.
        "weight" weight: i32 => required,
        /// The pods.
        "podAffinityTerm" pod_affinity_term: PodAffinityTerm => required,
    }
}

object! {
    /// A taint of nodes that a pod can live with.
    pub struct Toleration: "v1.Toleration" {
        /// The taint's key; every taint when absent, with the operator `Exists`.
        "key" key: Option<String>,
        /// How key and value are related. `Equal` when not given.
        "operator" operator: Option<TolerationOperator>,
        /// The taint's value, with `Equal`.
        "value" value: Option<String>,
        /// The taint's effect; each when absent.
        "effect" effect: Option<TaintEffect>,
        /// Seconds that a pod stays with a taint of the effect `NoExecute`; for ever when absent.
        "tolerationSeconds" toleration_seconds: Option<i64>,
    }
}

words! {
    /// How the key and value of a taint are related.
    pub enum TolerationOperator {
        /// The taint has this value.
        #[default]
        Equal = "Equal",
        /// There is such a taint, whatever its value.
        Exists = "Exists",
        /// The taint's value is a number less than this one.
        Lt = "Lt",
        /// The taint's value is a number greater than this one.
        Gt = "Gt",
    }
}

words! {
    /// What a taint does to a pod that cannot live with it.
    pub enum TaintEffect {
        /// It is not placed on the node.
        #[default]
        NoSchedule = "NoSchedule",
        /// It is placed there only if need be.
        PreferNoSchedule = "PreferNoSchedule",
        /// It is not placed there, and driven out if it is there.
        NoExecute = "NoExecute",
    }
}

object! {
    /// How pods are spread over parts of a cluster.
    pub struct TopologySpreadConstraint: "v1.TopologySpreadConstraint" {
        /// How many more pods one part may have than another; at least 1.
        "maxSkew" max_skew: i32 => required,
        /// The node label whose values are the parts.
        "topologyKey" topology_key: String => required,
        /// What happens to a pod that does not fit.
        "whenUnsatisfiable" when_unsatisfiable: UnsatisfiableConstraintAction => required,
        /// The pods that are counted.
        "labelSelector" label_selector: Option<LabelSelector>,
        /// How many parts there must be for the pods to be spread over fewer nodes than that.
        "minDomains" min_domains: Option<i32>,
        /// Whether nodes that the pod is not drawn to count. `Honor` when not given.
        "nodeAffinityPolicy" node_affinity_policy: Option<NodeInclusionPolicy>,
        /// Whether nodes whose taints it cannot live with count. `Ignore` when not given.
        "nodeTaintsPolicy" node_taints_policy: Option<NodeInclusionPolicy>,
        /// Labels of the pod whose values the counted pods must have too.
        "matchLabelKeys" match_label_keys: Vec<String>,
    }
}

words! {
    /// What happens to a pod that cannot be spread as wanted.
    pub enum UnsatisfiableConstraintAction {
        /// It waits.
        #[default]
        DoNotSchedule = "DoNotSchedule",
        /// It is placed where the fault is least.
        ScheduleAnyway = "ScheduleAnyway",
    }
}

words! {
    /// Whether something about nodes is looked at when pods are spread.
    pub enum NodeInclusionPolicy {
        /// It is: nodes it rules out do not count.
        #[default]
        Honor = "Honor",
        /// It is not.
        Ignore = "Ignore",
    }
}

words! {
    /// Whether a pod may push less important ones from a node.
    pub enum PreemptionPolicy {
        /// It may.
        #[default]
        PreemptLowerPriority = "PreemptLowerPriority",
        /// It may not.
        Never = "Never",
    }
}

object! {
    /// Something that must be taken away before a pod is placed on a node.
    pub struct PodSchedulingGate: "v1.PodSchedulingGate" {
        /// Its name.
        "name" name: String => required,
    }
}

object! {
    /// The group of pods that a pod is placed together with.
    pub struct PodSchedulingGroup: "v1.PodSchedulingGroup" {
        /// The name of the PodGroup.
        "podGroupName" pod_group_name: Option<String>,
    }
}

object! {
    /// A condition of another's that must hold before a pod is ready.
    pub struct PodReadinessGate: "v1.PodReadinessGate" {
        /// The type of the condition in the pod's status.
        "conditionType" condition_type: String => required,
    }
}

object! {
    /// A claim for devices. Exactly one of the two sources is set.
    pub struct PodResourceClaim: "v1.PodResourceClaim" {
        /// The name that containers use for it: a DNS label.
        "name" name: String => required,
        /// The ResourceClaim that is used.
        "resourceClaimName" resource_claim_name: Option<String>,
        /// The template that a ResourceClaim of the pod's own is made from.
        "resourceClaimTemplateName" resource_claim_template_name: Option<String>,
    }
}

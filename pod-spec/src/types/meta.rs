//! What every object of the API carries, and how objects name one another.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::Time;
use crate::schema::{object, words};

object! {
    /// Name, labels and the like.
    pub struct ObjectMeta: "ObjectMeta" {
        /// The name: a DNS subdomain, unlike that of any other object of its kind in the namespace.
        "name" name: String,
        /// What a name is made from when none is given: the server adds letters to it.
        "generateName" generate_name: Option<String>,
        /// The namespace: a DNS label. `default` when none is given.
        "namespace" namespace: Option<String>,
        /// Names to select by.
        "labels" labels: BTreeMap<String, String>,
        /// Anything else that is to be known about the object.
        "annotations" annotations: BTreeMap<String, String>,
        /// The object's own id, given when it is taken on.
        "uid" uid: Option<String>,
        /// When the object was taken on.
        "creationTimestamp" creation_timestamp: Option<Time>,
        /// Counts the changes of what is wanted. Set by the server.
        "generation" generation: Option<i64>,
        /// Stands for one version of the object. Set by the server.
        "resourceVersion" resource_version: Option<String>,
        /// Once the path of the object in the API; no longer set.
        "selfLink" self_link: Option<String> => deprecated,
        /// When the object is to be gone. Set by the server when its deletion has been asked for.
        "deletionTimestamp" deletion_timestamp: Option<Time>,
        /// Seconds that the object has for its end once its deletion has been asked for. Set by the server.
        "deletionGracePeriodSeconds" deletion_grace_period_seconds: Option<i64>,
        /// The objects that this one goes with: when all of them are gone, it is removed.
        "ownerReferences" owner_references: Vec<OwnerReference>,
        /// Who must let go of the object before it is removed.
        "finalizers" finalizers: Vec<String>,
        /// Who set which field. Set by the server.
        "managedFields" managed_fields: Vec<ManagedFieldsEntry>,
    }
}

object! {
    /// An object that another one goes with.
    pub struct OwnerReference: "OwnerReference" {
        /// The API version of the owner.
        "apiVersion" api_version: String => required,
        /// What the owner is.
        "kind" kind: String => required,
        /// The name of the owner.
        "name" name: String => required,
        /// The id of the owner.
        "uid" uid: String => required,
        /// Whether the owner directs this object.
        "controller" controller: Option<bool>,
        /// Whether the owner stays until this object is gone.
        "blockOwnerDeletion" block_owner_deletion: Option<bool>,
    }
}

object! {
    /// The fields that one program has set.
    pub struct ManagedFieldsEntry: "ManagedFieldsEntry" {
        /// The program.
        "manager" manager: Option<String>,
        /// How it set them: `Apply` or `Update`.
        "operation" operation: Option<String>,
        /// The version of the API that the fields are written in.
        "apiVersion" api_version: Option<String>,
        /// When it last did.
        "time" time: Option<Time>,
        /// The form of `fieldsV1`.
        "fieldsType" fields_type: Option<String>,
        /// The fields, as a tree.
        "fieldsV1" fields_v1: Option<Json>,
        /// The part of the object that was set, when not the whole.
        "subresource" subresource: Option<String>,
    }
}

object! {
    /// Selects objects by their labels. Everything that is given must hold; nothing given selects all.
    pub struct LabelSelector: "LabelSelector" {
        /// Labels that must be there with these values.
        "matchLabels" match_labels: BTreeMap<String, String>,
        /// What must hold besides.
        "matchExpressions" match_expressions: Vec<LabelSelectorRequirement>,
    }
}

object! {
    /// Something that must hold of one label.
    pub struct LabelSelectorRequirement: "LabelSelectorRequirement" {
        /// The label's key.
        "key" key: String => required,
        /// How key and values are related.
        "operator" operator: LabelSelectorOperator => required,
        /// The values: at least one with `In` and `NotIn`, none with the others.
        "values" values: Vec<String>,
    }
}

words! {
    /// How a label's key and values are related.
    pub enum LabelSelectorOperator (Invalid) {
        /// The value is one of these.
        #[default]
        In = "In",
        /// The value is none of these, or there is no such label.
        NotIn = "NotIn",
        /// There is such a label.
        Exists = "Exists",
        /// There is no such label.
        DoesNotExist = "DoesNotExist",
    }
}

object! {
    /// An object of a known kind in the same namespace.
    pub struct LocalObjectReference: "v1.LocalObjectReference" {
        /// Its name.
        "name" name: String,
    }
}

object! {
    /// An object of any kind in the same namespace.
    pub struct TypedLocalObjectReference: "v1.TypedLocalObjectReference" {
        /// The API group of its kind; the core group when absent.
        "apiGroup" api_group: Option<String>,
        /// Its kind.
        "kind" kind: String => required,
        /// Its name.
        "name" name: String => required,
    }
}

object! {
    /// An object of any kind.
    pub struct TypedObjectReference: "v1.TypedObjectReference" {
        /// The API group of its kind; the core group when absent.
        "apiGroup" api_group: Option<String>,
        /// Its kind.
        "kind" kind: String => required,
        /// Its name.
        "name" name: String => required,
        /// Its namespace; the same when absent.
        "namespace" namespace: Option<String>,
    }
}

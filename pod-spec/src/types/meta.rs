//! What every object of the API carries.

use std::collections::BTreeMap;

use crate::Time;
use crate::decode::AnyMap;
use crate::schema::object;

object! {
    /// Name, labels and the like (`metav1.ObjectMeta`).
    pub struct ObjectMeta {
        /// The name: a DNS subdomain.
        "name" name: String => required,
        /// The namespace: a DNS label. Validation fills in `default`.
        "namespace" namespace: Option<String>,
        /// Names to select by.
        "labels" labels: BTreeMap<String, String>,
        /// Anything else that is to be known about the object.
        "annotations" annotations: BTreeMap<String, String>,
        /// The pod's own id, given when it is taken on.
        "uid" uid: Option<String>,
        /// When the pod was taken on.
        "creationTimestamp" creation_timestamp: Option<Time>,
    }
    others {
        "generateName": String => refused("names are not generated: give `name`", except ""),
        "resourceVersion": String => cluster_only("is set by an API server, and ignored here"),
        "generation": i64 => cluster_only("is set by an API server, and ignored here"),
        "selfLink": String => cluster_only("is set by an API server, and ignored here"),
        "deletionTimestamp": Time => cluster_only("is set by an API server, and ignored here"),
        "deletionGracePeriodSeconds": i64 => cluster_only("is set by an API server, and ignored here"),
        "managedFields": Vec<AnyMap> => cluster_only("is set by an API server, and ignored here"),
        "ownerReferences": Vec<AnyMap> => cluster_only("needs the garbage collector of a cluster, and is ignored here"),
        "finalizers": Vec<String> => cluster_only("needs the controllers of a cluster, and is ignored here"),
    }
}

impl ObjectMeta {
    /// The fields that an API server sets and validation therefore drops.
    pub(crate) const SERVER_SET: [&str; 9] = [
        "resourceVersion",
        "generation",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "ownerReferences",
        "finalizers",
        "generateName",
    ];
}

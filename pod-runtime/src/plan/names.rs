//! What a pod is called, by itself and by others.

use std::fs;

use super::PodPlan;
use crate::network::CLUSTER_DOMAIN;

/// Longest host name of a container, in bytes, as Kubernetes cuts the name of a pod.
const MAX_LABEL: usize = 63;

impl PodPlan {
    /// The host name that its containers see: that of the machine when they have its network.
    pub fn hostname(&self) -> String {
        if self.uses_host_network() {
            return self.machine.node.clone();
        }
        let fqdn = self.spec().set_hostname_as_fqdn == Some(true);
        match self.domain().filter(|_| fqdn) {
            Some(domain) => format!("{}.{domain}", self.short_hostname()),
            None => self.short_hostname(),
        }
    }

    /// The first part of its name: as said, else the pod's name; 63 bytes at most, ending in a letter or digit.
    pub fn short_hostname(&self) -> String {
        let spec = self.spec();
        let said = spec.hostname_override.as_deref().or(spec.hostname.as_deref());
        let name = said.filter(|h| !h.is_empty()).unwrap_or(self.pod.name());
        if spec.hostname_override.is_some() {
            return name.to_owned();
        }
        let cut: String = name.chars().take(MAX_LABEL).collect();
        cut.trim_end_matches(['-', '.']).to_owned()
    }

    /// What follows the host name in its whole name, when it has a subdomain.
    pub fn domain(&self) -> Option<String> {
        let spec = self.spec();
        let subdomain = spec.subdomain.as_deref().filter(|s| !s.is_empty())?;
        let whole = spec.hostname_override.is_none();
        whole.then(|| format!("{subdomain}.{}.svc.{CLUSTER_DOMAIN}", self.pod.namespace()))
    }

    /// What stands in `/etc/hosts` before the pod's own addresses, and after them.
    pub fn hosts(&self) -> (String, String) {
        let head = if self.uses_host_network() {
            let host = fs::read_to_string("/etc/hosts").unwrap_or_default();
            format!("# Kubernetes-managed hosts file (host network).\n{host}")
        } else {
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
                .to_owned()
        };
        let mut tail = String::new();
        if !self.spec().host_aliases.is_empty() {
            tail.push_str("\n# Entries added by HostAliases.\n");
            for alias in &self.spec().host_aliases {
                tail.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
            }
        }
        (head, tail)
    }
}

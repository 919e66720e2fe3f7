//! What ADD gives back.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::version::Version;
use super::{INTERFACE, PluginFault};

/// The result of ADD in any of the understood versions, whose differences lie in what is not read here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AddResult {
    /// As the plugin wrote it, for the plugins that are told of it.
    written: Map<String, Value>,
    /// The path of the namespace that the plugins were given.
    netns: String,
    pub addresses: Vec<IpAddr>,
    pub nameservers: Vec<IpAddr>,
    pub searches: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Contents {
    interfaces: Vec<Interface>,
    ips: Vec<Address>,
    dns: Dns,
}

#[derive(Deserialize)]
struct Interface {
    name: String,
    #[serde(default)]
    sandbox: String,
}

#[derive(Deserialize)]
struct Address {
    address: IpNet,
    interface: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Dns {
    nameservers: Vec<String>,
    domain: String,
    search: Vec<String>,
}

impl AddResult {
    /// Reads what a plugin wrote that was told `version` and the namespace's path `netns`.
    pub fn parse(text: &[u8], version: Version, netns: &str) -> Result<Self, PluginFault> {
        let mut written: Map<String, Value> =
            serde_json::from_slice(text).map_err(PluginFault::Result)?;
        let contents: Contents = serde_json::from_slice(text).map_err(PluginFault::Result)?;
        written.entry("cniVersion").or_insert_with(|| version.as_str().into());
        Ok(Self {
            written,
            netns: netns.to_owned(),
            addresses: addresses(&contents)?,
            nameservers: contents.dns.nameservers.iter().filter_map(|n| n.parse().ok()).collect(),
            searches: searches(contents.dns),
        })
    }

    /// As `prevResult` for plugins that are given the namespace by another path: they compare the two.
    pub fn at(&self, netns: &str) -> Value {
        let mut result = self.written.clone();
        let interfaces = result.get_mut("interfaces").and_then(Value::as_array_mut);
        for interface in interfaces.into_iter().flatten() {
            if let Some(sandbox) = interface.get_mut("sandbox")
                && *sandbox == self.netns
            {
                *sandbox = netns.into();
            }
        }
        Value::Object(result)
    }
}

/// The addresses inside the namespace, those of the pod's own interface first.
fn addresses(contents: &Contents) -> Result<Vec<IpAddr>, PluginFault> {
    let interfaces = &contents.interfaces;
    let mut own = Vec::new();
    let mut others = Vec::new();
    for Address { address, interface } in &contents.ips {
        match interface {
            None => own.push(address.addr()),
            Some(index) => match interfaces.get(*index) {
                None => {
                    let interfaces = interfaces.len();
                    return Err(PluginFault::Interface { index: *index, interfaces });
                }
                Some(interface) if interface.sandbox.is_empty() => {}
                Some(interface) if interface.name == INTERFACE => own.push(address.addr()),
                Some(_) => others.push(address.addr()),
            },
        }
    }
    own.append(&mut others);
    Ok(own)
}

fn searches(dns: Dns) -> Vec<String> {
    if dns.search.is_empty() && !dns.domain.is_empty() { vec![dns.domain] } else { dns.search }
}

//! Which network a new pod gets.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pod_runtime::{Bridge, Cni, IpNet, Network};

use crate::error::CliError;

/// Which network a new pod gets.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// What the pod is connected to [default: `cni` when the machine has a configuration for it, else `bridge`]
    #[arg(long, env = "POD_NETWORK", value_name = "KIND")]
    pub network: Option<NetworkKind>,
    /// Ranges of the bridge's addresses, one for each family [default: one that nothing else uses]
    #[arg(long, env = "POD_CIDR", value_name = "CIDR", value_delimiter = ',')]
    pub pod_cidr: Vec<IpNet>,
    /// Where CNI configurations lie [default: /etc/cni/net.d]
    #[arg(long, env = "POD_CNI_CONF_DIR", value_name = "DIR", conflicts_with = "pod_cidr")]
    pub cni_conf_dir: Option<PathBuf>,
    /// Where CNI plugins lie [default: /opt/cni/bin, /usr/lib/cni, /usr/libexec/cni]
    #[arg(long, env = "POD_CNI_BIN_DIR", value_name = "DIR", value_delimiter = ':')]
    pub cni_bin_dir: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NetworkKind {
    /// A bridge of this machine's own, with an address for each pod
    Bridge,
    /// What the plugins of a CNI configuration make
    Cni,
    /// Localhost only
    Loopback,
}

impl NetworkArgs {
    /// The network, when the command line says anything about it.
    pub fn choice(&self) -> Result<Option<Network>, CliError> {
        let kind = match self.network {
            Some(kind) => kind,
            None if self.cni_conf_dir.is_some() => NetworkKind::Cni,
            None if !self.pod_cidr.is_empty() => NetworkKind::Bridge,
            None => return Ok(None),
        };
        Ok(Some(match kind {
            NetworkKind::Bridge => Network::Bridge(self.bridge()?),
            NetworkKind::Cni => Network::Cni(self.cni()),
            NetworkKind::Loopback => Network::Loopback,
        }))
    }

    fn bridge(&self) -> Result<Bridge, CliError> {
        let mut bridge = Bridge::default();
        for range in &self.pod_cidr {
            let before = match range {
                IpNet::V4(range) => bridge.ipv4.replace(*range).map(IpNet::V4),
                IpNet::V6(range) => bridge.ipv6.replace(*range).map(IpNet::V6),
            };
            if let Some(before) = before {
                let message = format!(
                    "--pod-cidr: {before} and {range} are of the same family: give one of each"
                );
                return Err(CliError::Usage(message));
            }
        }
        Ok(bridge)
    }

    fn cni(&self) -> Cni {
        let mut cni = Cni::system();
        if let Some(dir) = &self.cni_conf_dir {
            cni.conf_dir.clone_from(dir);
        }
        if !self.cni_bin_dir.is_empty() {
            cni.bin_dirs.clone_from(&self.cni_bin_dir);
        }
        cni
    }
}

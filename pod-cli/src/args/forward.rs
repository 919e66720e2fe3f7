//! Ports that lead to a pod.

use clap::Args;

#[derive(Debug, Args)]
pub struct PortForward {
    /// The pod
    pub pod: String,
    /// Ports: of both sides alike, one for each, or any one of this machine with `:REMOTE`
    #[arg(required = true, value_name = "[LOCAL:]REMOTE", value_parser = ForwardedPort::parse)]
    pub ports: Vec<ForwardedPort>,
    /// Addresses of this machine to listen at
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', default_value = "localhost")]
    pub address: Vec<String>,
}

/// A port of this machine and the pod's that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedPort {
    /// 0 is any that is free; without one it is the same as the pod's.
    pub local: Option<u16>,
    /// A number, or the name of a port in the manifest.
    pub remote: String,
}

impl ForwardedPort {
    fn parse(text: &str) -> Result<Self, String> {
        let (local, remote) = match text.split_once(':') {
            None => (None, text),
            Some(("", remote)) => (Some(0), remote),
            Some((local, remote)) => {
                let number =
                    local.parse().map_err(|_| format!("`{local}` is no port: 0 to 65535"))?;
                (Some(number), remote)
            }
        };
        let wrong = || format!("`{remote}` is no port of a pod: 1 to 65535, or its name");
        let named = remote.bytes().any(|b| b.is_ascii_alphabetic())
            && remote.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !named && !remote.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(wrong());
        }
        Ok(Self { local, remote: remote.to_owned() })
    }
}

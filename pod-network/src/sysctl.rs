//! The kernel's settings of networking, of the calling thread's namespace
//! (Documentation/networking/ip-sysctl.rst of the kernel).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::NetworkError;

const ROOT: &str = "/proc/sys/net";

/// Whether the kernel has IPv6, and links that are made from now on get it.
pub(crate) fn has_ipv6() -> bool {
    ["all", "default"].iter().all(|links| {
        fs::read_to_string(format!("{ROOT}/ipv6/conf/{links}/disable_ipv6"))
            .is_ok_and(|value| value.trim() == "0")
    })
}

/// Lets the host pass on what pods send and are sent. `true` when it did not before.
pub(crate) fn forward(bridge: &str, ipv6: bool) -> Result<bool, NetworkError> {
    let mut changed = set(Path::new("ipv4/ip_forward"), "1")?;
    // Ports of 127.0.0.1 lead to pods, whose answers then come in by the bridge for an address of loopback's.
    changed |= set(&link("ipv4", bridge, "route_localnet"), "1")?;
    changed |= hear_no_routers(bridge)?;
    if ipv6 {
        changed |= forward_ipv6(bridge)?;
    }
    Ok(changed)
}

/// Keeps pods from telling the host, or each other, by a link of theirs where its default route of IPv6 is. `true` when
/// they could before.
pub(crate) fn hear_no_routers(name: &str) -> Result<bool, NetworkError> {
    let accept = link("ipv6", name, "accept_ra");
    match Path::new(ROOT).join(&accept).exists() {
        true => set(&accept, "0"),
        // Without IPv6.
        false => Ok(false),
    }
}

/// A host that forwards IPv6 forgets what routers have advertised, and hears them no more, on all links where
/// `accept_ra` is 1. With 2 it goes on.
fn forward_ipv6(bridge: &str) -> Result<bool, NetworkError> {
    let forwarding = Path::new("ipv6/conf/all/forwarding");
    if get(forwarding)? == "1" {
        return Ok(false);
    }
    let all = Path::new(ROOT).join("ipv6/conf");
    let links =
        fs::read_dir(&all).map_err(NetworkError::step(format!("list {}", all.display())))?;
    for name in links.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let accept = link("ipv6", &name, "accept_ra");
        let of_a_link = name != bridge && name != "all" && name != "default";
        // One that has gone meanwhile is not to be kept.
        if of_a_link && get(&accept).is_ok_and(|value| value == "1") {
            set(&accept, "2")?;
        }
    }
    set(forwarding, "1")
}

fn link(family: &str, name: &str, setting: &str) -> PathBuf {
    Path::new(family).join("conf").join(name).join(setting)
}

/// Writes a value that is not there already. `true` when it was not.
fn set(setting: &Path, value: &str) -> Result<bool, NetworkError> {
    if get(setting)? == value {
        return Ok(false);
    }
    let path = Path::new(ROOT).join(setting);
    fs::write(&path, value).map_err(failed("write", &path))?;
    Ok(true)
}

fn get(setting: &Path) -> Result<String, NetworkError> {
    let path = Path::new(ROOT).join(setting);
    let value = fs::read_to_string(&path).map_err(failed("read", &path))?;
    Ok(value.trim().to_owned())
}

fn failed(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> NetworkError {
    NetworkError::step(format!("{verb} {}", path.display()))
}

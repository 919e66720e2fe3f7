//! One pod's attachment.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::process::{holder, is_at, kill};
use super::uplink::Families;
use super::{PastaError, port};
use crate::execution::{self, Ended};
use crate::{Attachment, ExecutionError, NetworkError, Pasta, Protocol, sys};

/// How long the program may take until it goes on in the background.
const START_LIMIT: Duration = Duration::from_secs(20);

// The pod has addresses of its own, so that those of the host lead to the host. They may be in use elsewhere: to all
// other addresses of their range the program carries connections, too.
const IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
const IPV4_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const IPV4_RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x706f, 0x64, 0, 0, 0, 0, 0x100);
const IPV6_GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x706f, 0x64, 0, 0, 0, 0, 2);
const IPV6_RESOLVER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x706f, 0x64, 0, 0, 0, 0, 3);

impl Pasta {
    /// The program in the directories of `PATH`, if it is installed.
    pub fn find() -> Option<Self> {
        let dirs: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
        execution::find(&dirs, "pasta").map(|program| Self { program })
    }
}

/// A pod's attachment: how to find its process, and what the pod has been given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastaAttachment {
    program: PathBuf,
    /// Named in the command line of the process, which is known by it.
    pid_file: PathBuf,
    addresses: Vec<IpAddr>,
    nameservers: Vec<IpAddr>,
}

impl PastaAttachment {
    /// The pod's addresses, which every pod has; empty until it is attached.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Addresses at which the host's resolvers answer.
    pub fn nameservers(&self) -> &[IpAddr] {
        &self.nameservers
    }
}

/// What is to be recorded before [`attach`]: with it [`delete`] undoes even one that was cut short.
pub(crate) fn prepare(pasta: &Pasta, dir: &Path, pod: &Attachment) -> PastaAttachment {
    PastaAttachment {
        program: pasta.program.clone(),
        pid_file: dir.join(format!("{}.pasta", pod.id)),
        addresses: Vec::new(),
        nameservers: Vec::new(),
    }
}

/// The user namespace that `netns` belongs to, unless it is that of this process.
pub(crate) fn owner(netns: BorrowedFd<'_>) -> Result<Option<OwnedFd>, NetworkError> {
    const ACTION: &str = "find whose the network namespace is";
    let owner = sys::owner_of_namespace(netns).map_err(NetworkError::step(ACTION))?;
    let own = is_at(owner.as_fd(), Path::new("/proc/self/ns/user"));
    let own = own.map_err(NetworkError::step(ACTION))?;
    Ok((!own).then_some(owner))
}

/// Starts a process that connects `netns`, which belongs to `userns`, to the host. It keeps its file in `dir`.
///
/// Afterwards the namespace has loopback and an interface `eth0` with addresses and routes. On failure nothing runs.
pub(crate) fn attach(
    pasta: &Pasta,
    dir: &Path,
    pod: &Attachment,
    netns: BorrowedFd<'_>,
    userns: Option<BorrowedFd<'_>>,
) -> Result<PastaAttachment, NetworkError> {
    let mut record = prepare(pasta, dir, pod);
    let families = Families::with_uplink();
    if !families.ipv4 && !families.ipv6 {
        return Err(PastaError::NoUplink.into());
    }
    port::check_free(&pod.ports)?;
    let mut command = Command::new(&pasta.program);
    command.args(namespaces(netns, userns)?).arg("--pid").arg(&record.pid_file);
    command.args(arguments(families, pod));
    if let Err(error) = start(command, &pasta.program, pod) {
        // What has not even started leaves nothing; that it cannot be ended is told by a later try.
        let _ = delete(&record);
        return Err(error.into());
    }
    record.addresses = given(families, IPV4, IPV6);
    let resolvers = Families::with_resolver();
    let answered =
        Families { ipv4: families.ipv4 && resolvers.ipv4, ipv6: families.ipv6 && resolvers.ipv6 };
    record.nameservers = given(answered, IPV4_RESOLVER, IPV6_RESOLVER);
    Ok(record)
}

/// Ends the process and removes its file. It can be done again, and after an attaching that was cut short.
pub(crate) fn delete(record: &PastaAttachment) -> Result<(), NetworkError> {
    let program = record.program.as_os_str().as_bytes();
    let mark = [b"--pid", record.pid_file.as_os_str().as_bytes()];
    kill(|arguments| {
        arguments.first() == Some(&program) && arguments.windows(2).any(|pair| pair == mark)
    })
    .map_err(PastaError::End)?;
    match fs::remove_file(&record.pid_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PastaError::End(error).into()),
        _ => Ok(()),
    }
}

fn given(families: Families, ipv4: Ipv4Addr, ipv6: Ipv6Addr) -> Vec<IpAddr> {
    let ipv4 = families.ipv4.then_some(ipv4.into());
    ipv4.into_iter().chain(families.ipv6.then_some(ipv6.into())).collect()
}

/// The options for the namespaces. The program watches the path of `--netns`, so it must last as long as the pod.
///
/// Paths through a process inside are also such that the program can open when this one has more capabilities.
fn namespaces(
    netns: BorrowedFd<'_>,
    userns: Option<BorrowedFd<'_>>,
) -> Result<Vec<OsString>, PastaError> {
    let unreadable = |error| PastaError::Execution(ExecutionError::Start(error));
    let holder = holder(netns).map_err(unreadable)?;
    let held = |fd: BorrowedFd<'_>| format!("/proc/{}/fd/{}", process::id(), fd.as_raw_fd());
    let mut options: Vec<OsString> = Vec::new();
    if let Some(userns) = userns {
        let path = holder.as_ref().map(|namespaces| namespaces.join("user"));
        let path = path.filter(|path| is_at(userns, path).unwrap_or(false));
        let path = path.map_or_else(|| held(userns).into(), PathBuf::into_os_string);
        options.extend(["--userns".into(), path]);
    }
    match holder {
        Some(namespaces) => options.extend(["--netns".into(), namespaces.join("net").into()]),
        None => options.extend(["--no-netns-quit".into(), "--netns".into(), held(netns).into()]),
    }
    if geteuid().is_root() {
        // As `nobody`, which it would choose, it could not enter the namespaces.
        options.extend(["--runas".into(), "0".into()]);
    }
    Ok(options)
}

/// Everything that the pod is given is named, so that the program's own choice, a copy of the host, does not apply.
fn arguments(families: Families, pod: &Attachment) -> Vec<String> {
    // Towards the host nothing is forwarded, and no address of the pod leads to the host's loopback.
    let fixed = "--quiet --config-net --ns-ifname eth0 --tcp-ns none --udp-ns none --no-map-gw";
    let mut arguments: Vec<_> = fixed.split(' ').map(str::to_owned).collect();
    let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
    if families.ipv4 {
        add("--address", IPV4.to_string());
        add("--netmask", "24".to_owned());
        add("--gateway", IPV4_GATEWAY.to_string());
        add("--dns-forward", IPV4_RESOLVER.to_string());
    }
    if families.ipv6 {
        add("--address", IPV6.to_string());
        add("--gateway", IPV6_GATEWAY.to_string());
        add("--dns-forward", IPV6_RESOLVER.to_string());
    }
    for specification in port::specifications(&pod.ports, Protocol::Tcp) {
        add("--tcp-ports", specification);
    }
    for specification in port::specifications(&pod.ports, Protocol::Udp) {
        add("--udp-ports", specification);
    }
    match families {
        Families { ipv4: true, ipv6: false } => arguments.push("--ipv4-only".to_owned()),
        Families { ipv4: false, ipv6: true } => arguments.push("--ipv6-only".to_owned()),
        _ => {}
    }
    arguments
}

/// Comes back when the process is ready and in the background.
fn start(command: Command, program: &Path, pod: &Attachment) -> Result<(), PastaError> {
    let Ended { outcome, stderr, .. } = execution::run(command, &[], START_LIMIT);
    match outcome {
        Ok(status) if status.success() => Ok(()),
        // A port that was taken only now is a better reason than what the program says of it.
        Ok(_) => {
            port::check_free(&pod.ports).and(Err(PastaError::Failed { stderr: reason(&stderr) }))
        }
        Err(ExecutionError::Start(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(PastaError::Missing { program: program.to_owned() })
        }
        Err(error) => Err(PastaError::Execution(error)),
    }
}

/// The beginning of what it wrote, without complaints that there is no system logger.
fn reason(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| !line.ends_with(" to syslog"));
    lines.take(3).collect::<Vec<_>>().join("; ")
}

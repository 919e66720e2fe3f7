//! How a keeper comes to be, from its first instruction to its first request.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::chdir;

use super::clients::Clients;
use super::companion::{Companion, Role};
use super::pause::{Nascent, Pause};
use super::serve::{Held, Keeper};
use super::tether::Tether;
use super::trace;
use crate::cgroup::Hierarchy;
use crate::config::{SandboxConfig, Tmpfs};
use crate::dirs::SandboxDir;
use crate::error::{CgroupError, chain};
use crate::lock::Lock;
use crate::protocol::receive_word;
use crate::seccomp::Filters;
use crate::sys::{self, Fork};

/// The name under which the sandbox's own cgroup holds the pause process.
const PAUSE_CGROUP: &str = "pause";

/// What a keeper says to whoever made it, once, when the sandbox stands.
pub(crate) const READY: &str = "ready";

#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("cannot {action}")]
    Io { action: String, source: io::Error },
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error("config.json cannot be understood")]
    Config(#[from] serde_json::Error),
}

fn doing<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> SetupError {
    let action = action.into();
    move |source| SetupError::Io { action, source: source.into() }
}

/// The role's whole life. Its standard input is a socket, on which it hears that its configuration is there, or that nobody
/// wants the sandbox any more, and says `ready`, or what went wrong.
pub(crate) fn main(dir: &Path, role: Option<Role>) -> ! {
    // Nothing that the caller had open concerns this process or what it starts, nor the directory it was in.
    let _ = sys::close_from(3);
    let _ = chdir("/");
    let _ = sys::set_name(c"pod-keeper");
    let Ok(mut caller) = take_socket() else { sys::exit_now(2) };
    let dir = SandboxDir::new(dir);
    let code = match Anticipated::make().and_then(|ready| set_up(&dir, ready, &caller, role)) {
        Ok(keeper) => {
            let _ = caller.write_all(READY.as_bytes());
            drop(caller);
            keeper.run()
        }
        Err(error) => {
            let _ = caller.write_all(chain(&error).as_bytes());
            1
        }
    };
    sys::exit_now(code)
}

/// Takes the socket off the standard input, so that nothing this process starts inherits it.
fn take_socket() -> io::Result<UnixStream> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    sys::duplicate_to(io::stdout().as_fd(), 0)?;
    Ok(UnixStream::from(socket))
}

/// What can be made before there is a configuration.
struct Anticipated {
    hierarchy: Hierarchy,
    filters: Filters,
    thermal: Vec<String>,
}

impl Anticipated {
    fn make() -> Result<Self, SetupError> {
        let hierarchy = detach()?;
        let mut filters = Filters::default();
        filters.anticipate();
        Ok(Self { hierarchy, filters, thermal: thermal_throttles() })
    }
}

/// Has this process and those it forks write to the sandbox's log what nobody else is told.
fn begin_log(dir: &SandboxDir) -> io::Result<()> {
    let log = File::options().create(true).append(true).open(dir.keeper_log())?;
    sys::duplicate_to(log.as_fd(), 2)?;
    trace::log_to_stderr()
}

/// Waits for the configuration, and the network namespace that may come with it. Without a word, nobody wants the sandbox
/// any more, and the process ends here.
fn configuration(
    dir: &SandboxDir,
    caller: &UnixStream,
) -> Result<(SandboxConfig, Option<OwnedFd>), SetupError> {
    let word = receive_word(caller).map_err(doing("wait for config.json"))?;
    let Some(namespaces) = word else { sys::exit_now(0) };
    let text = fs::read(dir.config()).map_err(doing("read config.json"))?;
    Ok((serde_json::from_slice(&text)?, namespaces.into_iter().next()))
}

/// Leaves the caller's session, process group and cgroups; the first process ends here.
fn detach() -> Result<Hierarchy, SetupError> {
    let hierarchy = Hierarchy::detect()?;
    let target = hierarchy.keepers_target()?;
    match sys::fork(CloneFlags::empty(), target.as_ref().map(AsFd::as_fd), false)
        .map_err(doing("fork"))?
    {
        Fork::Parent { .. } => sys::exit_now(0),
        Fork::Child => {}
    }
    nix::unistd::setsid().map_err(doing("leave the session"))?;
    hierarchy.join_keepers()?;
    sys::become_subreaper().map_err(doing("become a subreaper"))?;
    // From here on nothing in a container can look into this process.
    sys::set_undumpable().map_err(doing("become undumpable"))?;
    Ok(hierarchy)
}

/// Makes the sandbox; takes back what it made when that fails.
fn set_up(
    dir: &SandboxDir,
    ready: Anticipated,
    caller: &UnixStream,
    role: Option<Role>,
) -> Result<Keeper, SetupError> {
    let (config, network) = configuration(dir, caller)?;
    begin_log(dir).map_err(doing("begin the log"))?;
    let Anticipated { hierarchy, filters, thermal } = ready;
    let lock = lock(&dir.lock())?;
    let mut mask = SigSet::empty();
    mask.extend([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None).map_err(doing("block signals"))?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .map_err(doing("receive signals"))?;
    let listener = listen(dir)?;

    let host = File::open("/proc/self/ns/mnt").map_err(doing("open the mount namespace"))?;
    let tether = Tether::to_this_process().map_err(doing("make a descriptor of this process"))?;

    // The companion starts up while the sandbox is made; its first request waits in the socket.
    let companion = config.companion.clone().map(|c| Companion::new(c, role)).transpose();
    let mut companion = companion.map_err(doing("open the mount namespace"))?;
    if let Some(companion) = &mut companion {
        companion.start_if_due();
    }
    match make_sandbox(dir, &config, network, &hierarchy, &tether) {
        Ok(pause) => {
            let dir = dir.clone();
            let held = Held {
                dir,
                config,
                hierarchy,
                pause,
                tether,
                filters,
                thermal,
                signals,
                lock,
                host,
            };
            Ok(Keeper::new(held, Clients::new(listener), companion))
        }
        Err(error) => {
            if let Some(pid) = companion.as_ref().and_then(Companion::pid) {
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
            Err(error)
        }
    }
}

/// Makes the cgroup and what is in it; takes them back when that fails.
fn make_sandbox(
    dir: &SandboxDir,
    config: &SandboxConfig,
    network: Option<OwnedFd>,
    hierarchy: &Hierarchy,
    tether: &Tether,
) -> Result<Pause, SetupError> {
    hierarchy.claim(&config.cgroup)?;
    let made = fill_sandbox(dir, config, network, hierarchy, tether);
    if made.is_err()
        && let Err(left) = hierarchy.destroy(&config.cgroup)
    {
        tracing::warn!("{}", chain(&left));
    }
    made
}

fn fill_sandbox(
    dir: &SandboxDir,
    config: &SandboxConfig,
    network: Option<OwnedFd>,
    hierarchy: &Hierarchy,
    tether: &Tether,
) -> Result<Pause, SetupError> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(doing("make a mount namespace"))?;
    let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, slave, None::<&str>)
        .map_err(doing("make mounts one-way"))?;
    for sub in [dir.shm(), dir.pause_root(), dir.containers()] {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&sub)
            .map_err(doing(format!("make {}", sub.display())))?;
    }
    let pause_cgroup = config.cgroup.join(PAUSE_CGROUP);
    hierarchy.create(&pause_cgroup)?;
    let pause = Pause::spawn(config, network, hierarchy, &pause_cgroup, &dir.pause_root(), tether)
        .map_err(doing("start the pause process"))?;
    // The rest while it gets ready.
    if let Err(error) = mount_shared(dir, config)
        .and_then(|()| Ok(hierarchy.limit(&config.cgroup, &config.resources)?))
    {
        pause.give_up();
        return Err(error);
    }
    pause.ready().map_err(doing("start the pause process"))
}

/// Makes the pause process of a lost sandbox again, and empties what went with its namespaces.
pub(super) fn make_again(
    dir: &SandboxDir,
    config: &SandboxConfig,
    hierarchy: &Hierarchy,
    tether: &Tether,
) -> Result<Pause, SetupError> {
    match umount2(&dir.shm(), MntFlags::MNT_DETACH) {
        // An attempt before this one failed after it.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(e) => return Err(doing(format!("unmount {}", dir.shm().display()))(e)),
    }
    mount_shm(dir, config)?;
    let cgroup = config.cgroup.join(PAUSE_CGROUP);
    Pause::spawn(config, None, hierarchy, &cgroup, &dir.pause_root(), tether)
        .and_then(Nascent::ready)
        .map_err(doing("start the pause process"))
}

/// Mounts what the containers share in memory.
fn mount_shared(dir: &SandboxDir, config: &SandboxConfig) -> Result<(), SetupError> {
    mount_shm(dir, config)?;
    config.tmpfs.iter().try_for_each(mount_tmpfs)
}

fn mount_shm(dir: &SandboxDir, config: &SandboxConfig) -> Result<(), SetupError> {
    let (path, size) = (dir.shm(), Some(config.shm_size));
    mount_tmpfs(&Tmpfs { path: path.clone(), size, mode: 0o1777, group: None, page_size: None })?;
    // It is no volume, and needs nobody's ids but the sandbox's.
    let root = config.users.map(|users| users.first);
    chown(&path, root, root).map_err(doing(format!("give {} away", path.display())))
}

fn mount_tmpfs(Tmpfs { path, size, mode, group, page_size }: &Tmpfs) -> Result<(), SetupError> {
    let kind = if page_size.is_some() { "hugetlbfs" } else { "tmpfs" };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mut options = format!("mode={mode:o}");
    if let Some(size) = size {
        options.push_str(&format!(",size={size}"));
    }
    if let Some(group) = group {
        options.push_str(&format!(",gid={group}"));
    }
    if let Some(page_size) = page_size {
        options.push_str(&format!(",pagesize={page_size}"));
    }
    let make = || -> io::Result<()> {
        mount(Some(kind), path, Some(kind), flags, Some(options.as_str()))?;
        if page_size.is_some() {
            // A hugetlbfs does not take the set-group-id bit from its options.
            fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    };
    make().map_err(doing(format!("mount {kind} at {}", path.display())))
}

/// One for each processor that has it; part of what an unprivileged container does not see.
fn thermal_throttles() -> Vec<String> {
    let processors = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    let paths = processors.map(|e| e.path().join("thermal_throttle"));
    paths.filter(|p| p.is_dir()).filter_map(|p| p.to_str().map(str::to_owned)).collect()
}

/// Held as long as the keeper lives: whoever can take it knows that the keeper is dead.
fn lock(path: &Path) -> Result<Lock, SetupError> {
    let lock = Lock::take(path).map_err(doing(format!("lock {}", path.display())))?;
    lock.ok_or_else(|| doing("lock the sandbox")(Errno::EWOULDBLOCK))
}

fn listen(dir: &SandboxDir) -> Result<UnixListener, SetupError> {
    let listener =
        dir.with_socket_path(|path| UnixListener::bind(path)).map_err(doing("make the socket"))?;
    listener.set_nonblocking(true).map_err(doing("listen"))?;
    Ok(listener)
}

//! Taking away what a pod has on disk. Every step is tried; what fails is told.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use pod_spec::ValidPod;
use pod_volumes::remove_tree;

use crate::dirs::{Dirs, StateDir};
use crate::drivers::Drivers;
use crate::error::{RuntimeError, chain};
use crate::machine::this_machine;
use crate::network;
use crate::plan::{PodPlan, holder, sandbox_id};

/// Everything of a pod whose sandbox is gone: data, logs, links, state.
pub(crate) fn remove_files(plan: &PodPlan, drivers: &Drivers) -> Vec<String> {
    let mut errors = remove_data(plan, drivers);
    errors.extend(plan.dirs.claims.delete_own(&plan.pod));
    errors.extend(remove_links(plan));
    errors.extend(remove_below(&plan.dirs.logs));
    // Before the name is free for another pod.
    let images = pod_images::Images::open(&plan.dirs.images);
    errors.extend(images.release(&holder(&plan.pod)).err().map(|e| chain(&e)));
    if let Err(e) = plan.dirs.state.release() {
        errors.push(format!("cannot remove {}: {e}", plan.dirs.state.path().display()));
    }
    errors
}

/// The network, volumes and layers: what a pod that is over needs no more.
pub(crate) fn remove_data(plan: &PodPlan, drivers: &Drivers) -> Vec<String> {
    let mut errors = Vec::from_iter(network::disconnect(plan));
    if plan.dirs.volumes().exists() {
        let volumes = drivers.volumes(&plan.dirs.volumes());
        match volumes.map_err(|e| vec![e]).and_then(|v| v.tear_down()) {
            Ok(()) => {}
            Err(list) => errors.extend(list.iter().map(|e| chain(e))),
        }
    }
    errors.extend(remove_below(&plan.dirs.data));
    if let Err(e) = plan.dirs.users.give_back(plan.uid()) {
        errors.push(format!("cannot give the ids of the pod's users back: {e}"));
    }
    errors.extend(release_claims(plan));
    errors
}

/// Writes down that the pod uses no volumes any more, and lets go of the claims among them.
fn release_claims(plan: &PodPlan) -> Vec<String> {
    match plan.dirs.state.forget_volumes() {
        Ok(()) => plan.dirs.claims.release(&plan.pod),
        Err(e) => vec![format!("cannot remove {}: {e}", plan.dirs.state.volumes().display())],
    }
}

/// The socket of an engine that ends.
pub(crate) fn remove_socket(state: &StateDir) {
    let _ = fs::remove_file(state.path().join(StateDir::SOCKET));
}

fn remove_links(plan: &PodPlan) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in fs::read_dir(plan.dirs.links()).into_iter().flatten().flatten() {
        let path = entry.path();
        if fs::read_link(&path).is_ok_and(|target| target.starts_with(&plan.dirs.logs))
            && let Err(e) = fs::remove_file(&path)
        {
            errors.push(format!("cannot remove {}: {e}", path.display()));
        }
    }
    errors
}

/// A directory of ours, by name in its parent, without following a link or crossing a mount.
fn remove_below(dir: &Path) -> Vec<String> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else { return Vec::new() };
    let parent = match File::open(parent) {
        Ok(parent) => parent,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => return vec![format!("cannot open {}: {e}", parent.display())],
    };
    if let Err(e) = fs::symlink_metadata(dir)
        && e.kind() == io::ErrorKind::NotFound
    {
        return Vec::new();
    }
    match remove_tree(parent.as_fd(), name) {
        Ok(()) => Vec::new(),
        Err(list) => list.iter().map(|e| chain(e)).collect(),
    }
}

/// Removes a pod that no engine looks after: one that is over, or whose keeper died.
///
/// # Errors
/// When something could not be removed; the rest was.
pub(crate) fn bury(dirs: &Dirs, drivers: &Drivers, pod: &ValidPod) -> Result<(), RuntimeError> {
    let plan = PodPlan::new(pod.clone(), dirs, this_machine());
    let Some(_lock) = lock(&plan.dirs.state)? else { return Ok(()) };
    let mut errors = Vec::new();
    let sandboxes = pod_sandbox::Runtime::open(dirs.sandboxes())?;
    if let Err(e) = sandboxes.remove(&sandbox_id(pod)?) {
        errors.push(chain(&e));
    }
    errors.extend(remove_files(&plan, drivers));
    if errors.is_empty() {
        Ok(())
    } else {
        Err(RuntimeError::Teardown { pod: pod.name().to_owned(), errors })
    }
}

/// Waits for whoever makes or removes the pod; `None` when it is gone then.
pub(crate) fn lock(state: &StateDir) -> Result<Option<Flock<File>>, RuntimeError> {
    try_lock(state, FlockArg::LockExclusive)
}

/// As [`lock`], in this way.
pub(crate) fn try_lock(
    state: &StateDir,
    how: FlockArg,
) -> Result<Option<Flock<File>>, RuntimeError> {
    let file = match File::create(state.lock()) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(RuntimeError::io("lock the pod")(e)),
    };
    let lock = Flock::lock(file, how).map_err(|(_, e)| RuntimeError::io("lock the pod")(e))?;
    Ok(state.path().exists().then_some(lock))
}

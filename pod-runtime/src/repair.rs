//! What crashes and other programs have left or taken away.

use nix::fcntl::FlockArg;
use pod_network::Repair as NetworkRepair;

use crate::error::{RuntimeError, chain};
use crate::handle::PodHandle;
use crate::removal;
use crate::runtime::{Runtime, names};

/// What [`Runtime::repair`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Repair {
    /// The pods that were removed, since whoever made them was killed before they had a sandbox: `namespace/name`.
    pub unfinished: Vec<String>,
    /// The sandboxes that were removed, since no pod has them: their ids.
    pub sandboxes: Vec<String>,
    /// The claims that were removed, since the pods that they were made for, or that kept them from being removed, are no
    /// more: `namespace/name`.
    pub claims: Vec<String>,
    /// What was done to the network.
    pub network: NetworkRepair,
    /// What could not be mended.
    pub errors: Vec<String>,
}

impl Runtime {
    /// Removes what is left of pods that were never finished or are no more, lets go of their images, and makes whole what
    /// pods share of the machine's network, where somebody else took it away.
    ///
    /// # Errors
    /// When the pods cannot be read. What else goes wrong is in [`Repair::errors`].
    pub fn repair(&self) -> Result<Repair, RuntimeError> {
        let mut repair = Repair::default();
        self.give_back_names()?;
        let sandboxes = self.sandboxes()?;
        // Before the pods: one that is being made has written that it is there before it has a sandbox.
        let made = sandboxes.list()?;
        let pods = self.bury_unfinished(&mut repair)?;
        for id in made.iter().filter(|id| !pods.iter().any(|pod| pod.uid() == id.as_str())) {
            match sandboxes.remove(id) {
                Ok(()) => repair.sandboxes.push(id.to_string()),
                Err(error) => repair.errors.push(chain(&error)),
            }
        }
        self.remove_claims(&pods, &mut repair);
        self.mend_network(&pods, &mut repair);
        repair.errors.extend(self.release_images().err().map(|error| chain(&error)));
        Ok(repair)
    }

    /// What [`repair`](Self::repair) would remove of pods that were never finished or are no more, apart from the network's.
    /// Nothing is changed.
    ///
    /// # Errors
    /// When the pods cannot be read.
    pub fn leftovers(&self) -> Result<Repair, RuntimeError> {
        let made = self.sandboxes()?.list()?;
        let (unfinished, pods) = self.finished_or_not()?;
        let without_pod = made.iter().filter(|id| !pods.iter().any(|p| p.uid() == id.as_str()));
        let name = |pod: &PodHandle| format!("{}/{}", pod.namespace(), pod.name());
        Ok(Repair {
            unfinished: unfinished.iter().map(name).collect(),
            sandboxes: without_pod.map(ToString::to_string).collect(),
            ..Repair::default()
        })
    }

    /// The pods that nobody finishes, and the others.
    fn finished_or_not(&self) -> Result<(Vec<PodHandle>, Vec<PodHandle>), RuntimeError> {
        Ok(self.list(None)?.into_iter().partition(PodHandle::is_unfinished))
    }

    /// Removes the pods that nobody finishes, and returns the others.
    fn bury_unfinished(&self, repair: &mut Repair) -> Result<Vec<PodHandle>, RuntimeError> {
        let (unfinished, pods) = self.finished_or_not()?;
        for pod in unfinished {
            match self.bury(pod.pod()) {
                Ok(()) => repair.unfinished.push(format!("{}/{}", pod.namespace(), pod.name())),
                Err(error) => repair.errors.push(chain(&error)),
            }
        }
        Ok(pods)
    }

    fn remove_claims(&self, pods: &[PodHandle], repair: &mut Repair) {
        match self.claims().repair(|uid| pods.iter().any(|pod| pod.uid() == uid)) {
            Ok((removed, errors)) => {
                repair.claims = removed;
                repair.errors.extend(errors);
            }
            Err(error) => repair.errors.push(chain(&error)),
        }
    }

    fn mend_network(&self, pods: &[PodHandle], repair: &mut Repair) {
        let is_one_of = |pods: &[PodHandle], id: &str| pods.iter().any(|pod| pod.uid() == id);
        // One of which nobody knew may have been made in the meantime.
        let alive = |id: &str| {
            is_one_of(pods, id) || self.list(None).map_or(true, |now| is_one_of(&now, id))
        };
        match self.dirs().networks().repair(&alive) {
            Ok(network) => repair.network = network,
            Err(error) => repair.errors.push(chain(&error)),
        }
        let broken = pods.iter().filter(|pod| pod.check_network().is_err());
        repair.network.lost.extend(broken.map(|pod| pod.uid().to_owned()));
    }

    /// Gives back the names that were taken by somebody who was killed before there was even a manifest.
    fn give_back_names(&self) -> Result<(), RuntimeError> {
        for namespace in names(&self.dirs().namespaces())? {
            // What begins with a dot is on its way out.
            let names = names(&self.dirs().namespace(&namespace))?;
            for name in names.into_iter().filter(|name| !name.starts_with('.')) {
                let state = self.dirs().state(&namespace, &name);
                let lock = removal::try_lock(&state, FlockArg::LockExclusiveNonblock);
                if lock.is_ok_and(|lock| lock.is_some()) && matches!(state.read_pod(), Ok(None)) {
                    state
                        .release()
                        .map_err(RuntimeError::io(format!("give back the name `{name}`")))?;
                }
            }
        }
        Ok(())
    }
}

impl PodHandle {
    /// Whether whoever made it was killed before it had a sandbox: nobody makes it, and nobody ever looked after it.
    pub(crate) fn is_unfinished(&self) -> bool {
        let state = self.state();
        let begun =
            || state.read_saved().is_ok_and(|saved| saved.is_some()) || self.sandbox().is_ok();
        removal::try_lock(&state, FlockArg::LockExclusiveNonblock).is_ok_and(|lock| lock.is_some())
            && !begun()
    }
}

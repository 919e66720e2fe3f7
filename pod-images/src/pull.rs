//! Pulls an image: from a registry, by way of partial blobs, into the store.
//!
//! ```text
//! name ─> endpoints ─> manifest ─> configuration ─> layers, some at a time ─> name
//!                                                   fetch ─> unpack
//! ```
//!
//! Each step leaves what it has got, so that a pull that was killed goes on where it was. Two
//! pulls of the same blob, in whatever processes, fetch it once.

mod error;
mod fetch;
mod source;
mod tracker;

use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::digest::Digest;
use crate::manifest::{Layer, MAX_TEXT, ManifestError};
use crate::registry::{Configuration, Credentials, Endpoint, OwnedLogin, Places, Registry, Timing};
use crate::store::{CommitError, FileError, LayerState, Progress, Session};
use crate::{Image, ImageError, Images, PullPolicy, Reference};

pub use error::PullError;
use fetch::Watch;
use source::{Found, Source};
use tracker::Tracker;

/// How many blobs are fetched at the same time. On two processors and a fast line, fewer and more
/// were slower; registries that limit each connection gain a little by one more.
const FETCHES: usize = 3;
/// How many layers are unpacked at the same time: as many as there are processors, up to this.
const MAX_UNPACKS: usize = 4;

/// How an image is pulled.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// Logins that are tried before those of the machine and its user; those of a pod's image
    /// pull secrets. They give access, too, to what was pulled with them before. None by default.
    pub credentials: Vec<Credentials>,
    /// Where the settings lie; by default, where the environment says.
    pub places: Places,
    /// How long anything may take.
    pub timing: Timing,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            credentials: Vec::new(),
            places: Places::of_this_process(),
            timing: Timing::default(),
        }
    }
}

impl Images {
    /// The image that `reference` names, pulled if `policy` says so.
    ///
    /// With [`PullPolicy::Always`] the registry is asked each time what the name stands for; what
    /// is there is not fetched again. When it cannot be asked, that is an error, as it is for the
    /// kubelet. An image that was pulled with a Secret whose login is not one of those in
    /// `options` is taken for absent.
    ///
    /// # Errors
    ///
    /// [`PullError`]; what was fetched before is kept.
    pub async fn ensure(
        &self,
        reference: &Reference,
        policy: PullPolicy,
        options: &PullOptions,
    ) -> Result<Image, PullError> {
        if reference.is_host() {
            return Ok(self.resolve(reference)?);
        }
        if policy == PullPolicy::Always {
            return self.pull(reference, options).await;
        }
        // A name with a registry needs no settings, so that a fault in them does not keep what
        // is there from being started.
        let names = match reference.is_short() {
            true => Configuration::load(&options.places)?.names(reference)?,
            false => vec![reference.clone()],
        };
        let mut absent = ImageError::NotPresent { reference: reference.clone() };
        for name in names {
            match self.resolve_for(&name, &options.credentials) {
                Ok(image) => return Ok(Image { reference: reference.clone(), ..image }),
                Err(ImageError::NotPresent { .. }) => {}
                Err(ImageError::NotAllowed { .. }) => {
                    absent = ImageError::NotAllowed { reference: reference.clone() };
                }
                Err(other) => return Err(other.into()),
            }
        }
        match policy {
            PullPolicy::Never => Err(absent.into()),
            PullPolicy::IfNotPresent | PullPolicy::Always => self.pull(reference, options).await,
        }
    }

    /// Pulls the image that `reference` names: asks its registry, and fetches what is missing.
    ///
    /// The work is done on a thread of its own, so that hashing and writing do not hold the
    /// caller up; any executor will do. When the future is dropped, the pull stops.
    ///
    /// # Errors
    ///
    /// [`PullError`]; what was fetched before is kept, and the next attempt goes on with it.
    pub async fn pull(
        &self,
        reference: &Reference,
        options: &PullOptions,
    ) -> Result<Image, PullError> {
        if reference.is_host() {
            return Ok(self.resolve(reference)?);
        }
        let (mut sender, receiver) = oneshot::channel();
        let (images, reference, options) = (self.clone(), reference.clone(), options.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(PullError::Thread)?;
        let work = move || {
            let result = runtime.block_on(async {
                tokio::select! {
                    () = sender.closed() => None,
                    result = run(&images, &reference, &options) => Some(result),
                }
            });
            // What cannot be stopped, such as waiting for another process, is not waited for.
            runtime.shutdown_background();
            if let Some(result) = result {
                // Whoever is gone by now does not need it.
                let _ = sender.send(result);
            }
        };
        thread::Builder::new().name("pod-pull".into()).spawn(work).map_err(PullError::Thread)?;
        receiver.await.unwrap_or(Err(PullError::Lost))
    }

    /// How far the pull of the image that `reference` names is, in whatever process it runs;
    /// `None` when none is going on.
    ///
    /// # Errors
    ///
    /// [`FileError`] when the file that tells it cannot be read.
    pub fn progress(&self, reference: &Reference) -> Result<Option<Progress>, FileError> {
        self.store.progress(&reference.canonical())
    }
}

/// Tries each place in turn.
async fn run(
    images: &Images,
    reference: &Reference,
    options: &PullOptions,
) -> Result<Image, PullError> {
    let endpoints = Configuration::load(&options.places)?.endpoints(reference)?;
    let mut credentials = options.credentials.clone();
    credentials.extend(Credentials::load(&options.places)?);
    let credentials = Arc::new(credentials);
    let session = {
        let images = images.clone();
        Arc::new(blocking(move || images.store.session()).await??)
    };
    let tracker = Arc::new(Tracker::new(&session, reference.canonical()));
    let pulled = async {
        let mut failures = Vec::new();
        for endpoint in &endpoints {
            let known = images.resolve(endpoint.name()).ok().and_then(|image| top_digest(&image));
            let result = match source::find(endpoint, known.as_ref(), &credentials, options).await {
                Ok(Found::Known { top, login }) => admit(&session, endpoint, &top, login).await,
                Ok(Found::Source(source)) => bring(&session, *source, endpoint, &tracker).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => {
                    let image = images.resolve_for(endpoint.name(), &options.credentials)?;
                    return Ok(Image { reference: reference.clone(), ..image });
                }
                Err(error) if error.is_of_the_source() => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        match failures.len() {
            1 => Err(failures.remove(0)),
            _ => Err(PullError::Nowhere { image: reference.to_string(), failures }),
        }
    };
    tokio::select! {
        result = pulled => result,
        never = tracker.tell(&session) => match never {},
    }
}

/// What the name of an image that is present stood for when it was pulled.
fn top_digest(image: &Image) -> Option<Digest> {
    image.repo_digest.as_ref()?.split_once('@')?.1.parse().ok()
}

/// Lets those use an image that is there for whose login its registry has told of it.
async fn admit(
    session: &Arc<Session>,
    endpoint: &Endpoint,
    top: &Digest,
    login: Option<OwnedLogin>,
) -> Result<(), PullError> {
    let (name, repo_digest) = (endpoint.name().canonical(), repo_digest(endpoint.name(), top));
    let session = Arc::clone(session);
    Ok(blocking(move || session.admit(&name, &repo_digest, login.as_ref())).await??)
}

/// An image as its registry has it.
fn repo_digest(name: &Reference, top: &Digest) -> String {
    format!("{}/{}@{top}", name.registry(), name.repository())
}

/// Brings an image from its source into the store.
async fn bring(
    session: &Arc<Session>,
    source: Source,
    endpoint: &Endpoint,
    tracker: &Arc<Tracker>,
) -> Result<(), PullError> {
    let Source { registry, login, top, digest, text, manifest } = source;
    let unusable = |source| PullError::Unusable { image: endpoint.name().to_string(), source };
    tracker.layers(session, &manifest.layers);
    let id = manifest.config.digest.clone();
    if manifest.config.size > MAX_TEXT {
        let size = manifest.config.size;
        return Err(unusable(ManifestError::TooLong { what: "configuration", size }));
    }
    fetch::fetch(&registry, session, &id, manifest.config.size, &Unwatched).await?;
    let described = {
        let (session, digest) = (Arc::clone(session), digest.clone());
        blocking(move || {
            session.put(&digest, &text)?;
            session.describe(&digest)
        })
        .await?
    };
    let (_, configuration) = described.map_err(|error| match error {
        CommitError::Manifest(source) => unusable(source),
        other => other.into(),
    })?;
    layers(session, registry, manifest.layers, configuration.diff_ids, tracker).await?;
    let name = endpoint.name();
    let repo_digest = repo_digest(name, &top);
    let names = vec![name.canonical()];
    let session = Arc::clone(session);
    let commit = move || session.commit(&digest, &names, Some(&repo_digest), login.as_ref());
    blocking(commit).await??;
    Ok(())
}

/// Brings all layers, some of them at the same time. The first that fails stops the others.
async fn layers(
    session: &Arc<Session>,
    registry: Registry,
    layers: Vec<Layer>,
    diff_ids: Vec<Digest>,
    tracker: &Arc<Tracker>,
) -> Result<(), PullError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let work = Arc::new(LayerWork {
        session: Arc::clone(session),
        registry,
        tracker: Arc::clone(tracker),
        fetches: Semaphore::new(FETCHES),
        unpacks: Semaphore::new(processors.min(MAX_UNPACKS)),
    });
    let mut tasks = JoinSet::new();
    for (index, (layer, diff_id)) in layers.into_iter().zip(diff_ids).enumerate() {
        let work = Arc::clone(&work);
        tasks.spawn(async move { work.bring(index, layer, diff_id).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|_| PullError::Lost)??;
    }
    Ok(())
}

/// What the layers of one image share while they are brought.
#[derive(Debug)]
struct LayerWork {
    session: Arc<Session>,
    registry: Registry,
    tracker: Arc<Tracker>,
    fetches: Semaphore,
    unpacks: Semaphore,
}

impl LayerWork {
    /// Fetches and unpacks one layer, each in its turn and unless it is there.
    async fn bring(&self, index: usize, layer: Layer, diff_id: Digest) -> Result<(), PullError> {
        let there = {
            let (session, diff_id) = (Arc::clone(&self.session), diff_id.clone());
            blocking(move || session.has_layer(&diff_id)).await??
        };
        if !there {
            let watch = LayerWatch { work: self, index };
            // A semaphore is closed by nobody here.
            let turn = self.fetches.acquire().await.map_err(|_| PullError::Lost)?;
            fetch::fetch(&self.registry, &self.session, &layer.digest, layer.size, &watch).await?;
            drop(turn);
            self.tracker.state(&self.session, index, LayerState::Unpacking);
            let _turn = self.unpacks.acquire().await.map_err(|_| PullError::Lost)?;
            let session = Arc::clone(&self.session);
            blocking(move || session.unpack(&layer.digest, &diff_id)).await??;
        }
        self.tracker.state(&self.session, index, LayerState::Done);
        Ok(())
    }
}

/// Tells the tracker what happens to the blob of a layer.
struct LayerWatch<'a> {
    work: &'a LayerWork,
    index: usize,
}

impl Watch for LayerWatch<'_> {
    fn fetching(&self, alone: bool) {
        let state = if alone { LayerState::Fetching } else { LayerState::Waiting };
        self.work.tracker.state(&self.work.session, self.index, state);
    }

    fn fetched(&self, bytes: u64) {
        self.work.tracker.fetched(self.index, bytes);
    }
}

/// Nobody looks at how a configuration comes.
struct Unwatched;

impl Watch for Unwatched {
    fn fetching(&self, _alone: bool) {}
    fn fetched(&self, _bytes: u64) {}
}

/// Does what blocks on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PullError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PullError::Lost)
}

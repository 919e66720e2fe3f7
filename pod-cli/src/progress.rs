//! Bars that show how far pulls are: on a terminal, on standard error. In a pipe there is nothing.
//!
//! What is shown is read from the store, so it is seen as well when another process pulls: a pod's own, or another `pod`.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pod_images::{Images, LayerProgress, LayerState, Reference};

/// How often the bars move.
const PERIOD: Duration = Duration::from_millis(100);
/// How much of a digest names a layer.
const SHORT: usize = 12;

/// The bars of some images.
#[derive(Debug)]
pub struct Progress {
    images: Images,
    references: Vec<Reference>,
    all: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
}

impl Progress {
    pub fn of(images: &Images, references: impl IntoIterator<Item = Reference>) -> Self {
        let references = references.into_iter().filter(|r| !r.is_host()).collect();
        Self {
            images: images.clone(),
            references,
            all: MultiProgress::new(),
            bars: BTreeMap::new(),
        }
    }

    /// Shows them as long as some work goes on.
    pub async fn beside<T>(mut self, work: impl Future<Output = T>) -> T {
        if self.references.is_empty() || !std::io::stderr().is_terminal() {
            return work.await;
        }
        tokio::pin!(work);
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                biased;
                result = &mut work => {
                    let _ = self.all.clear();
                    return result;
                }
                _ = ticks.tick() => self.show(),
            }
        }
    }

    fn show(&mut self) {
        let mut layers = Vec::new();
        for reference in &self.references {
            // A file that cannot be read is no reason to stop: the pull itself says what is wrong.
            if let Ok(Some(progress)) = self.images.progress(reference) {
                layers.extend(progress.layers);
            }
        }
        for layer in &layers {
            self.show_layer(layer);
        }
        if layers.is_empty() && !self.bars.is_empty() {
            let _ = self.all.clear();
            self.bars.clear();
        }
    }

    fn show_layer(&mut self, layer: &LayerProgress) {
        let bar = self.bars.entry(layer.digest.to_string()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(layer.size));
            let template = "{prefix}  {msg:10}  [{bar:30}]  {bytes}/{total_bytes}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(layer.digest.hex().chars().take(SHORT).collect::<String>());
            bar
        });
        bar.set_message(match layer.state {
            LayerState::Waiting => "waiting",
            LayerState::Fetching => "fetching",
            LayerState::Unpacking => "unpacking",
            _ => "done",
        });
        bar.set_position(if layer.state == LayerState::Done { layer.size } else { layer.fetched });
    }
}

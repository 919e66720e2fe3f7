//! Ids of the machine for pods with users of their own.
//!
//! A range that a pod has is a file, named after the first id and with the pod's uid in it: the kernel makes a file of a
//! name once, so no two pods have the same ids, and a pod that is gone gives its own back by its uid.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use pod_sandbox::IdRange;

/// How many users and groups a pod has, as with the kubelet.
pub(crate) const IDS_PER_POD: u32 = 1 << 16;

/// How many ranges there are beside the first, which is the machine's own, and the last, in which not all are ids.
const RANGES: u32 = (1 << 16) - 2;

/// The ranges of all pods of a runtime.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    dir: PathBuf,
    /// Which one is tried first. Runtimes that do not know of each other begin at different ones.
    start: u32,
}

impl Ranges {
    pub fn new(dir: PathBuf, start: u32) -> Self {
        Self { dir, start: start % RANGES }
    }

    /// Takes a range for a pod.
    pub fn take(&self, uid: &str) -> io::Result<IdRange> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        for n in 0..RANGES {
            let first = ((self.start + n) % RANGES + 1) * IDS_PER_POD;
            let file = self.dir.join(first.to_string());
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                file => {
                    file?.write_all(uid.as_bytes())?;
                    return Ok(IdRange { first, count: IDS_PER_POD });
                }
            }
        }
        Err(io::Error::other("all ids of the machine are taken"))
    }

    /// Gives back what a pod has, if anything.
    pub fn give_back(&self, uid: &str) -> io::Result<()> {
        let entries = match fs::read_dir(&self.dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // Another pod may give its own back meanwhile.
            if fs::read(&path).is_ok_and(|owner| owner == uid.as_bytes()) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that goes with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let name = format!("pod-users-{test}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn b195_a_range_is_of_one_pod_until_it_is_given_back() {
        let place = Place::new("once");
        let ranges = Ranges::new(place.0.clone(), 0);
        ranges.give_back("a").expect("nothing to do");
        let firsts = ["a", "b", "c"].map(|pod| ranges.take(pod).expect("free").first);
        assert_eq!(firsts, [65_536, 131_072, 196_608]);
        ranges.give_back("b").expect("given back");
        let again = Ranges::new(place.0.clone(), 0);
        assert_eq!(again.take("d").expect("free").first, 131_072);
        assert_eq!(again.take("e").expect("free").first, 262_144);
    }

    #[test]
    fn b195_every_range_holds_ids_only() {
        let place = Place::new("last");
        let last = Ranges::new(place.0.clone(), RANGES - 1);
        let range = last.take("a").expect("free");
        assert_eq!(range.on_host(range.count - 1), Some(u32::MAX - IDS_PER_POD));
        assert_eq!(last.take("b").expect("free").first, IDS_PER_POD, "the first follows the last");
        assert_eq!(Ranges::new(place.0.clone(), u32::MAX).start, u32::MAX % RANGES);
    }

    #[test]
    fn b195_pods_that_are_made_at_once_have_different_ranges() {
        let place = Place::new("race");
        let ranges = Ranges::new(place.0.clone(), 7);
        let firsts = std::thread::scope(|scope| {
            let take = |pod: usize| ranges.take(&pod.to_string()).expect("free").first;
            let threads: Vec<_> = (0..16).map(|pod| scope.spawn(move || take(pod))).collect();
            let firsts = threads.into_iter().map(|thread| thread.join().expect("ends"));
            firsts.collect::<std::collections::BTreeSet<u32>>()
        });
        assert_eq!(firsts.len(), 16);
    }
}

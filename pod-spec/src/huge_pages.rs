//! Huge pages: memory in pages of a size of their own, which pods ask for by that size.

use std::collections::BTreeSet;

use crate::Quantity;
use crate::types::{EmptyDirVolumeSource, PodSpec};

/// Before the size in the name of a resource.
pub(crate) const RESOURCE: &str = "hugepages-";

/// What the media of huge pages begin with.
pub(crate) const MEDIUM: &str = "HugePages";

/// The size in bytes of the pages that a resource such as `hugepages-2Mi` counts; `None` for any other resource.
///
/// ```
/// assert_eq!(pod_spec::huge_page_size("hugepages-2Mi"), Some(2 << 20));
/// assert_eq!(pod_spec::huge_page_size("memory"), None);
/// ```
pub fn huge_page_size(resource: &str) -> Option<u64> {
    resource.strip_prefix(RESOURCE).and_then(size)
}

fn size(text: &str) -> Option<u64> {
    let size = text.parse::<Quantity>().ok()?.value();
    u64::try_from(size).ok().filter(|size| *size > 0)
}

impl EmptyDirVolumeSource {
    /// The size in bytes of the huge pages that it lies on in a pod; `None` when it lies on something else.
    ///
    /// # Errors
    /// When the pod's containers do not ask for such pages, or, with a medium that names no size, for pages of several.
    pub fn huge_page_size(&self, pod: &PodSpec) -> Result<Option<u64>, &'static str> {
        let medium = self.medium.as_ref().map(ToString::to_string).unwrap_or_default();
        let Some(named) = medium.strip_prefix(MEDIUM) else { return Ok(None) };
        let asked = asked_for(pod);
        let size = match named {
            "" if asked.len() > 1 => {
                return Err(
                    "the containers ask for pages of several sizes: give one, as in `HugePages-2Mi`",
                );
            }
            "" => asked.first().copied(),
            named => named.strip_prefix('-').and_then(size).filter(|size| asked.contains(size)),
        };
        size.map(Some)
            .ok_or("no container asks for such pages, as with `resources.limits.hugepages-2Mi`")
    }
}

/// The sizes of the pages that containers ask for: in limits or in requests, which are the same.
fn asked_for(pod: &PodSpec) -> BTreeSet<u64> {
    let containers = pod.init_containers.iter().chain(&pod.containers);
    let names =
        containers.flat_map(|c| c.resources.limits.keys().chain(c.resources.requests.keys()));
    names.filter_map(|name| huge_page_size(name)).collect()
}

#[cfg(test)]
mod tests {
    use crate::types::{Pod, VolumeSource};

    fn page_size(medium: &str, limits: &str) -> Result<Option<u64>, &'static str> {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{
               volumes: [{{name: v, emptyDir: {{medium: {medium}}}}}],
               containers: [{{name: a, image: a, resources: {{limits: {{{limits}}}}}}}]}}}}"
        );
        let pod = Pod::from_yaml(&text).unwrap();
        let Some(VolumeSource::EmptyDir(dir)) = &pod.spec.volumes[0].source else {
            panic!("{text}")
        };
        dir.huge_page_size(&pod.spec)
    }

    #[test]
    fn b223_a_medium_has_pages_of_a_size_that_the_pod_asks_for() {
        let (two, both) = ("hugepages-2Mi: 4Mi", "hugepages-2Mi: 4Mi, hugepages-1Gi: 1Gi");
        for (medium, limits, pages) in [
            ("HugePages", two, 2 << 20),
            ("HugePages-2Mi", both, 2 << 20),
            ("HugePages-2048Ki", two, 2 << 20),
            ("HugePages-1Gi", both, 1 << 30),
        ] {
            assert_eq!(page_size(medium, limits), Ok(Some(pages)), "{medium}");
        }
        assert_eq!(page_size("Memory", two), Ok(None));
        for (medium, limits) in [
            ("HugePages", both),
            ("HugePages", "memory: 1Mi"),
            ("HugePages-1Gi", two),
            ("HugePages-x", two),
            ("HugePages2Mi", two),
        ] {
            assert!(page_size(medium, limits).is_err(), "{medium}");
        }
    }
}

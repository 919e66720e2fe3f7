//! What this project does with each field of a pod: it honours it, needs a cluster for it, or refuses it.
//!
//! Kubernetes' own rules are another matter: [`Pod::validate`] applies those, and no other.

mod rules;
mod special;
mod table;

use serde::Serialize;

use crate::decode::Content;
use crate::fault::{Fault, FaultKind, Faults, quoted};
use crate::parse::{Object, add_unrelated};
use crate::path::{InText, Path, Places};
use crate::schema::Object as _;
use crate::types::{
    ConfigMap, Deployment, Job, ObjectMeta, PersistentVolumeClaim, Pod, PodSpec, PodTemplateSpec,
    Secret,
};
use crate::valid::ValidPod;

use rules::{KindRules, Rule};
pub(crate) use table::of;
pub use table::{FieldSupport, markdown, table};

/// What happens to a field that is given.
///
/// It is serialised as `support`, the name of the variant, and `detail`, what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "support", content = "detail")]
pub enum Support {
    /// It has the effect that it has in Kubernetes.
    Honoured {
        /// A test of this project that shows it.
        test: &'static str,
    },
    /// It makes sense in a cluster only: accepted, with this notice.
    ClusterOnly(&'static str),
    /// It is a fault, for this reason.
    Refused(&'static str),
    /// It is an object, and what happens to it depends on which of its fields are given.
    ByField,
}

/// A field that was accepted although it makes sense in a cluster only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The field: `spec.nodeSelector`.
    pub path: String,
    /// What becomes of it: a fragment that follows the path after a colon.
    pub text: String,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// A pod that this project runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// The pod, checked and with every default filled in.
    pub pod: ValidPod,
    /// What was accepted in it although it makes sense in a cluster only.
    pub notices: Vec<Notice>,
}

impl Admitted {
    /// Checks the pod, and looks at what this project supports of it.
    ///
    /// # Errors
    /// Every fault of both.
    pub fn new(pod: Pod) -> Result<Self, Faults> {
        let Found { refused, notices } = pod.review(&InText::of(&pod.source));
        match pod.validate() {
            Ok(pod) => Faults::or(refused, Self { pod, notices }),
            Err(faults) => {
                let mut faults: Vec<Fault> = faults.into_iter().collect();
                add_unrelated(&mut faults, refused);
                Err(Faults::some(faults))
            }
        }
    }
}

impl ValidPod {
    /// Looks at every field that was given: what this project refuses in it is a fault, and what makes sense in a
    /// cluster only is told.
    ///
    /// # Errors
    /// Every field, and every value, that is refused.
    pub fn supported(&self) -> Result<Vec<Notice>, Faults> {
        let Found { refused, notices } = self.pod().review(&InText::of(&self.pod().source));
        Faults::or(refused, notices)
    }
}

/// An object that this project takes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AdmittedObject {
    /// A Pod, to be run.
    Pod(Box<Admitted>),
    /// A ConfigMap, checked, to be kept for pods, and what was accepted in it without effect.
    ConfigMap(ConfigMap, Vec<Notice>),
    /// A Secret, checked, to be kept for pods, and what was accepted in it without effect.
    Secret(Secret, Vec<Notice>),
    /// A claim, checked, to be kept for pods, and what was accepted in it without effect.
    PersistentVolumeClaim(Box<PersistentVolumeClaim>, Vec<Notice>),
    /// A Deployment, checked, to keep pods running, and what was accepted in it without effect.
    Deployment(Box<Deployment>, Vec<Notice>),
    /// A Job, checked, to run pods to their end, and what was accepted in it without effect.
    Job(Box<Job>, Vec<Notice>),
}

impl AdmittedObject {
    /// Checks the object, and looks at what this project supports of it.
    ///
    /// # Errors
    /// Every fault of both.
    pub fn new(object: Object) -> Result<Self, Faults> {
        match object {
            Object::Pod(pod) => Ok(Self::Pod(Box::new(Admitted::new(pod)?))),
            Object::ConfigMap(map) => {
                let notices = map.supported()?;
                Ok(Self::ConfigMap(map.validate()?, notices))
            }
            Object::Secret(secret) => {
                let notices = secret.supported()?;
                Ok(Self::Secret(secret.validate()?, notices))
            }
            Object::PersistentVolumeClaim(claim) => {
                let notices = claim.supported()?;
                Ok(Self::PersistentVolumeClaim(Box::new(claim.validate()?), notices))
            }
            Object::Deployment(deployment) => {
                let notices = deployment.supported()?;
                Ok(Self::Deployment(Box::new(deployment.validate()?), notices))
            }
            Object::Job(job) => {
                let notices = job.supported()?;
                Ok(Self::Job(Box::new(job.validate()?), notices))
            }
        }
    }

    /// What was accepted in it although it makes sense in a cluster only.
    pub fn notices(&self) -> &[Notice] {
        match self {
            Self::Pod(admitted) => &admitted.notices,
            Self::ConfigMap(_, notices)
            | Self::Secret(_, notices)
            | Self::PersistentVolumeClaim(_, notices)
            | Self::Deployment(_, notices)
            | Self::Job(_, notices) => notices,
        }
    }
}

/// What this project can look at.
pub(crate) trait Reviewed {
    /// Looks at every field that is given.
    fn review(&self, places: &dyn Places) -> Found;
}

impl Reviewed for Pod {
    fn review(&self, places: &dyn Places) -> Found {
        let mut survey = Survey::new(&rules::OF_PODS, places);
        self.survey_fields(&Path::ROOT, Rules(&rules::TOP), &mut survey);
        special::look(&self.metadata, &self.spec, &Path::ROOT, &mut survey);
        survey.found
    }
}

/// What of an object pods are made from, and where that stands.
type Template<'o> = Option<(&'o ObjectMeta, &'o PodSpec)>;

fn template(template: &PodTemplateSpec) -> Template<'_> {
    Some((&template.metadata, &template.spec))
}

/// Kinds with their rules, and the template in them.
macro_rules! kept {
    ($($name:ident by $rules:ident, $template:expr;)*) => {
        $(
            impl Reviewed for $name {
                fn review(&self, places: &dyn Places) -> Found {
                    let mut survey = Survey::new(&rules::$rules, places);
                    self.survey_fields(&Path::ROOT, Rules(&rules::TOP), &mut survey);
                    let template: fn(&Self) -> Template<'_> = $template;
                    if let Some((metadata, spec)) = template(self) {
                        let at = Path::new("spec");
                        special::look(metadata, spec, &at.field("template"), &mut survey);
                    }
                    survey.found
                }
            }
        )*
    };
}

kept! {
    ConfigMap by OF_PODS, |_| None;
    Secret by OF_PODS, |_| None;
    Deployment by OF_DEPLOYMENTS, |deployment| template(&deployment.spec.template);
    Job by OF_JOBS, |job| template(&job.spec.template);
}

impl Reviewed for PersistentVolumeClaim {
    fn review(&self, places: &dyn Places) -> Found {
        let mut survey = Survey::new(&rules::OF_PODS, places);
        let top = Rules(&rules::TOP);
        survey.field(&Path::ROOT, "metadata", top, &self.metadata);
        survey.field(&Path::ROOT, "status", top, &self.status);
        // What holds for a claim that is made for a volume holds for any.
        survey.pattern.push_str(rules::CLAIM);
        survey.field(&Path::ROOT, "spec", top, &self.spec);
        survey.found
    }
}

macro_rules! supported {
    ($($name:ident)*) => {
        $(
            impl $name {
                /// Looks at every field that was given: what this project refuses in it is a fault, and what makes sense
                /// in a cluster only is told.
                ///
                /// # Errors
                /// Every field that is refused.
                pub fn supported(&self) -> Result<Vec<Notice>, Faults> {
                    let Found { refused, notices } = self.review(&InText::of(&self.source));
                    Faults::or(refused, notices)
                }
            }
        )*
    };
}

supported! { ConfigMap Secret PersistentVolumeClaim Deployment Job }

/// What holds for a field that has no rule of its own: that of the field around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules(&'static Rule);

/// What has been found while looking at a pod.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) refused: Vec<Fault>,
    pub(crate) notices: Vec<Notice>,
}

/// A look at every field of an object.
pub(crate) struct Survey<'p> {
    rules: &'static KindRules,
    places: &'p dyn Places,
    /// The path, with `[]` for the items of lists.
    pattern: String,
    found: Found,
}

impl<'p> Survey<'p> {
    fn new(rules: &'static KindRules, places: &'p dyn Places) -> Self {
        Self { rules, places, pattern: String::new(), found: Found::default() }
    }
}

impl Survey<'_> {
    /// Looks at one field.
    pub(crate) fn field(&mut self, at: &Path<'_>, name: &str, around: Rules, value: &dyn Content) {
        if value.is_absent() {
            return;
        }
        let mark = self.pattern.len();
        if mark > 0 {
            self.pattern.push('.');
        }
        self.pattern.push_str(name);
        let rule = self.rules.rule(&self.pattern, around.0);
        self.judge(&at.field(name), rule, value);
        self.pattern.truncate(mark);
    }

    /// Looks at the items of a list.
    pub(crate) fn items<T: Content>(&mut self, at: &Path<'_>, rules: Rules, items: &[T]) {
        let mark = self.pattern.len();
        self.pattern.push_str("[]");
        for (i, item) in items.iter().enumerate() {
            item.survey(&at.index(i), rules, self);
        }
        self.pattern.truncate(mark);
    }

    fn judge(&mut self, at: &Path<'_>, rule: &'static Rule, value: &dyn Content) {
        let scalar = value.scalar();
        match rule.support {
            _ if scalar.as_deref().is_some_and(|text| rule.accepted.contains(&text)) => {}
            Support::Honoured { .. } | Support::ByField => value.survey(at, Rules(rule), self),
            Support::ClusterOnly(text) => self.notice(at, text),
            Support::Refused(why) => match scalar {
                Some(text) if !rule.accepted.is_empty() => {
                    self.refuse(at, format!("{} is not supported yet: {why}", quoted(&text)));
                }
                _ => self.refuse(at, format!("not supported yet: {why}")),
            },
        }
    }

    /// Notes something that has no effect here.
    fn notice(&mut self, at: &Path<'_>, text: &str) {
        self.found.notices.push(Notice { path: at.to_string(), text: text.to_owned() });
    }

    /// Notes something that is refused.
    fn refuse(&mut self, at: &Path<'_>, message: impl Into<String>) {
        self.refuse_with(at, message, None);
    }

    fn refuse_with(
        &mut self,
        at: &Path<'_>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let fault = Fault::new(at, self.places.find(at), FaultKind::Refused, message);
        self.found.refused.push(fault.suggest(suggestion));
    }
}

impl KindRules {
    /// The rule of the field at this path, with `[]` for the items of lists: what happens to all of an object happens to
    /// its fields.
    fn rule(&self, path: &str, around: &'static Rule) -> &'static Rule {
        match around.support {
            Support::ClusterOnly(_) | Support::Refused(_) => around,
            Support::Honoured { .. } | Support::ByField => self.own_rule(path).unwrap_or(around),
        }
    }

    /// The rule that the field has for itself.
    fn own_rule(&self, path: &str) -> Option<&'static Rule> {
        let find = |rules: &'static [Rule], path: &str| {
            rules.binary_search_by(|rule| rule.path.cmp(path)).ok().map(|i| &rules[i])
        };
        // Metadata is that of a pod, whatever has it.
        let own = find(self.own, path);
        let path = if self.has_template && !path.starts_with("metadata") {
            path.strip_prefix("spec.template.")
        } else {
            Some(path)
        };
        own.or_else(|| find(rules::POD, path?))
            .or_else(|| find(rules::CONTAINER, in_container(path?)?))
    }
}

/// The path within a container, main, init or ephemeral.
fn in_container(path: &str) -> Option<&str> {
    let (list, path) = path.strip_prefix("spec.")?.split_once("[].")?;
    matches!(list, "containers" | "initContainers" | "ephemeralContainers").then_some(path)
}

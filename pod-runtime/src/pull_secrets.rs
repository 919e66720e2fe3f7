//! The logins of a pod's image pull secrets.

use pod_images::{Credentials, CredentialsError, PullOptions, SecretId};
use pod_spec::{Secret, SecretText, ValidPod};
use serde::{Deserialize, Serialize};

use crate::objects::{ObjectError, Objects};
use crate::runtime::Runtime;

/// What a pod's image pull secrets say.
#[derive(Debug, Default)]
pub(crate) struct PullSecrets {
    /// Those with logins, in the order of the pod.
    pub logins: Vec<PullSecret>,
    /// The names of those that are not there.
    pub missing: Vec<String>,
}

/// An image pull secret with logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PullSecret {
    id: SecretId,
    text: SecretText,
}

impl PullSecrets {
    /// Reads them. One of another type than those for registries has no login, as for the kubelet.
    pub fn of(pod: &ValidPod, secrets: &Objects<Secret>) -> Result<Self, ObjectError> {
        let mut found = Self::default();
        let named = pod.spec().image_pull_secrets.iter().map(|secret| &secret.name);
        for name in named.filter(|name| !name.is_empty()) {
            match secrets.find(pod.namespace(), name)? {
                Some(secret) => found.logins.extend(
                    login(&secret)
                        .map(|text| PullSecret { id: id(&secret, pod.namespace(), name), text }),
                ),
                None => found.missing.push(name.clone()),
            }
        }
        Ok(found)
    }
}

fn id(secret: &Secret, namespace: &str, name: &str) -> SecretId {
    // What is kept has one.
    let uid = secret.metadata.uid.clone().unwrap_or_default();
    SecretId { namespace: namespace.to_owned(), name: name.to_owned(), uid }
}

fn login(secret: &Secret) -> Option<SecretText> {
    let key = match secret.kind.as_deref()? {
        "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
        "kubernetes.io/dockercfg" => ".dockercfg",
        _ => return None,
    };
    String::from_utf8(secret.data.get(key)?.0.clone()).ok().map(SecretText)
}

/// How an image is pulled with these logins, before those of the machine.
pub(crate) fn options(logins: &[PullSecret]) -> Result<PullOptions, CredentialsError> {
    let credentials = logins.iter().map(|PullSecret { id, text }| {
        Ok(Credentials::from_docker_config(&text.0)?.of_secret(id.clone()))
    });
    Ok(PullOptions {
        credentials: credentials.collect::<Result<_, _>>()?,
        ..PullOptions::default()
    })
}

impl Runtime {
    /// How the images of a pod are pulled: with the logins of its `imagePullSecrets` that are there, before those of the
    /// machine.
    ///
    /// # Errors
    /// When a Secret cannot be read. One that holds no logins that are understood is left out.
    pub fn pull_options(&self, pod: &ValidPod) -> Result<PullOptions, ObjectError> {
        let found = PullSecrets::of(pod, &self.secrets())?;
        Ok(options(&found.logins).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<SecretText> {
        let text = format!("{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, {text}}}");
        login(&Secret::from_yaml(&text).and_then(Secret::validate).expect("is one"))
    }

    #[test]
    fn secrets_of_two_types_hold_logins() {
        let json = SecretText("{\"auths\": {}}".to_owned());
        let old = SecretText("{}".to_owned());
        let cases = [
            (
                "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{\"auths\": {}}'}",
                Some(json),
            ),
            ("type: kubernetes.io/dockercfg, stringData: {.dockercfg: '{}'}", Some(old)),
            ("stringData: {.dockerconfigjson: '{}'}", None),
        ];
        for (text, want) in cases {
            assert_eq!(secret(text), want, "{text}");
        }
    }
}

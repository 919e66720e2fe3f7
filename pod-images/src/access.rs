//! Who may use an image that is on the machine without asking its registry.
//!
//! An image that was pulled with the login of a pod is for those who have that login, or the Secret that it was in. The
//! login itself is not kept: a hash of it, salted anew each time, tells whether somebody has the same. Source: the
//! kubelet's `KubeletEnsureSecretPulledImages`, with its policy `NeverVerifyPreloadedImages`.

use serde::{Deserialize, Serialize};

use crate::digest::{Algorithm, Digest, Hasher};
use crate::registry::{Credentials, Login, OwnedLogin};

/// The Secret that logins come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What tells it from others that have had its name.
    pub uid: String,
}

/// Who may use an image by one of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    /// It was loaded, or pulled without a login, or with one that is from no Secret, such as the machine's.
    #[default]
    Everybody,
    /// Those who have one of the Secrets or logins that a registry has given it for.
    Logins(Vec<LoginMark>),
}

/// A login that a registry has accepted, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginMark {
    secret: SecretId,
    salt: String,
    hash: Digest,
}

impl Access {
    /// For those alone who have what a registry was `shown` when it gave the image.
    pub(crate) fn of(shown: Option<&OwnedLogin>) -> Self {
        let mut access = Self::Logins(Vec::new());
        access.admit(shown);
        access
    }

    /// For all for whom one of these is. An image that has none was not pulled for somebody.
    pub(crate) fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        let mut marks = Vec::new();
        for access in all {
            match access {
                Self::Everybody => return Self::Everybody,
                Self::Logins(more) => marks.extend(more),
            }
        }
        if marks.is_empty() { Self::Everybody } else { Self::Logins(marks) }
    }

    /// Adds those who have what a registry was `shown` when it gave the image again.
    pub(crate) fn admit(&mut self, shown: Option<&OwnedLogin>) {
        let Self::Logins(marks) = self else { return };
        let Some(OwnedLogin { login, secret: Some(secret) }) = shown else {
            *self = Self::Everybody;
            return;
        };
        if marks.iter().any(|mark| mark.secret == *secret && mark.is_of(login)) {
            return;
        }
        // A Secret whose login has changed.
        marks.retain(|mark| mark.secret != *secret);
        marks.push(LoginMark::new(login, secret.clone()));
    }

    /// Whether it is for somebody with these credentials.
    pub(crate) fn is_for(&self, credentials: &[Credentials]) -> bool {
        let Self::Logins(marks) = self else { return true };
        marks.iter().any(|mark| credentials.iter().any(|held| mark.is_in(held)))
    }
}

impl LoginMark {
    fn new(login: &Login, secret: SecretId) -> Self {
        let salt = uuid::Uuid::new_v4().to_string();
        Self { secret, hash: hash(&salt, login), salt }
    }

    fn is_of(&self, login: &Login) -> bool {
        self.hash == hash(&self.salt, login)
    }

    fn is_in(&self, credentials: &Credentials) -> bool {
        credentials.secret() == Some(&self.secret)
            || credentials.written().any(|login| self.is_of(login))
    }
}

fn hash(salt: &str, login: &Login) -> Digest {
    let parts = match login {
        Login::Password { user, password } => ["password", user, password.reveal()],
        Login::Identity(token) => ["identity", "", token.reveal()],
        Login::Bearer(token) => ["bearer", "", token.reveal()],
    };
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for part in std::iter::once(salt).chain(parts) {
        // With their lengths, so that no two lists of parts read alike.
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn secret(uid: &str) -> SecretId {
        SecretId { namespace: "default".into(), name: "registry".into(), uid: uid.into() }
    }

    fn shown(password: &str, secret: Option<SecretId>) -> OwnedLogin {
        let password = Secret::new(password.to_owned());
        OwnedLogin { login: Login::Password { user: "user".into(), password }, secret }
    }

    fn held(password: &str, uid: &str) -> [Credentials; 1] {
        let text = format!(
            r#"{{"auths": {{"r.test": {{"username": "user", "password": "{password}"}}}}}}"#
        );
        [Credentials::from_docker_config(&text).unwrap().of_secret(secret(uid))]
    }

    #[test]
    fn b210_the_same_secret_or_the_same_login_gives_access() {
        let access = Access::of(Some(&shown("hunter2", Some(secret("a")))));
        for (password, uid, want) in [
            ("hunter2", "a", true),
            ("hunter2", "b", true),
            ("changed", "a", true),
            ("changed", "b", false),
        ] {
            assert_eq!(access.is_for(&held(password, uid)), want, "{password} {uid}");
        }
        assert!(!access.is_for(&[]));
        let text = serde_json::to_string(&access).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(serde_json::from_str::<Access>(&text).unwrap(), access);
    }

    #[test]
    fn b210_what_everybody_may_use_stays_so() {
        let private = shown("hunter2", Some(secret("a")));
        for open in [None, Some(shown("other", None))] {
            let mut access = Access::of(Some(&private));
            access.admit(open.as_ref());
            assert!(access.is_for(&[]), "{open:?}");
            access.admit(Some(&private));
            assert!(access.is_for(&[]), "{open:?}");
        }
    }

    #[test]
    fn a_login_is_remembered_once_and_a_changed_one_in_place_of_the_old() {
        let mut access = Access::of(Some(&shown("old", Some(secret("a")))));
        let before = access.clone();
        access.admit(Some(&shown("old", Some(secret("a")))));
        assert_eq!(access, before);
        access.admit(Some(&shown("new", Some(secret("a")))));
        assert!(access.is_for(&held("new", "b")) && !access.is_for(&held("old", "b")));
        access.admit(Some(&shown("more", Some(secret("b")))));
        assert!(access.is_for(&held("more", "c")) && access.is_for(&held("new", "c")));
    }

    #[test]
    fn another_name_is_for_those_who_may_use_one() {
        let [one, other] =
            ["one", "other"].map(|login| Access::of(Some(&shown(login, Some(secret(login))))));
        let both = Access::of_all([one.clone(), other]);
        assert!(both.is_for(&held("one", "x")) && both.is_for(&held("other", "y")));
        assert!(!both.is_for(&[]));
        assert!(Access::of_all([one, Access::Everybody]).is_for(&[]));
        assert!(Access::of_all([]).is_for(&[]));
    }
}

//! Names that follow a rule of the Kubernetes API, as types that cannot hold any other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::fault::quoted;

pub(crate) mod rule;

/// A text that does not follow the rule for a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not {wanted}", quoted(text))]
pub struct InvalidName {
    /// What was found.
    pub text: String,
    /// What the rule wants: a fragment such as "a DNS label: at most 63 lower-case letters …".
    pub wanted: &'static str,
}

/// Declares a name and its rule.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident: $rule:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                match $rule(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(wanted) => Err(InvalidName { text, wanted }),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(text: &str) -> Result<Self, InvalidName> {
                text.to_owned().try_into()
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                text.try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.try_into().map_err(de::Error::custom)
            }
        }
    };
}

name! {
    /// A DNS label of RFC 1123, such as the name of a container, a volume or a namespace.
    ///
    /// ```
    /// use pod_spec::DnsLabel;
    ///
    /// let name: DnsLabel = "web-1".parse()?;
    /// assert_eq!(name.as_str(), "web-1");
    /// let error = "Web_1".parse::<DnsLabel>().unwrap_err();
    /// assert!(error.to_string().starts_with("`Web_1` is not a DNS label: at most 63 lower-case letters"));
    /// # Ok::<(), pod_spec::InvalidName>(())
    /// ```
    DnsLabel: rule::label
}

name! {
    /// A DNS subdomain of RFC 1123, such as the name of a pod: labels with points between them.
    ///
    /// ```
    /// use pod_spec::DnsSubdomain;
    ///
    /// assert!("web.example.com".parse::<DnsSubdomain>().is_ok());
    /// assert!("web..com".parse::<DnsSubdomain>().is_err());
    /// ```
    DnsSubdomain: rule::subdomain
}

name! {
    /// The key of a label: a name, after a DNS subdomain and `/` if it likes.
    ///
    /// ```
    /// use pod_spec::QualifiedName;
    ///
    /// assert!("app.kubernetes.io/name".parse::<QualifiedName>().is_ok());
    /// assert!("app/kubernetes/name".parse::<QualifiedName>().is_err());
    /// ```
    QualifiedName: rule::qualified
}

name! {
    /// The name of a port: that of a service in RFC 6335.
    ///
    /// ```
    /// use pod_spec::PortName;
    ///
    /// assert!("http-alt".parse::<PortName>().is_ok());
    /// assert!("8080".parse::<PortName>().is_err());
    /// ```
    PortName: rule::port
}

name! {
    /// The name of an environment variable: printable ASCII characters other than `=`, which Kubernetes allows.
    ///
    /// ```
    /// use pod_spec::EnvVarName;
    ///
    /// assert!("JAVA_OPTS".parse::<EnvVarName>().is_ok());
    /// assert!("A=B".parse::<EnvVarName>().is_err());
    /// ```
    EnvVarName: rule::variable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_its_text_was() {
        let name = DnsSubdomain::try_from("web.example".to_owned()).unwrap();
        assert_eq!(
            (name.as_str(), name.as_ref(), format!("{name:>12}").as_str()),
            ("web.example", "web.example", " web.example")
        );
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"web.example\"");
        assert_eq!(serde_json::from_str::<DnsSubdomain>("\"web.example\"").unwrap(), name);
        assert!(DnsSubdomain::try_from("a").unwrap() < name);
        assert_eq!(String::from(name), "web.example");
    }

    #[test]
    fn each_type_follows_its_own_rule() {
        // The types that take the text: label, subdomain, qualified name, port, variable.
        let cases = [
            ("web", [true, true, true, true, true]),
            ("", [false, false, false, false, false]),
            ("a.b", [false, true, true, false, true]),
            ("A_b", [false, false, true, false, true]),
            ("a.b/C", [false, false, true, false, true]),
            ("a--b", [true, true, true, false, true]),
            ("80", [true, true, true, false, true]),
            ("a=b", [false, false, false, false, false]),
            ("a b", [false, false, false, false, true]),
        ];
        for (text, want) in cases {
            let got = [
                text.parse::<DnsLabel>().is_ok(),
                text.parse::<DnsSubdomain>().is_ok(),
                text.parse::<QualifiedName>().is_ok(),
                text.parse::<PortName>().is_ok(),
                text.parse::<EnvVarName>().is_ok(),
            ];
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_told_with_what_is_wanted() {
        let error = serde_json::from_str::<PortName>("\"a\\u001b--b\"").unwrap_err().to_string();
        assert!(
            error.starts_with("`a\\u{1b}--b` is not a port's name: at most 15 lower-case"),
            "{error}"
        );
        assert!(serde_json::from_str::<PortName>("5").is_err());
    }
}

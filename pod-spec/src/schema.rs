//! One declaration for each object of the API. It gives the struct, its decoder, its serialised form, its
//! documentation, the list behind "did you mean", and its rows in the tables.

#[cfg(test)]
mod agreement;
#[cfg(test)]
pub(crate) mod filled;

use crate::decode::Cx;
use crate::document::{Entry, Node, Value};
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::spelling;
use crate::support::{Rules, Survey};

/// What a value is in the API.
#[derive(Debug)]
pub(crate) enum Type {
    Text,
    Bool,
    Int32,
    /// An integer of 32 bits that is never negative.
    Natural32,
    Int64,
    Quantity,
    IntOrString,
    Time,
    /// Bytes, as a text in base64.
    Bytes,
    /// Anything that JSON can hold.
    Any,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or another text.
    KnownWords(&'static [&'static str]),
    Object(&'static Table),
    List(&'static Type),
    /// From free-form keys to values of one type.
    Map(&'static Type),
}

impl Type {
    /// The fields, when this is an object, or a list of objects.
    pub(crate) fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Object(table) => Some(table),
            Self::List(items) => items.table(),
            _ => None,
        }
    }

    pub(crate) const fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }
}

/// What is known of one field.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name in the API.
    pub(crate) name: &'static str,
    /// What it is for, in a sentence or two.
    pub(crate) doc: &'static str,
    /// Whether the schema of Kubernetes says that it must be given.
    pub(crate) required: bool,
    /// Whether Kubernetes advises against it.
    pub(crate) deprecated: bool,
    /// Whether it is one of several fields of its object of which at most one can be given.
    pub(crate) exclusive: bool,
    pub(crate) ty: Type,
}

impl Field {
    /// A field that must be given, without anything else to be said of it.
    const fn required(name: &'static str, doc: &'static str, ty: Type) -> Self {
        Self { name, doc, required: true, deprecated: false, exclusive: false, ty }
    }
}

/// The fields of one object.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name in the API, with the version: `v1.PodSpec`.
    pub(crate) name: &'static str,
    /// What it is, in a sentence or two.
    pub(crate) doc: &'static str,
    pub(crate) own: &'static [Field],
    /// The object whose fields stand among its own.
    pub(crate) inline: Option<&'static Table>,
}

impl Table {
    /// Every field, those that are inlined last.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        let inline: &[Field] = self.inline.map_or(&[], |table| table.own);
        self.own.iter().chain(inline)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }
}

/// An object of the API.
pub(crate) trait Object: Default {
    const TABLE: &'static Table;

    /// Reads one entry into its field; false when there is no such field.
    fn set(&mut self, entry: &Entry<'_>, at: &Path<'_>, cx: &mut Cx) -> bool;

    /// Looks at every field that is given.
    fn survey_fields(&self, at: &Path<'_>, rules: Rules, survey: &mut Survey<'_>);
}

/// An object that may be missing among the fields of another: nothing of it is given.
impl<T: Object> Object for Option<T> {
    const TABLE: &'static Table = T::TABLE;

    fn set(&mut self, entry: &Entry<'_>, at: &Path<'_>, cx: &mut Cx) -> bool {
        if T::TABLE.field(&entry.key).is_none() {
            return false;
        }
        self.get_or_insert_with(T::default).set(entry, at, cx)
    }

    fn survey_fields(&self, at: &Path<'_>, rules: Rules, survey: &mut Survey<'_>) {
        if let Some(object) = self {
            object.survey_fields(at, rules, survey);
        }
    }
}

/// Declares an object: `"key" field: Type,` for each field, with `=> required` where Kubernetes' schema says so, or
/// `=> deprecated` where it does, after `inline field: Type,` when the fields of another object stand among its own.
macro_rules! object {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident: $api:literal {
            $(inline $inline:ident: $inline_ty:ty,)?
            $(
                $(#[doc = $field_doc:literal])*
                $key:literal $field:ident: $ty:ty $(=> $mark:ident)?,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[doc = concat!("\n\nIn the Kubernetes API: `", $api, "`.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        pub struct $name {
            $(
                $(#[doc = $field_doc])*
                #[doc = concat!("\n\nIn the Kubernetes API: `", $key, "`.")]
                #[serde(rename = $key, skip_serializing_if = "crate::decode::is_absent")]
                pub $field: $ty,
            )*
            $(
                /// The fields of this object stand among the others.
                #[serde(flatten)]
                pub $inline: $inline_ty,
            )?
        }

        $crate::schema::fields! {
            $name: $api, [$($doc)*], [$(inline $inline: $inline_ty)?] {
                $([$($field_doc)*] $key $field: $ty $(=> $mark)?,)*
            }
        }

        impl $crate::decode::Decode for $name {
            const TYPE: $crate::schema::Type =
                $crate::schema::Type::Object(<Self as $crate::schema::Object>::TABLE);

            fn decode(
                node: &$crate::document::Node<'_>,
                at: &$crate::path::Path<'_>,
                cx: &mut $crate::decode::Cx,
            ) -> Self {
                $crate::decode::object(node, at, cx)
            }
        }

        $crate::schema::deserialize!($name);
    };
}

/// Declares an object that can stand alone: one with `apiVersion` and `kind`, which its type stands for.
macro_rules! kind {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident: $version:literal $kind:literal {
            $(
                $(#[doc = $field_doc:literal])*
                $key:literal $field:ident: $ty:ty $(=> $mark:ident)?,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[doc = concat!("\n\nIn the Kubernetes API: `", $kind, "` of `", $version, "`.")]
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $field_doc])*
                #[doc = concat!("\n\nIn the Kubernetes API: `", $key, "`.")]
                pub $field: $ty,
            )*
            /// Where it was read from.
            pub(crate) source: $crate::path::Source,
        }

        impl $name {
            /// The `apiVersion` of every such object.
            pub const API_VERSION: &'static str = $version;
            /// The `kind` of every such object.
            pub const KIND: &'static str = $kind;
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = s.serialize_map(None)?;
                map.serialize_entry("apiVersion", Self::API_VERSION)?;
                map.serialize_entry("kind", Self::KIND)?;
                $(
                    if !$crate::decode::is_absent(&self.$field) {
                        map.serialize_entry($key, &self.$field)?;
                    }
                )*
                map.end()
            }
        }

        $crate::schema::fields! {
            $name: $kind, [$($doc)*], [header] {
                $([$($field_doc)*] $key $field: $ty $(=> $mark)?,)*
            }
        }

        impl $crate::decode::Decode for $name {
            const TYPE: $crate::schema::Type =
                $crate::schema::Type::Object(<Self as $crate::schema::Object>::TABLE);

            fn decode(
                node: &$crate::document::Node<'_>,
                at: &$crate::path::Path<'_>,
                cx: &mut $crate::decode::Cx,
            ) -> Self {
                $crate::schema::header(node, Self::API_VERSION, Self::KIND, at, cx);
                $crate::decode::object(node, at, cx)
            }
        }

        $crate::schema::deserialize!($name);
    };
}

/// What every object that can stand alone begins with.
pub(crate) struct Header;

impl Header {
    pub(crate) const TABLE: &'static Table = &Table {
        name: "TypeMeta",
        doc: "What an object is.",
        own: &[
            Field::required(
                "apiVersion",
                "The version of the API that the object is written in.",
                Type::Text,
            ),
            Field::required("kind", "What the object is.", Type::Text),
        ],
        inline: None,
    };
}

/// Checks that the object is what it is taken for.
pub(crate) fn header(node: &Node<'_>, version: &str, kind: &str, at: &Path<'_>, cx: &mut Cx) {
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    for (key, want) in [("apiVersion", version), ("kind", kind)] {
        let at = at.field(key);
        match node.get(key).map(|node| &node.value) {
            Some(Value::Text(text)) if text == want => {}
            None | Some(Value::Null) => {
                cx.fault(&at, FaultKind::Required, format!("required: `{want}`"));
            }
            Some(_) => cx.fault(&at, FaultKind::Invalid, format!("it is not `{want}`")),
        }
    }
}

/// The fields of an object, for reading and for looking through.
macro_rules! fields {
    (
        $name:ident: $api:literal, [$($doc:literal)*], $rest:tt {
            $([$($field_doc:literal)*] $key:literal $field:ident: $ty:ty $(=> $mark:ident)?,)*
        }
    ) => {
        impl $crate::schema::Object for $name {
            const TABLE: &'static $crate::schema::Table = &$crate::schema::Table {
                name: $api,
                doc: concat!($($doc),*),
                own: &[$(
                    $crate::schema::Field {
                        name: $key,
                        doc: concat!($($field_doc),*),
                        required: $crate::schema::fields!(@is_required $($mark)?),
                        deprecated: $crate::schema::fields!(@is_deprecated $($mark)?),
                        exclusive: false,
                        ty: <$ty as $crate::decode::Decode>::TYPE,
                    },
                )*],
                inline: $crate::schema::fields!(@inline $rest),
            };

            fn set(
                &mut self,
                entry: &$crate::document::Entry<'_>,
                at: &$crate::path::Path<'_>,
                cx: &mut $crate::decode::Cx,
            ) -> bool {
                match &*entry.key {
                    $($key => self.$field = $crate::decode::Decode::decode(&entry.value, at, cx),)*
                    _ => return $crate::schema::fields!(@set $rest self entry at cx),
                }
                true
            }

            fn survey_fields(
                &self,
                at: &$crate::path::Path<'_>,
                rules: $crate::support::Rules,
                survey: &mut $crate::support::Survey<'_>,
            ) {
                $(survey.field(at, $key, rules, &self.$field);)*
                $crate::schema::fields!(@survey $rest self at rules survey);
            }
        }

        impl $crate::decode::Content for $name {
            fn is_absent(&self) -> bool {
                *self == Self::default()
            }

            fn survey(
                &self,
                at: &$crate::path::Path<'_>,
                rules: $crate::support::Rules,
                survey: &mut $crate::support::Survey<'_>,
            ) {
                $crate::schema::Object::survey_fields(self, at, rules, survey);
            }
        }
    };
    (@is_required required) => { true };
    (@is_required $(deprecated)?) => { false };
    (@is_deprecated deprecated) => { true };
    (@is_deprecated $(required)?) => { false };
    (@inline []) => { None };
    (@inline [header]) => { Some($crate::schema::Header::TABLE) };
    (@inline [inline $inline:ident: $ty:ty]) => { Some(<$ty as $crate::schema::Object>::TABLE) };
    (@set [] $this:ident $entry:ident $at:ident $cx:ident) => { false };
    (@set [header] $this:ident $entry:ident $at:ident $cx:ident) => {
        $crate::schema::Header::TABLE.field(&$entry.key).is_some()
    };
    (@set [inline $inline:ident: $ty:ty] $this:ident $entry:ident $at:ident $cx:ident) => {
        $crate::schema::Object::set(&mut $this.$inline, $entry, $at, $cx)
    };
    (@survey [] $this:ident $at:ident $rules:ident $survey:ident) => {};
    (@survey [header] $this:ident $at:ident $rules:ident $survey:ident) => {};
    (@survey [inline $inline:ident: $ty:ty] $this:ident $at:ident $rules:ident $survey:ident) => {
        $crate::schema::Object::survey_fields(&$this.$inline, $at, $rules, $survey)
    };
}

/// Declares objects of which at most one stands among the fields of another, each under its key, with `=> deprecated`
/// where Kubernetes' schema says so.
macro_rules! one_of {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident: $api:literal {
            $(
                $(#[doc = $variant_doc:literal])*
                $key:literal $variant:ident($ty:ty) $(=> $mark:ident)?,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[doc = concat!("\n\nIn the Kubernetes API: `", $api, "`.")]
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[non_exhaustive]
        pub enum $name {
            $(
                $(#[doc = $variant_doc])*
                #[doc = concat!("\n\nIn the Kubernetes API: `", $key, "`.")]
                #[serde(rename = $key)]
                $variant($ty),
            )*
        }

        impl $name {
            /// The key that it stands under.
            pub const fn key(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $key,)*
                }
            }
        }

        impl $crate::schema::Object for Option<$name> {
            const TABLE: &'static $crate::schema::Table = &$crate::schema::Table {
                name: $api,
                doc: concat!($($doc),*),
                own: &[$(
                    $crate::schema::Field {
                        name: $key,
                        doc: concat!($($variant_doc),*),
                        required: false,
                        deprecated: $crate::schema::fields!(@is_deprecated $($mark)?),
                        exclusive: true,
                        ty: <$ty as $crate::decode::Decode>::TYPE,
                    },
                )*],
                inline: None,
            };

            fn set(
                &mut self,
                entry: &$crate::document::Entry<'_>,
                at: &$crate::path::Path<'_>,
                cx: &mut $crate::decode::Cx,
            ) -> bool {
                let source = match &*entry.key {
                    $($key => $name::$variant($crate::decode::Decode::decode(&entry.value, at, cx)),)*
                    _ => return false,
                };
                match self {
                    Some(first) => {
                        let message = format!("it is already of the kind `{}`", first.key());
                        cx.fault(at, $crate::fault::FaultKind::Forbidden, message);
                    }
                    None => *self = Some(source),
                }
                true
            }

            fn survey_fields(
                &self,
                at: &$crate::path::Path<'_>,
                rules: $crate::support::Rules,
                survey: &mut $crate::support::Survey<'_>,
            ) {
                match self {
                    $(Some($name::$variant(source)) => survey.field(at, $key, rules, source),)*
                    None => {}
                }
            }
        }
    };
}

/// Declares an enumeration of words. A word that is none of them is a fault of the kind in parentheses, `NotSupported`
/// when none is given.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident $(($fault:ident))? {
            $($(#[$word_meta:meta])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $(
                $(#[$word_meta])*
                #[doc = concat!("\n\nIn the Kubernetes API: `", $word, "`.")]
                $variant,
            )*
        }

        impl $name {
            /// Every word, in the order of the API's documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word the API uses.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl $crate::decode::Decode for $name {
            const TYPE: $crate::schema::Type = $crate::schema::Type::Words(&[$($word),*]);

            fn decode(
                node: &$crate::document::Node<'_>,
                at: &$crate::path::Path<'_>,
                cx: &mut $crate::decode::Cx,
            ) -> Self {
                let kind = $crate::schema::words!(@fault $($fault)?);
                $crate::schema::word(node, at, cx, &[$(($word, Self::$variant)),*], kind)
            }
        }

        impl $crate::decode::Content for $name {
            fn scalar(&self) -> Option<String> {
                Some(self.as_str().to_owned())
            }
        }

        $crate::schema::deserialize!($name);
    };
    (@fault) => { $crate::fault::FaultKind::NotSupported };
    (@fault $kind:ident) => { $crate::fault::FaultKind::$kind };
}

/// Reads one of a few words.
pub(crate) fn word<T: Copy + Default>(
    node: &Node<'_>,
    at: &Path<'_>,
    cx: &mut Cx,
    words: &[(&'static str, T)],
    kind: FaultKind,
) -> T {
    let before = cx.faults.len();
    let text = <String as crate::decode::Decode>::decode(node, at, cx);
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return *value;
    }
    let at = at.at(node.at.or(at.position()));
    if text.is_empty() && cx.faults.len() == before {
        cx.fault(&at, FaultKind::Required, "required, but not given");
    } else if cx.faults.len() == before {
        let list: Vec<_> = words
            .iter()
            .map(|(w, _)| if w.is_empty() { "`\"\"`".to_owned() } else { format!("`{w}`") })
            .collect();
        let message = format!("{} is not one of {}", quoted(&text), list.join(", "));
        let suggestion = spelling::suggest(&text, words.iter().map(|(w, _)| *w));
        cx.fault_with(&at, kind, message, suggestion);
    }
    T::default()
}

/// `Deserialize` by the type's own decoder, so that there is one reading of the API and not two.
macro_rules! deserialize {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::reader::deserialize(d)
            }
        }
    };
}

pub(crate) use {deserialize, fields, kind, object, one_of, words};

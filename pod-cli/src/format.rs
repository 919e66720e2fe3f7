//! What `-o` asks for, and objects in that form.

use std::fs;
use std::str::FromStr;

use pod_spec::to_yaml;
use serde_json::Value;

use crate::columns::Columns;
use crate::error::CliError;
use crate::item::Item;
use crate::jsonpath::Template;
use crate::object;

/// The forms as errors name them.
const FORMS: &str = "wide, json, yaml, name, jsonpath=TEMPLATE, jsonpath-file=FILE, jsonpath-as-json=TEMPLATE, \
                     custom-columns=HEADING:PATH,… and custom-columns-file=FILE";

/// A form in which objects are printed, other than a plain table.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// A table with more columns.
    Wide,
    /// A table with columns of one's own.
    Columns(Columns),
    Data(Data),
}

/// A form without columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    Json,
    Yaml,
    /// `pod/NAME` and the like only.
    Name,
    JsonPath(Template),
    JsonPathAsJson(Template),
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(plain) = text.parse() {
            return Ok(Self::Data(plain));
        }
        let read =
            |file: &str| fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"));
        let path = |text: &str| Template::parse(text).map_err(|e| e.to_string());
        let Some((form, value)) = text.split_once('=') else {
            return match text {
                "wide" => Ok(Self::Wide),
                _ => Err(unknown(text)),
            };
        };
        Ok(match form {
            "jsonpath" => Self::Data(Data::JsonPath(path(value)?)),
            "jsonpath-file" => Self::Data(Data::JsonPath(path(read(value)?.trim_end())?)),
            "jsonpath-as-json" => Self::Data(Data::JsonPathAsJson(path(value)?)),
            "custom-columns" => Self::Columns(Columns::parse(value)?),
            "custom-columns-file" => Self::Columns(Columns::from_lines(&read(value)?)?),
            _ => return Err(unknown(form)),
        })
    }
}

impl FromStr for Data {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "name" => Ok(Self::Name),
            _ => Err(format!("`{text}` is not one of json, yaml and name")),
        }
    }
}

fn unknown(form: &str) -> String {
    match form {
        "go-template" | "go-template-file" | "template" | "templatefile" => {
            "templates of Go are not done here: jsonpath and custom-columns are".to_owned()
        }
        _ => format!("`{form}` is not one of {FORMS}"),
    }
}

impl Data {
    /// Objects in this form; `alone` when one was asked for by its name, which needs no list around it.
    pub fn render(&self, items: Vec<Item>, alone: bool) -> Result<String, CliError> {
        match self {
            Self::Json => Ok(object::json(&whole(items, alone))),
            Self::Yaml => to_yaml(&whole(items, alone)).map_err(object::unwritable),
            Self::Name => Ok(items.iter().map(|item| item.path() + "\n").collect()),
            Self::JsonPath(template) => Ok(template.render(&whole(items, alone))?),
            Self::JsonPathAsJson(template) => {
                let whole = whole(items, alone);
                let values: Vec<Value> = template.values(&whole)?.into_iter().cloned().collect();
                Ok(object::json(&values.into()))
            }
        }
    }
}

fn whole(mut items: Vec<Item>, alone: bool) -> Value {
    match items.pop() {
        Some(one) if alone && items.is_empty() => one.object,
        last => object::list(items.into_iter().chain(last).map(|item| item.object).collect()),
    }
}

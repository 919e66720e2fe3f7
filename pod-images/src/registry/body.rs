//! Bodies of answers, of which never more than a bounded part is held.

use serde::Deserialize;

use super::{RegistryFault, Timing};

/// How much of an error's text is read, in bytes.
const MAX_ERROR: u64 = 16 << 10;
/// How much of it is told, in characters.
const MAX_SAID: usize = 200;

/// The whole body, which may have `most` bytes.
pub(super) async fn bounded(
    mut response: reqwest::Response,
    most: u64,
    host: &str,
    timing: &Timing,
) -> Result<Vec<u8>, RegistryFault> {
    let too_large = RegistryFault::TooLarge { most };
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| RegistryFault::of(error, host, timing))?
    {
        if (body.len() + chunk.len()) as u64 > most {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    errors: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What the body of an error says, with a colon before it; nothing when it is not of the form
/// that registries use.
pub(super) async fn said(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ERROR {
            return String::new();
        }
    }
    told(&body)
}

fn told(body: &[u8]) -> String {
    let Ok(said) = serde_json::from_slice::<Said>(body) else { return String::new() };
    let Some(Item { code, message }) = said.errors.into_iter().next() else {
        return String::new();
    };
    let text = if message.is_empty() { code } else { message };
    let plain: String = text.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
    if plain.trim().is_empty() { String::new() } else { format!(": {}", plain.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_cut_and_cleaned() {
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(999));
        for (body, expected) in [
            (r#"{"errors":[{"code":"DENIED","message":"no \u001b[31mway\n"}]}"#, ": no [31mway"),
            (r#"{"errors":[{"code":"DENIED"}]}"#, ": DENIED"),
            (r#"{"errors":[]}"#, ""),
            ("<html>", ""),
            (&long, &format!(": {}", "x".repeat(MAX_SAID))),
        ] {
            assert_eq!(told(body.as_bytes()), expected);
        }
    }
}

//! Bearer tokens: a token server gives one for a login, or for none.
//!
//! Source: the token and OAuth 2 pages of the distribution project's authentication documents.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::body::{bounded, said};
use super::failure::Visitor;
use super::{Login, RegistryFault, Timing};

/// More than any token server answers.
const MAX_ANSWER: u64 = 1 << 20;
/// What a token server is told that we are, where it has to be told.
const CLIENT: &str = "pod";

/// What a token is asked for with.
#[derive(Debug)]
pub(super) struct TokenRequest<'a> {
    /// Where tokens are given, as the registry says.
    pub realm: &'a str,
    /// What the token server calls the registry.
    pub service: Option<&'a str>,
    /// What is going to be read.
    pub repository: &'a str,
    /// Who asks.
    pub visitor: &'a Visitor,
    /// Whether the login may go over plain HTTP, as the registry itself is spoken to.
    pub plain: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

impl TokenRequest<'_> {
    /// Asks for a token, as the value of an `Authorization` header.
    pub(super) async fn send(
        &self,
        http: &reqwest::Client,
        timing: &Timing,
    ) -> Result<HeaderValue, RegistryFault> {
        let realm = Url::parse(self.realm)
            .map_err(|_| RegistryFault::Protocol("the address of its token server is not valid"))?;
        if realm.scheme() != "https" && !self.plain {
            return Err(RegistryFault::PlainTokenServer);
        }
        let host = realm.host_str().unwrap_or_default().to_owned();
        let response = self
            .request(http, realm)
            .timeout(timing.silence)
            .send()
            .await
            .map_err(|error| RegistryFault::of(error, &host, timing))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            let said = said(response).await;
            return Err(match status.as_u16() {
                // What some token servers answer to a login that they do not like.
                400 if self.visitor.login.is_some() => self.visitor.denied(said),
                _ => RegistryFault::of_status(status, &headers, said, self.visitor),
            });
        }
        let body = bounded(response, MAX_ANSWER, &host, timing).await?;
        let no_token = RegistryFault::Protocol("its token server's answer holds no token");
        let Ok(answer) = serde_json::from_slice::<Answer>(&body) else { return Err(no_token) };
        let token =
            [answer.token, answer.access_token].into_iter().flatten().find(|t| !t.is_empty());
        token.and_then(|token| secret_header(&format!("Bearer {token}"))).ok_or(no_token)
    }

    fn request(&self, http: &reqwest::Client, mut realm: Url) -> reqwest::RequestBuilder {
        let scope = format!("repository:{}:pull", self.repository);
        if let Some(Login::Identity(token)) = &self.visitor.login {
            let form = form(&[
                ("grant_type", "refresh_token"),
                ("service", self.service.unwrap_or_default()),
                ("client_id", CLIENT),
                ("scope", &scope),
                ("refresh_token", token.reveal()),
            ]);
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            return http.request(Method::POST, realm).header(CONTENT_TYPE, kind).body(form);
        }
        {
            let mut query = realm.query_pairs_mut();
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &scope);
        }
        let request = http.get(realm);
        match &self.visitor.login {
            Some(Login::Password { user, password }) => {
                request.basic_auth(user, Some(password.reveal()))
            }
            _ => request,
        }
    }
}

/// A header that the HTTP library does not show in its own output.
pub(super) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn form(pairs: &[(&str, &str)]) -> String {
    // The query of an address is written the same way as a form.
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

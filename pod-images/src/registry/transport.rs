//! HTTP to one registry: TLS, proxies, redirects and how long anything may take.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::certificates::{CertificateError, Certificates};
use super::{Endpoint, Places};

/// What we call ourselves.
const AGENT: &str = concat!("pod/", env!("CARGO_PKG_VERSION"));
/// More than any registry needs.
const MAX_REDIRECTS: usize = 10;

/// How long a registry may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Until a connection is there, TLS included. 30 s by default.
    pub connect: Duration,
    /// Without a byte, after which a connection is given up. 60 s by default.
    pub silence: Duration,
    /// Attempts without any progress, after which a fetch is given up. 5 by default.
    pub attempts: u32,
    /// Before the second attempt; doubled for each further one. 100 ms by default.
    pub pause: Duration,
    /// The longest that is waited when a registry says when to come again. 60 s by default.
    pub patience: Duration,
}

impl Timing {
    /// For the whole of a small answer, so that one that comes in drops does not go on for ever.
    pub(super) fn exchange(&self) -> Duration {
        2 * self.silence
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            attempts: 5,
            pause: Duration::from_millis(100),
            patience: Duration::from_secs(60),
        }
    }
}

/// A client that speaks to one registry, and to where that one leads.
pub(super) fn client(
    endpoint: &Endpoint,
    places: &Places,
    timing: &Timing,
) -> Result<reqwest::Client, CertificateError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(endpoint, places)?)
        .user_agent(AGENT)
        // Where we come from is no business of those that we are led to.
        .referer(false)
        .connect_timeout(timing.connect)
        .read_timeout(timing.silence)
        .redirect(redirects(endpoint.is_insecure()));
    let builder = if endpoint.is_loopback() { builder.no_proxy() } else { builder };
    // With a TLS configuration that is made already there is nothing left that could fail.
    builder.build().map_err(|_| CertificateError::Unusable { host: endpoint.host().to_owned() })
}

/// The client itself takes logins and tokens out of a request that goes to another host.
fn redirects(insecure: bool) -> Policy {
    Policy::custom(move |attempt| {
        let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else if from_tls && attempt.url().scheme() != "https" && !insecure {
            attempt.error("a redirect from https to http")
        } else {
            attempt.follow()
        }
    })
}

fn tls(endpoint: &Endpoint, places: &Places) -> Result<ClientConfig, CertificateError> {
    let host = endpoint.host();
    let directories = places.certificate_directories();
    let certificates = Certificates::load(host, &directories)?;
    // Given here and not as the process's default, which belongs to the program around us.
    let provider = Arc::new(ring::default_provider());
    let unusable = |source| CertificateError::Identity { host: host.to_owned(), source };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = if endpoint.is_insecure() {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
    } else {
        let roots = Arc::new(roots(host, &certificates)?);
        match WebPkiServerVerifier::builder_with_provider(roots, provider).build() {
            Ok(verifier) => builder.with_webpki_verifier(verifier),
            // There is no authority at all on this machine, so there is none that is trusted.
            Err(_) => builder.with_root_certificates(RootCertStore::empty()),
        }
    };
    match certificates.identity {
        Some(identity) => {
            builder.with_client_auth_cert(identity.chain, identity.key).map_err(unusable)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

/// The authorities of the machine, and those that are trusted for this registry.
fn roots(host: &str, certificates: &Certificates) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in &certificates.authorities {
        roots
            .add(authority.clone())
            .map_err(|source| CertificateError::Authority { host: host.to_owned(), source })?;
    }
    Ok(roots)
}

/// Takes any certificate: for a registry that is marked as insecure.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

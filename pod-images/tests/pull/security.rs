//! TLS, logins and tokens, and that no secret goes where it must not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pod_images::{Credentials, PullPolicy};
use serde_json::json;

use crate::content::Content;
use crate::debian::{DebianRegistry, make_certificates, program, run};
use crate::resume::pull_in_a_child;
use crate::server::{Reply, Request, Server, serve};
use crate::world::{World, file_of};

/// base64 of "user:hunter2".
const AUTH: &str = "dXNlcjpodW50ZXIy";

fn small() -> Content {
    let mut content = Content::default();
    content.add_image(Some("1"), &[&[("a", b"x")]]);
    content
}

fn login(registry: &str) -> Credentials {
    let text = format!(r#"{{"auths":{{"{registry}":{{"auth":"{AUTH}"}}}}}}"#);
    Credentials::from_docker_config(&text).unwrap()
}

#[test]
fn a_certificate_has_to_be_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let settings = "  tls:\n    certificate: DIR/server.crt\n    key: DIR/server.key\n";
    let registry = DebianRegistry::with_files(
        settings,
        &[("server.crt", &read("server.crt")), ("server.key", &read("server.key"))],
    );
    registry.push(&small(), "1", "app:1", &[]);
    let image = registry.image("app:1");
    assert!(World::new().pull(&image).is_ok(), "this machine needs no certificate");

    let world = World::new();
    let secure = format!("[[registry]]\nlocation = '{}'\ninsecure = false\n", registry.host);
    world.set("containers/registries.conf", secure);
    let error = world.failure(&image);
    let place = format!("/etc/containers/certs.d/{}/ca.crt", registry.host);
    assert!(error.contains(&place), "{error}");

    world.set(&format!("docker/certs.d/{}/ca.crt", registry.host), read("ca.crt"));
    assert!(file_of(&world.pull(&image).unwrap(), "a").is_some());
}

#[test]
fn a_registry_that_asks_for_a_certificate_gets_ours() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let settings = "  tls:\n    certificate: DIR/server.crt\n    key: DIR/server.key\n    \
                    clientcas: [DIR/ca.crt]\n";
    let names = ["server.crt", "server.key", "ca.crt"];
    let files: Vec<_> = names.iter().map(|name| (*name, read(name))).collect();
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, &content[..])).collect();
    let registry = DebianRegistry::with_files(settings, &files);
    let client = dir.path().join("client");
    fs::create_dir(&client).unwrap();
    for (name, file) in [("client.cert", "client.crt"), ("client.key", "client.key")] {
        fs::write(client.join(name), read(file)).unwrap();
    }
    registry.push(&small(), "1", "app:1", &["--dest-cert-dir", client.to_str().unwrap()]);

    let world = World::new();
    assert!(world.failure(&registry.image("app:1")).contains("from 127.0.0.1"));
    for (name, file) in [("client.cert", "client.crt"), ("client.key", "client.key")] {
        world.set(&format!("containers/certs.d/{}/{name}", registry.host), read(file));
    }
    assert!(world.pull(&registry.image("app:1")).is_ok());
}

#[test]
fn a_registry_without_tls_is_told_nothing_unless_it_is_marked() {
    let server = Server::of(small());
    let mut world = World::new();
    world.options.credentials = vec![login(&server.address.to_string())];
    let mark = |insecure: bool| {
        format!("[[registry]]\nlocation = '{}'\ninsecure = {insecure}\n", server.address)
    };
    world.set("containers/registries.conf", mark(false));
    let error = world.failure(&server.image("app:1"));
    assert!(error.contains("TLS failed; a registry without it needs `insecure = true`"), "{error}");
    assert_eq!(server.requests().len(), 0);
    world.set("containers/registries.conf", mark(true));
    assert!(world.pull(&server.image("app:1")).is_ok());
}

#[test]
fn a_password_is_asked_for_and_accepted() {
    let htpasswd = run(program("htpasswd").args(["-Bbn", "user", "hunter2"]));
    let settings = "auth: {htpasswd: {realm: test, path: DIR/htpasswd}}\n";
    let registry = DebianRegistry::with_files(settings, &[("htpasswd", &htpasswd)]);
    registry.push(&small(), "1", "team/app:1", &["--dest-creds", "user:hunter2"]);
    let image = registry.image("team/app:1");

    let mut world = World::new();
    world.options.places.docker = Some("/none/.docker".into());
    let error = world.failure(&image);
    assert!(error.ends_with("logins are read from /none/.docker/config.json"), "{error}");
    let hint = format!("log in with `podman login {0}` or `docker login {0}`", registry.host);
    assert!(error.contains("it needs a login") && error.contains(&hint), "{error}");

    let wrong =
        format!(r#"{{"auths":{{"{}":{{"username":"user","password":"wrong1"}}}}}}"#, registry.host);
    world.options.credentials = vec![Credentials::from_docker_config(&wrong).unwrap()];
    let error = world.failure(&image);
    assert!(error.contains("the login is not accepted") && !error.contains("wrong1"), "{error}");

    // A login that fits better and is refused does not hide one that is accepted.
    world.options.credentials.push(login(&format!("{}/team", registry.host)));
    assert!(world.pull(&image).is_ok());

    let world = World::new();
    fs::create_dir(world.path("docker")).unwrap();
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"{AUTH}"}}}}}}"#, registry.host);
    fs::write(world.path("docker/config.json"), text).unwrap();
    assert!(world.pull(&image).is_ok());
}

#[test]
fn a_credential_helper_is_asked_for_the_login() {
    let content = small();
    let server = Server::new(move |request| {
        if request.headers.get("authorization") == Some(&format!("Basic {AUTH}")) {
            return serve(&content, request);
        }
        let challenge = vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())];
        Reply::Whole(401, challenge, Vec::new())
    });
    let world = World::new();
    let helpers = format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, server.address);
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = get ] && [ \"$(cat)\" = {} ] || exit 1\n\
         echo '{{\"Username\":\"user\",\"Secret\":\"hunter2\"}}'\n",
        server.address
    );
    for (dir, name, text) in
        [("docker", "config.json", helpers), ("bin", "docker-credential-test", script)]
    {
        fs::create_dir(world.path(dir)).unwrap();
        let file = world.path(dir).join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let image = server.image("app:1");
    let error = world.failure(&image);
    assert!(error.contains("from docker-credential-test: it cannot be run"), "{error}");
    let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    let mut child = pull_in_a_child(&world, &image).env("PATH", path).spawn().unwrap();
    assert!(child.wait().unwrap().success());
}

/// A registry that wants a token, which is good for `uses` requests.
fn token_registry(uses: usize) -> (Server, Arc<AtomicUsize>) {
    let content = small();
    let given = Arc::new(AtomicUsize::new(0));
    let used = AtomicUsize::new(0);
    let server = Server::new({
        let given = Arc::clone(&given);
        move |request| {
            if request.path.starts_with("/token") {
                let refresh = request.body.contains("refresh_token=hunter2")
                    && request.body.contains("grant_type=refresh_token");
                let known = request.headers.get("authorization").map(String::as_str)
                    == Some(&format!("Basic {AUTH}"));
                if !(known || refresh) {
                    return Reply::status(401);
                }
                used.store(0, Ordering::SeqCst);
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                return Reply::Whole(200, Vec::new(), format!(r#"{{"token":"t{number}"}}"#).into());
            }
            let wanted = format!("Bearer t{}", given.load(Ordering::SeqCst));
            let shown = request.headers.get("authorization") == Some(&wanted);
            if !shown || used.fetch_add(1, Ordering::SeqCst) >= uses {
                let host = &request.headers["host"];
                let challenge = format!(
                    "Bearer realm=\"http://{host}/token\",service=\"test\",scope=\"ignored\""
                );
                return Reply::Whole(401, vec![("WWW-Authenticate", challenge)], Vec::new());
            }
            serve(&content, request)
        }
    });
    (server, given)
}

#[test]
fn tokens_are_fetched_with_the_login_and_renewed() {
    for (uses, tokens) in [(99, 1), (1, 3)] {
        let (server, given) = token_registry(uses);
        let mut world = World::new();
        let error = world.failure(&server.image("team/app:1"));
        assert!(error.contains("it needs a login"), "{error}");
        world.options.credentials = vec![login(&server.address.to_string())];
        assert!(world.pull(&server.image("team/app:1")).is_ok());
        assert_eq!(given.load(Ordering::SeqCst), tokens, "{uses} uses");
        let asked: Vec<Request> =
            server.requests().into_iter().filter(|r| r.path.starts_with("/token")).collect();
        let query = "/token?service=test&scope=repository%3Ateam%2Fapp%3Apull";
        assert_eq!(asked.last().unwrap().path, query);
        // What was pulled can be looked at without a login; to be asked for again, it needs one.
        world.options.credentials.clear();
        assert!(world.ensure(&server.image("team/app:1"), PullPolicy::IfNotPresent).is_ok());
        assert!(world.pull(&server.image("team/app:1")).is_err());
    }
}

/// A token as docker-registry checks it, for what `scope` asks: signed with `token.key` in `dir`.
fn signed_token(dir: &Path, scope: &str) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let openssl = |arguments: &[&str]| run(program("openssl").current_dir(dir).args(arguments));
    let certificate = openssl(&["x509", "-in", "token.crt", "-outform", "DER"]);
    let mut words = scope.split(':');
    let (kind, name) = (words.next().unwrap(), words.next().unwrap());
    let actions: Vec<_> = words.next().unwrap().split(',').collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [STANDARD.encode(certificate)]});
    let claims = json!({
        "iss": "test", "sub": "user", "aud": "test", "jti": "1",
        "exp": now + 60, "nbf": now - 60, "iat": now - 60,
        "access": [{"type": kind, "name": name, "actions": actions}],
    });
    let signed =
        format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &signed).unwrap();
    let signature =
        openssl(&["dgst", "-sha256", "-sign", "token.key", file.path().to_str().unwrap()]);
    format!("{signed}.{}", part(&signature))
}

#[test]
fn a_real_registry_takes_the_tokens_of_its_token_server() {
    let dir = tempfile::tempdir().unwrap();
    run(program("openssl").current_dir(dir.path()).args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=token",
        "-keyout",
        "token.key",
        "-out",
        "token.crt",
    ]));
    let place = dir.path().to_owned();
    let tokens = Server::new(move |request| {
        if request.headers.get("authorization") != Some(&format!("Basic {AUTH}")) {
            return Reply::status(401);
        }
        let query = request.path.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        let scope = query.split(['?', '&']).find_map(|pair| pair.strip_prefix("scope="));
        let token = signed_token(&place, scope.unwrap());
        Reply::Whole(200, Vec::new(), json!({"token": token}).to_string().into())
    });
    let settings = |further: &str| {
        format!(
            "{further}auth:\n  token: {{realm: \"http://{}/token\", service: test, issuer: test, \
             rootcertbundle: DIR/token.crt}}\n",
            tokens.address
        )
    };
    let certificate = fs::read(dir.path().join("token.crt")).unwrap();
    let files: &[(&str, &[u8])] = &[("token.crt", &certificate)];
    let registry = DebianRegistry::with_files(&settings(""), files);
    registry.push(&small(), "1", "team/app:1", &["--dest-creds", "user:hunter2"]);
    let mut world = World::new();
    assert!(world.failure(&registry.image("team/app:1")).contains("it needs a login"));
    world.options.credentials = vec![login(&registry.host)];
    assert!(world.pull(&registry.image("team/app:1")).is_ok());

    // Where the registry itself is spoken to over TLS, no login goes to a token server without.
    make_certificates(dir.path());
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let (own, key) = (read("server.crt"), read("server.key"));
    let files = [files[0], ("server.crt", &own[..]), ("server.key", &key[..])];
    let tls = "  tls:\n    certificate: DIR/server.crt\n    key: DIR/server.key\n";
    let registry = DebianRegistry::with_files(&settings(tls), &files);
    world.options.credentials = vec![login(&registry.host)];
    world.set(&format!("containers/certs.d/{}/ca.crt", registry.host), read("ca.crt"));
    let secure = format!("[[registry]]\nlocation = '{}'\ninsecure = false\n", registry.host);
    world.set("containers/registries.conf", secure);
    let asked = tokens.requests().len();
    let error = world.failure(&registry.image("team/app:1"));
    assert!(error.contains("its token server is not asked over https"), "{error}");
    assert_eq!(tokens.requests().len(), asked);
}

#[test]
fn an_identity_token_is_shown_to_the_token_server_alone() {
    let (server, given) = token_registry(99);
    let mut world = World::new();
    let text = format!(
        r#"{{"auths":{{"{}":{{"auth":"dXNlcjo=","identitytoken":"hunter2"}}}}}}"#,
        server.address
    );
    world.options.credentials = vec![Credentials::from_docker_config(&text).unwrap()];
    assert!(world.pull(&server.image("app:1")).is_ok());
    assert_eq!(given.load(Ordering::SeqCst), 1);
    for request in server.requests() {
        assert!(!request.path.contains("hunter2"), "{request:?}");
    }
}

#[test]
fn a_redirect_takes_no_secret_to_another_host() {
    let content = small();
    let elsewhere = Server::of(content.clone());
    let there = elsewhere.address;
    let server = Server::new(move |request| {
        if request.headers.get("authorization") != Some(&format!("Basic {AUTH}")) {
            let challenge = vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())];
            return Reply::Whole(401, challenge, Vec::new());
        }
        if request.path.contains("/blobs/") {
            let place = format!("http://{there}{}?signature=hunter2", request.path);
            return Reply::Whole(307, vec![("Location", place)], Vec::new());
        }
        serve(&content, request)
    });
    let mut world = World::new();
    world.options.credentials = vec![login(&server.address.to_string())];
    // The other one does not know blobs with a query in their names.
    let error = world.failure(&server.image("app:1"));
    assert!(error.contains("the registry has none"), "{error}");
    assert!(!error.contains("hunter2") && !error.contains(AUTH), "{error}");
    let requests = elsewhere.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(!request.headers.contains_key("authorization"), "{request:?}");
    }
}

#[test]
fn somebody_we_are_led_to_is_not_told_who_we_are() {
    let thief = Server::new(|_| {
        let challenge = vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())];
        Reply::Whole(401, challenge, Vec::new())
    });
    let place = thief.address;
    let server = Server::new(move |request| {
        let place = format!("http://{place}{}", request.path);
        Reply::Whole(307, vec![("Location", place)], Vec::new())
    });
    let mut world = World::new();
    world.options.credentials = vec![login(&server.address.to_string())];
    assert!(world.pull(&server.image("app:1")).is_err());
    for request in thief.requests() {
        assert!(!request.headers.contains_key("authorization"), "{request:?}");
    }
}

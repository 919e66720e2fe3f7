use std::fs;

use clap::Parser;
use pod_spec::to_yaml;

use crate::args::Later;
use crate::cli::{Cli, Command};
use crate::error::CliError;

/// What a line prints, with `DIR` for a directory of the files that the golden manifests were made of.
fn generated(line: &[&str]) -> Result<String, CliError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("UTF-8");
    let files: [(&str, &[u8]); 5] = [
        ("own.env", b"PATH\n"),
        ("settings.properties", b"colour=red\nsize=large\n"),
        ("blob.bin", b"\xff\xfe\x00\x01"),
        ("quotes.env", include_bytes!("../../../tests/golden/quotes.env")),
        ("app.env", b"# of the machine\n\nA=b\n  B=c d \nE=x=y\n"),
    ];
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("it is written");
    }
    fs::create_dir(dir.path().join("sub")).expect("it is made");
    let words: Vec<String> = line.iter().map(|word| word.replace("DIR", path)).collect();
    let words = ["pod", "create"].map(str::to_owned).into_iter().chain(words);
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let Command::Create(Later(create)) = cli.command else { panic!("create is read") };
    let what = create.what.expect("something is described");
    let generated = what.generate(cli.globals.namespace.as_deref())?;
    generated.admit(&cli.globals, &create.apply.backoff)?;
    Ok(to_yaml(&generated.object).expect("YAML"))
}

/// What `kubectl create … --dry-run=client -o yaml` of 1.32 prints.
#[test]
fn objects_are_kubectls() {
    let hub = &["--docker-username=me", "--docker-password=secret"][..];
    let registry = &["--docker-server=registry.example", "--docker-email=me@example.org"][..];
    let cases = [
        (
            &["configmap", "app", "--from-literal=k=v", r#"--from-literal=q="x=y""#][..],
            include_str!("../../../tests/golden/create-configmap-literals.yaml"),
        ),
        (
            &["cm", "app", "--from-file=DIR/settings.properties", "--from-file=key=DIR/blob.bin"],
            include_str!("../../../tests/golden/create-configmap-files.yaml"),
        ),
        (
            &["configmap", "quotes", "--from-env-file=DIR/quotes.env"],
            include_str!("../../../tests/golden/create-configmap-quotes.yaml"),
        ),
        (
            &["configmap", "app", "--from-env-file=DIR/app.env", "-n", "team"],
            include_str!("../../../tests/golden/create-configmap-env.yaml"),
        ),
        (
            &[
                "secret",
                "generic",
                "app",
                "--from-literal=k=v",
                "--from-file=DIR/settings.properties",
                "--type=example.com/x",
            ],
            include_str!("../../../tests/golden/create-secret-generic.yaml"),
        ),
        (
            &[&["secret", "docker-registry", "reg"], registry, hub].concat(),
            include_str!("../../../tests/golden/create-secret-registry.yaml"),
        ),
        (
            &[&["secret", "docker-registry", "reg"], hub].concat(),
            include_str!("../../../tests/golden/create-secret-docker-hub.yaml"),
        ),
        (
            &["deployment", "web", "--image=nginx"],
            include_str!("../../../tests/golden/create-deployment.yaml"),
        ),
        (
            &[
                "deploy",
                "web",
                "--image=docker.io/library/nginx:1.2",
                "-r",
                "3",
                "--port=80",
                "-n",
                "team",
                "--",
                "sh",
                "-c",
                "sleep 1",
            ],
            include_str!("../../../tests/golden/create-deployment-command.yaml"),
        ),
        (
            &["deployment", "web", "--image=nginx", "--image=busybox:1", "--port=80"],
            include_str!("../../../tests/golden/create-deployment-images.yaml"),
        ),
        (&["job", "pi", "--image=perl"], include_str!("../../../tests/golden/create-job.yaml")),
        (
            &["job", "pi", "--image=perl", "-n", "team", "--", "perl", "-e", "print 1"],
            include_str!("../../../tests/golden/create-job-command.yaml"),
        ),
    ];
    for (line, want) in cases {
        let made = generated(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(made, want, "{line:?}");
    }
}

#[test]
fn a_directory_gives_its_files() {
    let made = generated(&["secret", "generic", "app", "--from-file=DIR"]).expect("one");
    for key in ["app.env: ", "blob.bin: ", "settings.properties: "] {
        assert!(made.contains(key), "{made}");
    }
    assert!(!made.contains("sub"), "{made}");
}

#[test]
fn a_value_may_be_empty_and_a_line_without_one_is_of_the_environment() {
    let made = generated(&["cm", "app", "--from-literal=a=", "--from-literal=b==="]).expect("one");
    assert!(made.contains("  a: \"\"\n  b: ==\n"), "{made}");
    let made = generated(&["cm", "app", "--from-env-file=DIR/own.env"]).expect("one");
    assert!(made.contains(&std::env::var("PATH").expect("there is one")), "{made}");
}

#[test]
fn what_is_no_source_is_refused() {
    let refused = [
        (&["cm", "a", "--from-literal=kv"][..], "`kv` is not KEY=VALUE"),
        (&["cm", "a", "--from-literal=a/b=c"], "`a/b` is no key"),
        (&["cm", "a", "--from-literal=a=b", "--from-literal=a=c"], "given twice"),
        (&["cm", "a", "--from-file=key=DIR"], "is a directory"),
        (&["cm", "a", "--from-file=DIR/none"], "cannot read"),
        (
            &["secret", "tls", "a", "--cert=DIR/app.env", "--key=DIR/app.env"],
            "no certificate in PEM",
        ),
        (&["deployment", "a", "--image=b", "--image=c", "--", "d"], "one --image"),
    ];
    for (line, why) in refused {
        let error = generated(line).expect_err("it is refused").to_string();
        assert!(error.contains(why), "{line:?}: {error}");
    }
}

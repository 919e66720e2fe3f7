//! Debian's docker-registry on the loopback device, and the programs that fill it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::content::Content;

pub struct DebianRegistry {
    process: Child,
    dir: tempfile::TempDir,
    /// `127.0.0.1` and a port.
    pub host: String,
}

impl DebianRegistry {
    /// `settings` are further lines of its configuration, in which `DIR` is its directory.
    pub fn new(settings: &str) -> Self {
        Self::with_files(settings, &[])
    }

    pub fn with_files(settings: &str, files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        let configuration = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: DIR/data}}}}\n\
             http:\n  addr: 127.0.0.1:0\n{settings}"
        );
        let configuration = configuration.replace("DIR", dir.path().to_str().unwrap());
        let file = dir.path().join("config.yml");
        fs::write(&file, configuration).unwrap();
        let mut process = program("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| missing("docker-registry", &error));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let host = lines
            .by_ref()
            .find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once("listening on ")?;
                Some(rest.split([',', '"']).next().unwrap().to_owned())
            })
            .expect("docker-registry has ended");
        // It writes on, and must not be stopped by a pipe that nobody reads. Ends with it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, dir, host }
    }

    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Pushes the document `tag` of `content` as the image `name`, by skopeo.
    pub fn push(&self, content: &Content, tag: &str, name: &str, arguments: &[&str]) {
        let layout = self.dir.path().join("layout");
        content.write_layout(&layout, tag);
        run(program("skopeo")
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"])
            .args(arguments)
            .arg(format!("oci:{}:{tag}", layout.display()))
            .arg(format!("docker://{}", self.image(name))));
        fs::remove_dir_all(&layout).unwrap();
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        // By its pid, and it is our child, so that it is nobody else.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn program(name: &str) -> Command {
    Command::new(name)
}

/// Runs a program to its end, which has to be a good one; returns what it writes.
pub fn run(command: &mut Command) -> Vec<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| missing(&name, &error));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    output.stdout
}

fn missing(name: &str, error: &std::io::Error) -> ! {
    panic!("cannot run {name}: {error}; `make test` installs the Debian package that has it")
}

/// A certificate authority and a server certificate of it for `127.0.0.1` and `localhost`, as
/// `ca.crt`, `server.crt` and `server.key` in `dir`; and one for clients.
pub fn make_certificates(dir: &Path) {
    let openssl = |arguments: &[&str]| run(program("openssl").current_dir(dir).args(arguments));
    let days = ["-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    openssl(
        &[
            &["req", "-x509", "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.crt"],
            &days[..],
        ]
        .concat(),
    );
    for name in ["server", "client"] {
        let (key, request, certificate) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        openssl(
            &[&["req", "-subj", &subject, "-keyout", &key, "-out", &request], &days[2..]].concat(),
        );
        fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            &certificate,
        ]);
    }
}

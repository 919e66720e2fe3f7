//! The images that the tests' pods ask for.

use serde_json::{Value, json};

use super::{Layer, Recipe};

const BASE: Layer = Layer::Packages(&[
    "base-files",
    "bash",
    "busybox-static",
    "coreutils",
    "dash",
    "grep",
    "libcap2-bin",
    "sed",
]);

/// As the packages' own scripts would make them.
const ACCOUNTS: &str = r"
mkdir -p etc home/web tmp root
chmod 1777 tmp
cat >etc/passwd <<END
root:x:0:0:root:/root:/bin/bash
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
web:x:1234:4321:Web:/home/web:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
cat >etc/group <<END
root:x:0:
www-data:x:33:
web:x:4321:
extra:x:4400:web
nogroup:x:65534:
END
chown 1234:4321 home/web
";

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn recipe(name: &str, layers: &[Layer], config: &Value) -> Recipe {
    let mut all = vec![BASE, Layer::script(ACCOUNTS)];
    all.extend_from_slice(layers);
    let mut config = config.clone();
    if config["Env"].is_null() {
        config["Env"] = json!([PATH]);
    }
    Recipe { name: name.to_owned(), layers: all, config }
}

/// A web application in JavaScript, which says who and where it is.
pub fn kiada() -> Recipe {
    let app = r#"
mkdir -p app
cat >app/app.js <<'END'
const http = require("http"), os = require("os");
http.createServer((request, response) => {
  console.log(`request for ${request.url}`);
  response.end(`kiada 1.0 on ${os.hostname()} for ${request.headers["x-forwarded-proto"] || "http"}\n`);
}).listen(8080, () => console.log("listening"));
process.on("SIGTERM", () => process.exit(0));
END
"#;
    recipe(
        "docker.io/qiaocc/kiada:1.0",
        &[Layer::Packages(&["nodejs"]), Layer::script(app)],
        &json!({"Entrypoint": ["node", "app.js"], "WorkingDir": "/app", "ExposedPorts": {"8080/tcp": {}}}),
    )
}

/// The same with a greeting that is read from standard input, and that says when that has ended.
pub fn kiada_stdin() -> Recipe {
    let app = r#"
mkdir -p app
cat >app/app.js <<'END'
let status = "waits for a greeting\n";
process.stdin.on("data", (line) => { status = `${line}`; });
process.stdin.on("end", () => { status = "has no standard input\n"; });
require("http").createServer((request, response) => response.end(status)).listen(8080);
END
"#;
    recipe(
        "docker.io/qiaocc/kiada-stdin:1.0",
        &[Layer::Packages(&["nodejs"]), Layer::script(app)],
        &json!({"Entrypoint": ["node", "app.js"], "WorkingDir": "/app", "ExposedPorts": {"8080/tcp": {}}}),
    )
}

/// A proxy that speaks TLS for the application beside it, and tells of itself on another port.
pub fn kiada_ssl_proxy() -> Recipe {
    let settings = r#"
mkdir -p etc/proxy
cat >etc/proxy/proxy.cfg <<'END'
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend tls
  bind [::]:8443 v4v6 ssl crt /tmp/server.pem
  http-request set-header X-Forwarded-Proto https
  default_backend app
backend app
  retries 5
  server kiada 127.0.0.1:8080
frontend admin
  bind [::]:9901 v4v6
  monitor-uri /ready
  stats enable
  stats uri /stats
END
cat >etc/proxy/start <<'END'
#!/bin/sh
set -eu
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=kiada \
  -keyout /tmp/server.pem -out /tmp/server.crt 2>/dev/null
cat /tmp/server.crt >>/tmp/server.pem
exec haproxy -W -db -f /etc/proxy/proxy.cfg
END
chmod 755 etc/proxy/start
"#;
    recipe(
        "docker.io/luksa/kiada-ssl-proxy:1.0",
        &[Layer::Packages(&["haproxy", "openssl"]), Layer::script(settings)],
        &json!({"Entrypoint": ["/etc/proxy/start"], "ExposedPorts": {"8443/tcp": {}, "9901/tcp": {}}}),
    )
}

/// One that has something to say before the pod's containers start.
pub fn init_demo() -> Recipe {
    busybox(
        "docker.io/qiaocc/init-demo:1.0",
        &json!({"Cmd": ["sh", "-c", "echo prepared; exit 0"], "Env": [PATH]}),
    )
}

/// One that looks whether the network is there.
pub fn network_connectivity_checker() -> Recipe {
    busybox(
        "docker.io/qiaocc/network-connectivity-checker:1.0",
        &json!({"Entrypoint": ["sh", "-c", "ip address show lo | grep 127.0.0.1"], "Env": [PATH]}),
    )
}

fn busybox(name: &str, config: &Value) -> Recipe {
    let links = "for name in sh ip grep; do ln -s busybox bin/$name; done";
    let links = links.replace("bin/", "usr/bin/");
    let links = format!("mkdir -p usr/bin\n{links}");
    let layers = vec![Layer::Packages(&["busybox-static"]), Layer::Script(links)];
    Recipe { name: name.to_owned(), layers, config: config.clone() }
}

/// nginx as its makers have it on Docker Hub.
pub fn nginx() -> Recipe {
    let settings = r"
mkdir -p etc/nginx/conf.d usr/share/nginx/html
cat >etc/nginx/conf.d/default.conf <<'END'
server {
  listen 80;
  listen [::]:80;
  root /usr/share/nginx/html;
}
END
echo 'Welcome' >usr/share/nginx/html/index.html
";
    recipe(
        "docker.io/library/nginx:latest",
        &[Layer::Packages(&["nginx-light"]), Layer::script(settings)],
        &json!({"Cmd": ["nginx", "-g", "daemon off;"], "StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}}}),
    )
}

/// Debian, small.
pub fn debian() -> Recipe {
    recipe("docker.io/library/debian:latest", &[], &json!({"Cmd": ["bash"]}))
}

/// What goes by the name of CentOS, under both of the names that `centos` stands for: that of Docker Hub, and the one that
/// many distributions have in `registries.conf.d/`.
pub fn centos() -> [Recipe; 2] {
    let release = "mkdir -p etc; echo 'CentOS Linux release 7' >etc/centos-release";
    let recipe = recipe(
        "docker.io/library/centos:7",
        &[Layer::script(release)],
        &json!({"Cmd": ["/bin/bash"]}),
    );
    [Recipe { name: "quay.io/centos/centos:7".to_owned(), ..recipe.clone() }, recipe]
}

/// A small service in Python.
pub fn simpleservice() -> Recipe {
    let app = r#"
mkdir -p usr/src/app
cat >usr/src/app/service.py <<'END'
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"version": os.environ["SIMPLE_SERVICE_VERSION"], "path": self.path, "host": os.uname().nodename}
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("", 9876), Handler).serve_forever()
END
"#;
    recipe(
        "quay.io/openshiftlabs/simpleservice:0.5.0",
        &[Layer::Packages(&["python3"]), Layer::script(app)],
        &json!({
            "Cmd": ["python3", "./service.py"], "WorkingDir": "/usr/src/app", "ExposedPorts": {"9876/tcp": {}},
            "Env": [PATH, "SIMPLE_SERVICE_VERSION=0.5.0"],
        }),
    )
}

/// An image that says all that an image can say, and that has programs with more rights than who starts them.
pub fn settings() -> Recipe {
    let files = r#"
mkdir -p srv/data opt/bin work
echo kept >srv/data/from-image
chown -R 1234:4321 srv/data
install -m 4755 "$BELOW/usr/bin/id" opt/bin/id-of-root
install -m 755 "$BELOW/usr/bin/cat" opt/bin/cat-with-rights
setcap cap_net_bind_service=ep opt/bin/cat-with-rights
cat >opt/bin/entry <<'END'
#!/bin/sh
echo "entry $*"
[ "$1" != wait ] && exit 0
trap 'echo stopped by USR1; exit 0' USR1
trap 'echo stopped by TERM; exit 1' TERM
echo waiting
while :; do sleep 1000 & wait $!; done
END
chmod 755 opt/bin/entry
"#;
    recipe(
        "docker.io/test/settings:1",
        &[Layer::script(files)],
        &json!({
            "User": "web", "WorkingDir": "/work", "StopSignal": "SIGUSR1", "Volumes": {"/srv/data": {}},
            "Env": [PATH, "GREETING=hello", "NAME=image"],
            "Entrypoint": ["/opt/bin/entry", "from-entrypoint"], "Cmd": ["from-cmd"],
        }),
    )
}

/// As many layers as few images have. Each but the first removes what the one below it made.
pub fn many_layers(count: usize) -> Recipe {
    let layer = |n: usize| {
        Layer::Script(format!(
            "mkdir -p many; echo {n} >many/last; echo {n} >many/{n}; {}",
            if n > 0 { format!("touch many/.wh.{}", n - 1) } else { String::new() }
        ))
    };
    let layers: Vec<_> = (0..count).map(layer).collect();
    recipe(
        "docker.io/test/many:1",
        &layers,
        &json!({"Cmd": ["sh", "-c", "cat /many/last; ls /many"]}),
    )
}

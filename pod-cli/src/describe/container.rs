//! A container of a pod.

use std::collections::BTreeMap;

use pod_spec::status::ContainerStatus;
use pod_spec::{
    Container, ContainerPort, EnvFromSource, EnvVar, EnvVarSource, Probe, ProbeHandler, Protocol,
    Quantity, UriScheme, VolumeMount,
};

use super::{Page, state, title};

pub fn describe(page: &mut Page, container: &Container, status: Option<&ContainerStatus>) {
    page.within(|page| {
        page.line(format!("{}:", container.name));
        page.within(|page| fields(page, container, status));
    });
}

fn fields(page: &mut Page, container: &Container, status: Option<&ContainerStatus>) {
    if let Some(status) = status {
        page.pair("Container ID", status.container_id.as_deref().unwrap_or_default());
    }
    page.pair("Image", &container.image);
    if let Some(status) = status {
        page.pair("Image ID", &status.image_id);
    }
    ports(page, &container.ports);
    for (name, words) in [("Command", &container.command), ("Args", &container.args)] {
        if !words.is_empty() {
            page.line(format!("{name}:"));
            page.within(|page| {
                words.iter().flat_map(|word| word.lines()).for_each(|line| page.line(line))
            });
        }
    }
    if let Some(status) = status {
        state::describe(page, "State", &status.state);
        if !status.last_state.is_empty() {
            state::describe(page, "Last State", &status.last_state);
        }
        page.pair("Ready", title(status.ready));
        page.pair("Restart Count", status.restart_count.to_string());
    }
    quantities(page, "Limits", &container.resources.limits);
    quantities(page, "Requests", &container.resources.requests);
    let probes = [
        ("Liveness", &container.liveness_probe),
        ("Readiness", &container.readiness_probe),
        ("Startup", &container.startup_probe),
    ];
    for (name, one) in probes {
        page.some(name, one.as_ref().map(probe));
    }
    environment_from(page, &container.env_from);
    environment(page, &container.env);
    mounts(page, &container.volume_mounts);
}

fn ports(page: &mut Page, ports: &[ContainerPort]) {
    let words = |number: fn(&ContainerPort) -> i32| -> String {
        let word = |port: &ContainerPort| {
            let protocol = match port.protocol {
                None | Some(Protocol::Tcp) => "TCP",
                Some(Protocol::Udp) => "UDP",
                Some(Protocol::Sctp) => "SCTP",
            };
            format!("{}/{protocol}", number(port))
        };
        let words: Vec<String> = ports.iter().map(word).collect();
        if words.is_empty() { "<none>".to_owned() } else { words.join(", ") }
    };
    let name = if ports.len() > 1 { "Ports" } else { "Port" };
    page.pair(name, words(|port| port.container_port));
    page.pair(&format!("Host {name}"), words(|port| port.host_port.unwrap_or(0)));
}

fn quantities(page: &mut Page, name: &str, quantities: &BTreeMap<String, Quantity>) {
    if quantities.is_empty() {
        return;
    }
    page.line(format!("{name}:"));
    page.within(|page| {
        quantities.iter().for_each(|(name, value)| page.pair(name, value.to_string()))
    });
}

/// A probe in one line, as kubectl writes it.
pub fn probe(probe: &Probe) -> String {
    let seconds = |value: Option<i32>, default: i32| format!("{}s", value.unwrap_or(default));
    format!(
        "{} delay={} timeout={} period={} #success={} #failure={}",
        handler(&probe.handler),
        seconds(probe.initial_delay_seconds, 0),
        seconds(probe.timeout_seconds, 1),
        seconds(probe.period_seconds, 10),
        probe.success_threshold.unwrap_or(1),
        probe.failure_threshold.unwrap_or(3),
    )
}

fn handler(handler: &ProbeHandler) -> String {
    if let Some(exec) = &handler.exec {
        format!("exec [{}]", exec.command.join(" "))
    } else if let Some(get) = &handler.http_get {
        let scheme = if get.scheme == Some(UriScheme::Https) { "https" } else { "http" };
        let host = get.host.as_deref().unwrap_or_default();
        let path = get.path.as_deref().unwrap_or_default();
        format!("http-get {scheme}://{host}:{}{path}", get.port)
    } else if let Some(tcp) = &handler.tcp_socket {
        format!("tcp-socket {}:{}", tcp.host.as_deref().unwrap_or_default(), tcp.port)
    } else if let Some(grpc) = &handler.grpc {
        format!("grpc <pod>:{} {}", grpc.port, grpc.service.as_deref().unwrap_or_default())
    } else {
        "unknown".to_owned()
    }
}

fn environment_from(page: &mut Page, sources: &[EnvFromSource]) {
    if sources.is_empty() {
        return;
    }
    page.line("Environment Variables from:");
    page.within(|page| {
        for source in sources {
            let (name, kind, optional) = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => (&map.name, "ConfigMap", map.optional),
                (None, Some(secret)) => (&secret.name, "Secret", secret.optional),
                (None, None) => continue,
            };
            let prefix = source.prefix.as_deref().filter(|prefix| !prefix.is_empty());
            let prefix =
                prefix.map(|prefix| format!(" with prefix '{prefix}'")).unwrap_or_default();
            let optional = optional == Some(true);
            page.line(format!("{name}\t{kind}{prefix}\tOptional: {optional}"));
        }
    });
}

fn environment(page: &mut Page, variables: &[EnvVar]) {
    if variables.is_empty() {
        return page.pair("Environment", "<none>");
    }
    page.line("Environment:");
    page.within(|page| {
        for variable in variables {
            let value = match &variable.value_from {
                Some(source) => source_words(source),
                None => variable.value.clone().unwrap_or_default().replace('\n', "\\n"),
            };
            page.pair(&variable.name, value);
        }
    });
}

fn source_words(source: &EnvVarSource) -> String {
    if let Some(field) = &source.field_ref {
        format!(" ({}:{})", field.api_version.as_deref().unwrap_or("v1"), field.field_path)
    } else if let Some(resource) = &source.resource_field_ref {
        let container = resource.container_name.as_deref().unwrap_or_default();
        format!(" ({container}:{})", resource.resource).replace("(:", "(")
    } else if let Some(secret) = &source.secret_key_ref {
        let optional = secret.optional == Some(true);
        format!(
            "<set to the key '{}' in secret '{}'>\tOptional: {optional}",
            secret.key, secret.name
        )
    } else if let Some(map) = &source.config_map_key_ref {
        let optional = map.optional == Some(true);
        format!("<set to the key '{}' of config map '{}'>\tOptional: {optional}", map.key, map.name)
    } else if let Some(file) = &source.file_key_ref {
        let optional = file.optional == Some(true);
        format!(
            "<set to the key '{}' of file '{}' in '{}'>\tOptional: {optional}",
            file.key, file.path, file.volume_name
        )
    } else {
        String::new()
    }
}

fn mounts(page: &mut Page, mounts: &[VolumeMount]) {
    if mounts.is_empty() {
        return page.pair("Mounts", "<none>");
    }
    let mut mounts: Vec<&VolumeMount> = mounts.iter().collect();
    mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    page.line("Mounts:");
    page.within(|page| {
        for mount in mounts {
            let access = if mount.read_only == Some(true) { "ro" } else { "rw" };
            let path = mount.sub_path.as_ref().or(mount.sub_path_expr.as_ref());
            let path = path.filter(|path| !path.is_empty());
            let path = path.map(|path| format!(",path={path:?}")).unwrap_or_default();
            page.line(format!("{} from {} ({access}{path})", mount.mount_path, mount.name));
        }
    });
}

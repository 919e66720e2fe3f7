//! How a pod's containers look names up, by the kubelet's rules.

use std::net::IpAddr;

use pod_network::{Attached, Resolver};
use pod_spec::{DnsPolicy, PodDnsConfigOption, PodSpec};

/// Most name servers that resolvers ask, the same as the kubelet's limit.
const MAX_NAMESERVERS: usize = 3;
/// Most search domains, and most bytes of them together.
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_BYTES: usize = 2048;

/// The content of a pod's `/etc/resolv.conf`. There is no resolver of a cluster, so `ClusterFirst` is the same as
/// `Default`, as it is on a node without one.
pub(crate) fn resolver(spec: &PodSpec, network: &Attached) -> Resolver {
    let mut resolver = match spec.dns_policy {
        Some(DnsPolicy::None) => Resolver::default(),
        _ if spec.host_network == Some(true) => Resolver::of_host(),
        _ if network.nameservers.is_empty() => Resolver::beyond_loopback(),
        _ => Resolver {
            nameservers: network.nameservers.clone(),
            searches: network.searches.clone(),
            ..Resolver::beyond_loopback()
        },
    };
    if let Some(config) = &spec.dns_config {
        let nameservers =
            config.nameservers.iter().filter_map(|server| server.parse::<IpAddr>().ok());
        resolver.nameservers.extend(nameservers);
        resolver.searches.extend(config.searches.iter().cloned());
        config.options.iter().for_each(|option| set(&mut resolver.options, option));
    }
    limited(resolver)
}

/// Sets an option in place of the one of this name, when there is one.
fn set(options: &mut Vec<String>, option: &PodDnsConfigOption) {
    let Some(name) = &option.name else { return };
    let value = option.value.as_ref().filter(|value| !value.is_empty());
    let text = value.map_or_else(|| name.clone(), |value| format!("{name}:{value}"));
    let same = |known: &&mut String| known.split(':').next() == Some(name);
    match options.iter_mut().find(same) {
        Some(known) => *known = text,
        None => options.push(text),
    }
}

/// Each name server and domain once, and no more than resolvers take.
fn limited(mut resolver: Resolver) -> Resolver {
    resolver.nameservers = distinct(resolver.nameservers);
    resolver.nameservers.truncate(MAX_NAMESERVERS);
    resolver.searches = distinct(resolver.searches);
    let mut bytes = 0;
    let fits = |domain: &String| {
        bytes += domain.len() + 1;
        bytes <= MAX_SEARCH_BYTES + 1
    };
    resolver.searches = resolver.searches.into_iter().take(MAX_SEARCHES).take_while(fits).collect();
    resolver
}

fn distinct<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    list.into_iter().fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pod_spec::Pod;

    fn text(spec: &str, network: &Attached) -> String {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers: [{{name: a, image: x}}]\n{spec}"
        );
        let pod = Pod::from_yaml(&text).expect("parses").validate().expect("valid");
        resolver(pod.spec(), network).to_string()
    }

    #[test]
    fn the_policy_none_leaves_what_the_configuration_says() {
        let spec = "  dnsPolicy: None\n  dnsConfig: {nameservers: [192.0.2.1, 192.0.2.2, 192.0.2.3], searches: [a.example, b.example, \
                    a.example], options: [{name: ndots, value: '2'}, {name: edns0}]}\n";
        let want = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nsearch a.example b.example\n\
                    options ndots:2 edns0\n";
        assert_eq!(text(spec, &Attached::default()), want);
    }

    #[test]
    fn the_configuration_is_added_to_what_the_network_says() {
        let network = Attached {
            nameservers: vec![
                "192.0.2.1".parse().expect("valid"),
                "192.0.2.2".parse().expect("valid"),
            ],
            searches: vec!["net.example".to_owned()],
            ..Attached::default()
        };
        let spec = "  dnsConfig: {nameservers: [192.0.2.2, 192.0.2.3, 192.0.2.4], searches: [a.example]}\n";
        let text = text(spec, &network);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("options")).collect();
        let want = [
            "nameserver 192.0.2.1",
            "nameserver 192.0.2.2",
            "nameserver 192.0.2.3",
            "search net.example a.example",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn an_option_takes_the_place_of_one_of_its_name() {
        let option = |name: &str, value: Option<&str>| PodDnsConfigOption {
            name: Some(name.to_owned()),
            value: value.map(str::to_owned),
        };
        let mut options = vec!["ndots:1".to_owned(), "rotate".to_owned()];
        for option in
            [option("ndots", Some("5")), option("edns0", None), option("rotate", Some(""))]
        {
            set(&mut options, &option);
        }
        assert_eq!(options, ["ndots:5", "rotate", "edns0"]);
    }
}

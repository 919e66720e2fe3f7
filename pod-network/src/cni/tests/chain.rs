use std::os::fd::AsFd;

use serde_json::json;

use super::add;
use super::{Installation, pod, told};
use crate::cni::attachment::{CniAttachment, check, delete, prepare};
use crate::cni::garbage::collect_garbage;
use crate::netns::lab::new_namespace;
use crate::{Attachment, NetworkError, PortMapping, Protocol};

/// Answers ADD with two addresses of the pod and one of the host's end.
const ADDRESSES: &str = r#"[ $CNI_COMMAND = ADD ] && cat <<END
{"cniVersion": "1.0.0",
 "interfaces": [{"name": "veth1"}, {"name": "net1", "sandbox": "$CNI_NETNS"},
                {"name": "eth0", "sandbox": "$CNI_NETNS"}],
 "ips": [{"address": "10.9.0.1/16", "interface": 0}, {"address": "10.8.0.2/16", "interface": 1},
         {"address": "10.9.0.2/16", "interface": 2, "gateway": "10.9.0.1"}, {"address": "fd09::2/64"}],
 "routes": [{"dst": "0.0.0.0/0"}],
 "dns": {"nameservers": ["10.9.0.1"], "domain": "example", "search": ["a.example", "b.example"]}}
END
exit 0"#;

/// Hands on what the plugin before it has given.
const HAND_ON: &str = r#"[ $CNI_COMMAND = ADD ] || exit 0
sed 's/.*"prevResult"://; s/,"runtimeConfig".*//; s/,"type":.*//' $dir/$plugin.ADD.stdin"#;

fn two_plugins(version: &str) -> Installation {
    let installation = Installation::new();
    installation.configure(
        "10-pair.conflist",
        &format!(
            r#"{{"cniVersion": "{version}", "name": "pair", "plugins": [
                {{"type": "one", "mtu": 1400, "capabilities": {{"aliases": true, "portMappings": false}}}},
                {{"type": "two", "capabilities": {{"portMappings": true, "bandwidth": true}}}}]}}"#
        ),
    );
    installation.install("one", ADDRESSES);
    installation.install("two", HAND_ON);
    installation
}

fn published() -> Attachment {
    let ports = vec![
        PortMapping {
            protocol: Protocol::Tcp,
            host_ip: Some([127, 0, 0, 1].into()),
            host_port: 8080,
            container_port: 80,
        },
        PortMapping { protocol: Protocol::Udp, host_ip: None, host_port: 53, container_port: 53 },
    ];
    Attachment { ports, names: vec!["web".to_owned()], ..pod("4f1c") }
}

/// As whoever comes after a crash reads it.
fn reread(record: &CniAttachment) -> CniAttachment {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

#[test]
fn plugins_are_told_what_the_specification_says() {
    let installation = two_plugins("1.0.0");
    let netns = new_namespace();
    let record = add(&installation.cni(), &published(), netns.as_fd()).unwrap();
    assert_eq!(installation.log(), ["ADD one", "ADD two"]);

    let record = reread(&record);
    let addresses: Vec<_> = record.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.9.0.2", "fd09::2", "10.8.0.2"]);
    assert_eq!(record.nameservers(), ["10.9.0.1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(record.searches(), ["a.example", "b.example"]);

    let one = installation.stdin("one.ADD");
    assert_eq!(
        one,
        json!({"cniVersion": "1.0.0", "name": "pair", "type": "one", "mtu": 1400,
               "runtimeConfig": {"aliases": ["web"]}})
    );
    let two = installation.stdin("two.ADD");
    assert_eq!(two["prevResult"]["ips"][2]["gateway"], "10.9.0.1");
    assert_eq!(
        two["runtimeConfig"],
        json!({"portMappings": [
            {"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"},
            {"hostPort": 53, "containerPort": 53, "protocol": "udp"}]})
    );
    assert_eq!(two.get("capabilities"), None);

    let bin = installation.path("bin");
    let nowhere = installation.path("nowhere");
    let mut env = installation.env("one.ADD");
    env.sort();
    let netns = env.iter().find(|line| line.starts_with("CNI_NETNS=/proc/")).unwrap().clone();
    assert_eq!(
        env,
        [
            "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;\
             K8S_POD_INFRA_CONTAINER_ID=4f1c;K8S_POD_UID=4f1c"
                .to_owned(),
            "CNI_COMMAND=ADD".to_owned(),
            "CNI_CONTAINERID=4f1c".to_owned(),
            "CNI_IFNAME=eth0".to_owned(),
            netns,
            format!("CNI_PATH={}:{}", nowhere.display(), bin.display()),
            format!("PATH={}", std::env::var("PATH").unwrap()),
        ]
    );
}

#[test]
fn check_and_delete_are_told_the_result_with_the_path_of_today() {
    let installation = two_plugins("0.4.0");
    let netns = new_namespace();
    let record = reread(&add(&installation.cni(), &published(), netns.as_fd()).unwrap());
    let other_path = netns.try_clone().unwrap();
    check(&record, &published(), other_path.as_fd()).unwrap();
    let path =
        format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&other_path));
    assert_eq!(installation.stdin("one.CHECK")["prevResult"]["interfaces"][2]["sandbox"], path);

    delete(&record, &published(), None).unwrap();
    assert_eq!(
        installation.log(),
        ["ADD one", "ADD two", "CHECK one", "CHECK two", "DEL two", "DEL one"]
    );
    let told = installation.stdin("one.DEL");
    assert_eq!(told["prevResult"]["ips"][0]["address"], "10.9.0.1/16");
    assert!(installation.env("one.DEL").contains(&"CNI_NETNS=".to_owned()));
    assert_eq!(
        installation.stdin("two.DEL")["runtimeConfig"],
        installation.stdin("two.ADD")["runtimeConfig"]
    );
}

#[test]
fn old_versions_know_no_check_and_no_result_at_delete() {
    let installation = two_plugins("0.3.1");
    let netns = new_namespace();
    let record = add(&installation.cni(), &pod("1"), netns.as_fd()).unwrap();
    check(&record, &pod("1"), netns.as_fd()).unwrap();
    delete(&record, &pod("1"), Some(netns.as_fd())).unwrap();
    assert_eq!(installation.log(), ["ADD one", "ADD two", "DEL two", "DEL one"]);
    assert_eq!(installation.stdin("one.DEL").get("prevResult"), None);
}

#[test]
fn a_check_that_is_switched_off_asks_nobody() {
    let installation = Installation::new();
    installation.configure(
        "10-x.conflist",
        r#"{"cniVersion": "1.0.0", "name": "x", "disableCheck": true, "plugins": [{"type": "one"}]}"#,
    );
    installation.install("one", ADDRESSES);
    let netns = new_namespace();
    let record = add(&installation.cni(), &pod("1"), netns.as_fd()).unwrap();
    check(&record, &pod("1"), netns.as_fd()).unwrap();
    assert_eq!(installation.log(), ["ADD one"]);
}

#[test]
fn what_was_done_before_a_failure_is_undone_and_the_failure_told() {
    let installation = two_plugins("1.0.0");
    installation.install(
        "two",
        r#"[ $CNI_COMMAND = ADD ] || exit 0
echo 'panic: no such table' >&2
echo '{"cniVersion": "1.0.0", "code": 101, "msg": "no rule", "details": "table is busy"}'
exit 1"#,
    );
    let error = add(&installation.cni(), &pod("1"), new_namespace().as_fd()).unwrap_err();
    assert_eq!(
        told(&error),
        "the CNI plugin `two` failed at ADD (it wrote: panic: no such table): \
         no rule; table is busy (code 101)"
    );
    assert_eq!(installation.log(), ["ADD one", "ADD two", "DEL two", "DEL one"]);
}

#[test]
fn a_delete_goes_on_and_tells_all_failures() {
    let installation = two_plugins("1.0.0");
    installation.install("one", &format!("[ $CNI_COMMAND = DEL ] && exit 3\n{ADDRESSES}"));
    installation.install("two", "exit 4");
    let one = "the CNI plugin `one` failed at DEL: exit status: 3";
    let two = "the CNI plugin `two` failed at DEL: exit status: 4";
    let error = add(&installation.cni(), &pod("1"), new_namespace().as_fd()).unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "the CNI plugin `two` failed at ADD: exit status: 4; and undoing it failed: {two}; {one}"
        )
    );
    let record = prepare(&installation.cni()).unwrap();
    assert_eq!(told(&delete(&record, &pod("1"), None).unwrap_err()), format!("{two}; {one}"));
}

#[test]
fn a_record_from_before_the_making_undoes_it() {
    let installation = two_plugins("1.0.0");
    let record = reread(&prepare(&installation.cni()).unwrap());
    assert_eq!(record.addresses(), &[] as &[std::net::IpAddr]);
    delete(&record, &pod("1"), Some(new_namespace().as_fd())).unwrap();
    assert_eq!(installation.log(), ["DEL two", "DEL one"]);
    assert_eq!(installation.stdin("one.DEL").get("prevResult"), None);
}

#[test]
fn a_plugin_that_is_not_there_is_named_with_where_it_was_looked_for() {
    let installation = two_plugins("1.0.0");
    std::fs::remove_file(installation.path("bin/two")).unwrap();
    let error = add(&installation.cni(), &pod("1"), new_namespace().as_fd()).unwrap_err();
    let text = told(&error);
    let directories = format!(
        "{}, {}",
        installation.path("nowhere").display(),
        installation.path("bin").display()
    );
    assert!(
        text.starts_with(&format!("cannot find the CNI plugin `two` in {directories}; ")),
        "{text}"
    );
    assert!(text.contains("containernetworking-plugins"), "{text}");
    assert_eq!(installation.log(), ["ADD one", "DEL one"]);
}

#[test]
fn of_several_versions_the_newest_that_all_plugins_know_is_used() {
    let installation = Installation::new();
    installation.configure(
        "10-x.conflist",
        r#"{"cniVersion": "0.3.1", "cniVersions": ["0.4.0", "1.0.0", "1.1.0"], "name": "x",
            "plugins": [{"type": "one"}, {"type": "two"}]}"#,
    );
    let knows = |versions: &str| {
        format!(
            "[ $CNI_COMMAND = VERSION ] && echo '{{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[{versions}]}}' && exit\necho '{{}}'"
        )
    };
    installation.install("one", &knows(r#""0.1.0","0.3.1","0.4.0","1.0.0""#));
    installation.install("two", &knows(r#""0.4.0""#));
    add(&installation.cni(), &pod("1"), new_namespace().as_fd()).unwrap();
    assert_eq!(installation.stdin("two.ADD")["cniVersion"], "0.4.0");

    installation.install("two", &knows(r#""1.1.0""#));
    let error = prepare(&installation.cni()).unwrap_err();
    assert_eq!(
        told(&error),
        "the CNI plugin `two` knows none of the configuration's versions 1.0.0, 0.4.0, 0.3.1"
    );
}

#[test]
fn garbage_is_collected_where_the_version_and_the_configuration_allow_it()
-> Result<(), NetworkError> {
    let installation = two_plugins("1.1.0");
    let alive = ["4f1c".to_owned(), "5a2b".to_owned()];
    collect_garbage(&installation.cni(), &alive)?;
    assert_eq!(installation.log(), ["GC one", "GC two"]);
    assert_eq!(
        installation.stdin("one.GC")["cni.dev/valid-attachments"],
        json!([{"containerID": "4f1c", "ifname": "eth0"}, {"containerID": "5a2b", "ifname": "eth0"}])
    );
    assert!(!installation.env("one.GC").iter().any(|line| line.starts_with("CNI_CONTAINERID")));

    let installation = two_plugins("1.0.0");
    collect_garbage(&installation.cni(), &alive)?;
    assert!(installation.log().is_empty());

    installation.configure(
        "00-x.conflist",
        r#"{"cniVersion": "1.1.0", "name": "x", "disableGC": true, "plugins": [{"type": "one"}]}"#,
    );
    collect_garbage(&installation.cni(), &alive)?;
    assert!(installation.log().is_empty());
    Ok(())
}

//! The plugins of Debian's package containernetworking-plugins, in a host of the test's own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::add;
use super::{Installation, pod, told};
use crate::cni::attachment::{CniAttachment, check, complete, delete, prepare};
use crate::netns::lab::{new_namespace, own_namespace};
use crate::{Attachment, Cni, PortMapping, Protocol, bring_up_loopback};

const GREETING: &[u8] = b"hello";
const HOST_PORT: u16 = 8080;

/// Runs `work` as in a host that has a bridge with addresses of host-local, and port mappings.
fn in_a_host(work: impl FnOnce(&Installation, &Cni) + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace needs root");
            bring_up_loopback(own_namespace().as_fd()).unwrap();
            let installation = Installation::new();
            let leases = installation.path("leases");
            installation.configure(
                "10-bridge.conflist",
                &format!(
                    r#"{{"cniVersion": "1.0.0", "name": "bridged", "plugins": [
                        {{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
                          "ipam": {{"type": "host-local", "dataDir": "{}",
                                    "ranges": [[{{"subnet": "10.88.0.0/24"}}]],
                                    "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
                        {{"type": "portmap", "capabilities": {{"portMappings": true}}}}]}}"#,
                    leases.display()
                ),
            );
            let bin_dirs = vec![PathBuf::from("/usr/lib/cni")];
            work(&installation, &Cni { bin_dirs, ..installation.cni() });
        });
    });
}

fn published() -> Attachment {
    let port = PortMapping {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: HOST_PORT,
        container_port: 80,
    };
    Attachment { ports: vec![port], ..pod("4f1c") }
}

fn tell(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Links other than the bridge, leases of addresses, and rules that name the pod.
fn left_over(installation: &Installation) -> Vec<String> {
    let links = tell("ip", &["-o", "link"]);
    let links = links.lines().filter(|line| line.contains("veth")).map(str::to_owned);
    let leases = fs::read_dir(installation.path("leases/bridged")).unwrap();
    let leases = leases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let rules = tell("iptables-save", &[]);
    let rules = rules.lines().filter(|line| line.contains("4f1c")).map(str::to_owned);
    let is_pod = |name: &String| name != "lock" && !name.starts_with("last_reserved");
    links.chain(leases.filter(is_pod)).chain(rules).collect()
}

fn serve(netns: &File) -> thread::JoinHandle<()> {
    let netns = netns.try_clone().unwrap();
    let (ready, wait) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        setns(&netns, CloneFlags::CLONE_NEWNET).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap();
        ready.send(()).unwrap();
        for _ in 0..2 {
            listener.accept().unwrap().0.write_all(GREETING).unwrap();
        }
    });
    wait.recv().unwrap();
    server
}

fn fetch(address: impl Into<IpAddr>, port: u16) -> Vec<u8> {
    let mut answer = Vec::new();
    let address = SocketAddr::new(address.into(), port);
    TcpStream::connect(address).unwrap().read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_pod_on_the_bridge_is_reached_and_removed_without_a_trace() {
    in_a_host(|installation, cni| {
        let netns = new_namespace();
        let record = add(cni, &published(), netns.as_fd()).unwrap();
        let [IpAddr::V4(address)] = record.addresses() else { panic!("{:?}", record.addresses()) };
        assert_eq!(address.octets()[..3], [10, 88, 0]);

        let server = serve(&netns);
        assert_eq!(fetch(*address, 80), GREETING);
        // The bridge's address is one of the host's.
        assert_eq!(fetch([10, 88, 0, 1], HOST_PORT), GREETING);
        server.join().unwrap();

        let record: CniAttachment =
            serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        delete(&record, &published(), Some(netns.as_fd())).unwrap();
        assert_eq!(left_over(installation), Vec::<String>::new());
        delete(&record, &published(), Some(netns.as_fd())).expect("a second time changes nothing");
    });
}

#[test]
fn a_record_from_before_the_making_removes_all_of_it() {
    in_a_host(|installation, cni| {
        let netns = new_namespace();
        let before = prepare(cni).unwrap();
        complete(before.clone(), &published(), netns.as_fd()).unwrap();
        assert!(!left_over(installation).is_empty());
        delete(&before, &published(), Some(netns.as_fd())).unwrap();
        assert_eq!(left_over(installation), Vec::<String>::new());
    });
}

// Without a port: the portmap of plugins 1.1 looks for rules of IPv6 even where a pod has no such address.
#[test]
fn a_check_holds_until_something_is_changed() {
    in_a_host(|_, cni| {
        let netns = new_namespace();
        let pod = pod("4f1c");
        let record = add(cni, &pod, netns.as_fd()).unwrap();
        let other_path = netns.try_clone().unwrap();
        check(&record, &pod, other_path.as_fd()).unwrap();
        tell("ip", &["link", "delete", "cni0"]);
        let error = told(&check(&record, &pod, netns.as_fd()).unwrap_err());
        assert!(error.starts_with("the CNI plugin `bridge` failed at CHECK"), "{error}");
    });
}

#[test]
fn the_lease_is_returned_after_the_namespace_is_gone() {
    in_a_host(|installation, cni| {
        let netns = new_namespace();
        let pod = pod("4f1c");
        let record = add(cni, &pod, netns.as_fd()).unwrap();
        drop(netns);
        delete(&record, &pod, None).unwrap();
        let leases = fs::read_dir(installation.path("leases/bridged")).unwrap();
        let leases: Vec<_> =
            leases.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!leases.iter().any(|name| name.starts_with("10.")), "{leases:?}");
    });
}

#[test]
fn a_failure_late_in_the_chain_leaves_nothing() {
    in_a_host(|installation, cni| {
        // The plugin refuses an unknown protocol only after the bridge has done its part.
        let text = fs::read_to_string(installation.path("conf/10-bridge.conflist")).unwrap();
        let broken =
            text.replace(r#"{"type": "portmap","#, r#"{"type": "portmap", "markMasqBit": 99,"#);
        installation.configure("10-bridge.conflist", &broken);
        let error = told(&add(cni, &published(), new_namespace().as_fd()).unwrap_err());
        assert!(error.starts_with("the CNI plugin `portmap` failed at ADD"), "{error}");
        assert_eq!(left_over(installation), Vec::<String>::new());
    });
}

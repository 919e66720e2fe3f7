//! What fails, is killed or destroyed by others.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, Command};
use std::rc::Rc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netlink::Netlink;
use crate::record::Record;
use crate::step::Step;
use crate::step::tests::{after_each, undisturbed};
use crate::{NetworkError, Repair, bridge};

use super::lab::*;

/// The steps of an attachment, or of a removal, of a first pod.
fn steps_of(work: impl FnOnce()) -> Vec<Step> {
    let steps = Rc::new(Cell::new(Vec::new()));
    let seen = Rc::clone(&steps);
    after_each(move |step| {
        let mut all = seen.take();
        all.push(step);
        seen.set(all);
        Ok(())
    });
    work();
    undisturbed();
    steps.take()
}

fn fail_once_after(failing: Step) {
    let mut failed = false;
    after_each(move |step| match step == failing && !failed {
        true => {
            failed = true;
            Err(NetworkError::step("go on")(io::Error::other("as the test wants")))
        }
        false => Ok(()),
    });
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    Host::run(|host| {
        let steps = steps_of(|| drop(host.attach("one")));
        assert_eq!(steps.len(), 10, "{steps:?}");
        host.networks.detach("one", None).unwrap();
        for step in steps {
            let namespace = new_namespace();
            fail_once_after(step);
            let failed = host.networks.attach(&bridged(), &host.pod("one"), namespace.as_fd());
            undisturbed();
            assert!(failed.is_err(), "{step:?}");
            host.assert_empty(&format!("{step:?} failed"));
            host.networks.attach(&bridged(), &host.pod("one"), namespace.as_fd()).unwrap();
            host.networks.detach("one", None).unwrap();
        }
    });
}

#[test]
fn a_step_that_fails_beside_another_pod_leaves_that() {
    Host::run(|host| {
        let (other, has) = host.attach("other");
        let names = fs::read_to_string(host.hosts("other")).unwrap();
        let before = host.traces();
        let steps = steps_of(|| drop(host.attach("one")));
        host.networks.detach("one", None).unwrap();
        for step in steps {
            fail_once_after(step);
            let failed =
                host.networks.attach(&bridged(), &host.pod("one"), new_namespace().as_fd());
            undisturbed();
            assert!(failed.is_err(), "{step:?}");
            assert_eq!(host.traces(), before, "{step:?} failed");
            assert_eq!(fs::read_to_string(host.hosts("other")).unwrap(), names, "{step:?}");
            reach(&other, has.addresses[0]);
        }
    });
}

#[test]
fn a_removal_goes_on_after_a_step_that_fails_and_can_be_tried_again() {
    Host::run(|host| {
        host.attach("one");
        let steps = steps_of(|| host.networks.detach("one", None).unwrap());
        assert_eq!(steps.len(), 6, "{steps:?}");
        for step in steps {
            host.attach("one");
            fail_once_after(step);
            host.networks.detach("one", None).unwrap_err();
            undisturbed();
            assert_eq!(
                Netlink::here().unwrap().links().unwrap().len(),
                1,
                "{step:?}: all but lo went"
            );
            assert_eq!(host.networks.list().unwrap(), []);
            host.networks.detach("one", None).unwrap();
            host.assert_empty(&format!("{step:?} failed"));
        }
    });
}

const CUT_SHORT: &str = "POD_NETWORK_TEST_CUT_SHORT";

/// Not a test but the process that the next ones kill at the step that they name.
#[test]
fn cut_short() {
    let Ok(order) = std::env::var(CUT_SHORT) else { return };
    let [work, step, dir, namespace] = order.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{order}")
    };
    let (step, namespace) = (step.to_owned(), File::open(namespace).unwrap());
    after_each(move |done| {
        if format!("{done:?}") == step {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
        Ok(())
    });
    let networks = networks(Path::new(dir));
    let pod = pod(Path::new(dir), "one");
    match work {
        "attach" => drop(networks.attach(&bridged(), &pod, namespace.as_fd())),
        _ => drop(networks.detach("one", None)),
    }
}

/// Does `work` in a process of its own, which is killed at `step`.
fn cut_short_at(host: &Host, work: &str, step: Step, namespace: &File) {
    let dir = host.dir.path();
    let namespace = format!("/proc/{}/fd/{}", process::id(), namespace.as_raw_fd());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["change::tests::faults::cut_short", "--exact"])
        .env(CUT_SHORT, format!("{work} {step:?} {} {namespace}", dir.display()))
        .stdout(process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{work} {step:?}");
}

#[test]
fn what_a_killed_process_has_left_is_found_and_taken_back() {
    Host::run(|host| {
        let attach = steps_of(|| drop(host.attach("one")));
        let detach = steps_of(|| host.networks.detach("one", None).unwrap());
        for step in attach {
            let namespace = new_namespace();
            cut_short_at(&host, "attach", step, &namespace);
            host.networks.repair(&|_| false).unwrap();
            host.assert_empty(&format!("repair after {step:?}"));

            cut_short_at(&host, "attach", step, &namespace);
            let has =
                host.networks.attach(&bridged(), &host.pod("one"), namespace.as_fd()).unwrap();
            reach(&namespace, has.addresses[0]);
            host.networks.detach("one", None).unwrap();
            host.assert_empty(&format!("the next after {step:?}"));
        }
        for step in detach {
            let (namespace, _) = host.attach("one");
            cut_short_at(&host, "detach", step, &namespace);
            assert_eq!(host.networks.repair(&|_| true).unwrap().released, ["one"], "{step:?}");
            host.assert_empty(&format!("repair after {step:?} of a removal"));
        }
    });
}

#[test]
fn repair_makes_whole_what_pods_share() {
    Host::run(|host| {
        let (one, has) = host.attach("one");
        let (_two, _) = host.attach("two");
        assert_eq!(host.networks.repair(&|_| true).unwrap(), Repair::default());

        let mut netlink = Netlink::here().unwrap();
        bridge::remove(&mut netlink, BRIDGE).unwrap();
        fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        fs::write(host.hosts("one"), "").unwrap();
        let repair = host.networks.repair(&|_| true).unwrap();
        assert_eq!(repair.mended.len(), 4, "{repair:?}");
        assert!(repair.mended.contains(&"the bridge pod0".to_owned()), "{repair:?}");
        assert!(repair.mended.contains(&"the names of pods".to_owned()), "{repair:?}");
        reach(&one, has.addresses[0]);

        // The namespace of one is gone with its pod; of another the link is, and no record names the last's.
        let (_three, _) = host.attach("three");
        let (_four, _) = host.attach("four");
        let interface = |id: &str| {
            let text = fs::read_to_string(host.dir.path().join(format!("network/pods/{id}.json")))
                .unwrap();
            serde_json::from_str::<Record>(&text).unwrap().interface.unwrap()
        };
        let stray = interface("four");
        bridge::remove_link(&mut netlink, &interface("three")).unwrap();
        fs::remove_file(host.dir.path().join("network/pods/four.json")).unwrap();
        let repair = host.networks.repair(&|id| id != "two").unwrap();
        assert_eq!(repair.released, ["two"]);
        assert_eq!(repair.lost, ["three"]);
        assert_eq!(repair.removed, [stray]);
        host.networks.repair(&|_| false).unwrap();
        host.assert_empty("repair with no pod alive");
    });
}

#[test]
fn a_bridge_that_someone_deleted_comes_back_with_the_next_pod() {
    Host::run(|host| {
        let (one, has) = host.attach("one");
        bridge::remove(&mut Netlink::here().unwrap(), BRIDGE).unwrap();
        host.attach("two");
        reach(&one, has.addresses[0]);
    });
}

#[test]
fn two_hundred_come_and_go_without_a_trace() {
    Host::run(|host| {
        let (_stays, stays) = host.attach("stays");
        let before = host.traces();
        let mut last = stays.addresses[0];
        for number in 0..200 {
            let (_, has) = host.attach(&format!("pod-{number}"));
            assert_ne!(has.addresses[0], last, "an address rests before it is leased again");
            last = has.addresses[0];
            host.networks.detach(&format!("pod-{number}"), None).unwrap();
        }
        assert_eq!(host.traces(), before);
        host.networks.detach("stays", None).unwrap();
        host.assert_empty("after the last");
    });
}

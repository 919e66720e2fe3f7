//! Who a container's process is and what it may do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pod_sandbox::{Capabilities, Mount, Process, Seccomp};

use crate::harness::tests;
use crate::world::{PROBE, World, id, sh, with_plain_files};

tests![
    it_has_the_fourteen_capabilities_and_a_filter,
    it_has_no_more_descriptors_than_the_standard_three,
    proc_and_sys_are_masked,
    the_kernel_s_settings_are_readonly,
    the_usual_devices_work_and_no_disk_does,
    the_privileged_see_and_may_do_everything,
    it_runs_as_the_user_and_groups_asked_for,
    setuid_programs_work_unless_forbidden,
    a_profile_from_a_file_is_applied,
    b189_an_unconfined_process_has_no_filter,
    system_calls_outside_the_filter_are_refused,
    its_environment_and_directory_are_what_was_asked_for,
    it_sees_its_own_cgroup_readonly,
    it_ignores_and_blocks_no_signal,
];

fn it_has_the_fourteen_capabilities_and_a_filter(w: &World) {
    let s = w.sandbox("a");
    let status = w.run(&s, "c1", "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    let set = "00000000a80425fb";
    let expected = format!(
        "CapInh:\t0000000000000000\nCapPrm:\t{set}\nCapEff:\t{set}\nCapBnd:\t{set}\nCapAmb:\t0000000000000000\n\
         NoNewPrivs:\t0\nSeccomp:\t2\n"
    );
    assert_eq!(status.out, expected);
}

fn it_has_no_more_descriptors_than_the_standard_three(w: &World) {
    let s = w.sandbox("a");
    assert_eq!(
        w.run_process(&s, "c1", Process::new([PROBE, "probe", "descriptors"])).out,
        "[0, 1, 2]\n"
    );
    w.idle(&s, "c2");
    assert_eq!(w.exec(&s, "c2", &[PROBE, "probe", "descriptors"]).out, "[0, 1, 2]\n");
}

fn proc_and_sys_are_masked(w: &World) {
    let s = w.sandbox("a");
    let script = "for f in interrupts kcore keys timer_list sched_debug; do \
                  test ! -e /proc/$f || test \"$(head -c 1 /proc/$f | wc -c)\" = 0 || echo $f; done; \
                  for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do \
                  test ! -d $d || ls -A $d; done";
    let seen = w.run(&s, "c1", script);
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("", ""));
}

fn the_kernel_s_settings_are_readonly(w: &World) {
    let s = w.sandbox("a");
    // Those that this kernel has.
    let script = "for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/x \
                  /sys/fs/cgroup/x; do test -e $f -o ${f##*/} = x || continue; echo h 2>&1 >$f; done; echo end";
    let seen = w.run(&s, "c1", script);
    let mut lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines.pop(), Some("end"), "{seen:?}");
    assert!(
        lines.len() >= 3 && lines.iter().all(|l| l.contains("Read-only file system")),
        "{seen:?}"
    );
}

fn the_usual_devices_work_and_no_disk_does(w: &World) {
    let s = w.sandbox("a");
    let script = "echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && \
                  head -c 4 /dev/random | wc -c && printf x | cat 2>&1 >/dev/full | grep -o 'No space left' && \
                  test -c /dev/tty && test -c /dev/ptmx && script -qec 'echo on a terminal' /dev/null </dev/null && \
                  ls -l /dev/fd /dev/stdin /dev/stdout /dev/stderr >/dev/null && echo end";
    let used = w.run(&s, "c1", script);
    assert_eq!(
        used.out.replace('\r', ""),
        "4\n4\n4\nNo space left\non a terminal\nend\n",
        "{used:?}"
    );
    // A node for a disk cannot even be made, one for another character device cannot be opened.
    let script = "mknod /tmp/disk b 254 0; mknod /tmp/mem c 1 1 && cat /tmp/mem; ls /tmp; ls /dev";
    let refused = w.run(&s, "c2", script);
    assert!(refused.err.contains("/tmp/disk: Operation not permitted"), "{refused:?}");
    assert!(refused.err.contains("/tmp/mem: Operation not permitted"), "{refused:?}");
    let mut names: Vec<&str> = refused.out.split_whitespace().collect();
    names.sort_unstable();
    let expected = [
        "fd", "full", "mem", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
        "stdout", "tty", "urandom", "zero",
    ];
    names.retain(|n| *n != "kcore");
    assert_eq!(names, expected);
    s.remove().expect("goes");
    with_plain_files(&w.dir.join("shared"), || a_disk_in_a_volume(w));
}

/// A disk's node that is already there cannot be opened either.
fn a_disk_in_a_volume(w: &World) {
    let s = w.sandbox("b");
    let disk = w.dir.join("shared/disk");
    let numbers = nix::sys::stat::makedev(254, 0);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
    nix::sys::stat::mknod(&disk, nix::sys::stat::SFlag::S_IFBLK, mode, numbers).expect("makes");
    let mut config = w.container(&s, "c3", sh("head -c 1 /data/disk; : >/data/disk"));
    config.mounts.push(Mount {
        source: w.dir.join("shared"),
        destination: "/data".into(),
        readonly: false,
        ..Mount::default()
    });
    let refused = w.run_config(&s, &config);
    assert_eq!(refused.err.matches("Operation not permitted").count(), 2, "{refused:?}");
    s.remove().expect("goes");
}

fn the_privileged_see_and_may_do_everything(w: &World) {
    let s = w.sandbox("a");
    let script = "grep -E '^(CapBnd|Seccomp):' /proc/self/status; mkdir /tmp/m; mount -t tmpfs x /tmp/m && echo mounted; \
                  mknod /tmp/log c 1 11 && head -c 0 /tmp/log && echo opened; \
                  sysctl=/proc/sys/net/ipv4/ip_forward; echo 1 >$sysctl && cat $sysctl; head -c 1 /proc/timer_list | wc -c";
    let mut process = sh(script);
    process.capabilities = Capabilities::all();
    process.seccomp = Seccomp::Unconfined;
    let mut config = w.container(&s, "c1", process);
    config.privileged = true;
    let done = w.run_config(&s, &config);
    let own = fs::read_to_string("/proc/self/status").expect("reads");
    let bounding = own.lines().find(|l| l.starts_with("CapBnd:")).expect("a line");
    assert_eq!(done.out, format!("{bounding}\nSeccomp:\t0\nmounted\nopened\n1\n1\n"), "{done:?}");
}

fn it_runs_as_the_user_and_groups_asked_for(w: &World) {
    let s = w.sandbox("a");
    let mut process =
        sh("id -u; id -g; id -G; grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status; echo $HOME; umask");
    (process.uid, process.gid, process.groups) = (1234, 567, vec![8, 9]);
    let done = w.run_process(&s, "c1", process);
    let none = "0000000000000000";
    let expected = format!(
        "1234\n567\n567 8 9\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t00000000a80425fb\n/\n0022\n"
    );
    assert_eq!(done.out, expected, "{done:?}");
}

fn setuid_programs_work_unless_forbidden(w: &World) {
    with_plain_files(&w.dir.join("shared"), || setuid_program(w));
}

fn setuid_program(w: &World) {
    let s = w.sandbox("a");
    let program = w.dir.join("shared/setuid");
    fs::copy("/usr/bin/id", &program).expect("copies");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("sets");
    for (name, forbidden, expected) in [("c1", false, "0\n0\n"), ("c2", true, "1234\n1\n")] {
        let mut process = sh("/data/setuid -u; grep NoNewPrivs /proc/self/status | cut -f2");
        (process.uid, process.gid, process.no_new_privileges) = (1234, 1234, forbidden);
        let mut config = w.container(&s, name, process);
        config.mounts.push(Mount {
            source: w.dir.join("shared"),
            destination: "/data".into(),
            readonly: true,
            ..Mount::default()
        });
        assert_eq!(w.run_config(&s, &config).out, expected, "forbidden: {forbidden}");
    }
    s.remove().expect("goes");
}

fn a_profile_from_a_file_is_applied(w: &World) {
    let s = w.sandbox("a");
    let path = w.dir.join("profile.json");
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}"#;
    fs::write(&path, text).expect("writes");
    for (name, no_new_privileges) in [("c1", false), ("c2", true)] {
        let mut process = sh("mkdir /x; grep Seccomp: /proc/self/status");
        process.seccomp = Seccomp::Profile(path.clone());
        process.no_new_privileges = no_new_privileges;
        let done = w.run_process(&s, name, process);
        assert!(done.err.contains("No space left"), "{done:?}");
        assert_eq!(done.out, "Seccomp:\t2\n");
    }
    let mut process = sh("true");
    process.seccomp = Seccomp::Profile(w.dir.join("none.json"));
    let refused = s.create_container(&w.container(&s, "c3", process)).expect_err("no profile");
    assert!(refused.to_string().contains("none.json: No such file"), "{refused}");
}

fn b189_an_unconfined_process_has_no_filter(w: &World) {
    let s = w.sandbox("a");
    let mut process = sh("grep Seccomp: /proc/self/status");
    process.seccomp = Seccomp::Unconfined;
    assert_eq!(w.run_process(&s, "c1", process).out, "Seccomp:\t0\n");
}

fn system_calls_outside_the_filter_are_refused(w: &World) {
    let s = w.sandbox("a");
    let mut process = sh("unshare -n true; mount -t tmpfs x /tmp; echo end");
    process.capabilities = Capabilities::default();
    let done = w.run_process(&s, "c1", process);
    assert!(done.err.contains("unshare failed: Operation not permitted"), "{done:?}");
    assert!(done.err.contains("mount:"), "{done:?}");
    assert_eq!(done.out, "end\n");
}

fn its_environment_and_directory_are_what_was_asked_for(w: &World) {
    let s = w.sandbox("a");
    let mut process = Process::new(["env"]);
    process.env.push("A=b c=d".to_owned());
    process.env.push("EMPTY=".to_owned());
    let path = format!("PATH={}", pod_sandbox::DEFAULT_PATH);
    assert_eq!(
        w.run_process(&s, "c1", process).out,
        format!("{path}\nA=b c=d\nEMPTY=\nHOME=/root\n")
    );
    let mut process = Process::new(["pwd"]);
    process.cwd = "/srv/made/now".into();
    assert_eq!(w.run_process(&s, "c2", process).out, "/srv/made/now\n");
}

fn it_sees_its_own_cgroup_readonly(w: &World) {
    let s = w.sandbox("a");
    let script = "cat /proc/self/cgroup; cat $(find /sys/fs/cgroup/ -maxdepth 2 -name pids.max)";
    let mut config = w.container(&s, "c1", sh(script));
    config.resources.pids = Some(77);
    let seen = w.run_config(&s, &config);
    assert_eq!(seen.out.lines().last(), Some("77"), "{seen:?}");
    let limited = seen
        .out
        .lines()
        .filter(|l| l.contains(":pids:") || l.starts_with("0::/") && seen.out.lines().count() == 2);
    assert!(limited.clone().count() > 0 && limited.clone().all(|l| l.ends_with(":/")), "{seen:?}");
    assert!(!seen.out.contains("c1"), "{seen:?}");
    s.remove_container(&id("c1")).expect("goes");
}

fn it_ignores_and_blocks_no_signal(w: &World) {
    let s = w.sandbox("a");
    let none = "0000000000000000";
    let expected = format!("SigBlk:\t{none}\nSigIgn:\t{none}\n");
    // A shell would change them.
    let grep = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    assert_eq!(w.run_process(&s, "c1", Process::new(grep)).out, expected);
    w.idle(&s, "c2");
    assert_eq!(w.exec(&s, "c2", &grep).out, expected);
}

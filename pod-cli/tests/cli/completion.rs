//! Command lines that a shell completes.

use std::path::Path;
use std::process::Command;

use crate::host::{Host, run, server};

/// Has bash do as it does at the tabulator key, with the function that the script names.
const AT_TAB: &str = r#"
source <(pod completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
read -ra spec <<<"$(complete -p pod)"
for ((i = 0; i < ${#spec[@]}; i++)); do
    [[ ${spec[i]} == -F ]] && "${spec[i + 1]}" pod
done
[[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
"#;

/// What bash proposes for the last word of a line.
fn proposed(host: &Host, line: &str) -> Vec<String> {
    let bin = Path::new(env!("CARGO_BIN_EXE_pod")).parent().expect("it lies in a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("there is one"));
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", AT_TAB, "bash", line]).env("PATH", path);
    let ran = run(bash.env("POD_ROOT", host.root()), b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}");
    ran.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_names_of_what_is_there() {
    let host = Host::new();
    let side = "\n  - {name: side, image: pod.local/host, command: [sleep, infinity]}\n";
    let web = format!("{}{side}", server().trim_end());
    assert_eq!(host.pod_on("apply", &web).code, 0);
    assert_eq!(host.pod("-n team create cm settings --from-literal=a=b").code, 0);
    let cases: &[(&str, &[&str])] = &[
        ("pod exec ", &["web"]),
        ("pod exec -c ", &[]),
        ("pod exec web -c ", &["app", "side"]),
        ("pod exec pod/web -c s", &["side"]),
        // Readline replaces what is behind the equals sign alone.
        ("pod logs web --container=a", &["app"]),
        ("pod get pod w", &["web"]),
        ("pod get po/", &["po/web"]),
        ("pod describe pods web ", &[]),
        ("pod get configmap ", &[]),
        ("pod get configmap -n team ", &["settings"]),
        ("pod delete cm/ -n ", &["default", "team"]),
        ("pod -n team delete cm/", &["cm/settings"]),
        ("pod cp w", &["web:"]),
        ("pod exec x", &[]),
        ("pod rollout res", &["restart"]),
        ("pod get pods --show-l", &["--show-labels"]),
    ];
    for (line, want) in cases {
        assert_eq!(proposed(&host, line), *want, "{line}");
    }
    assert_eq!(host.pod("delete pod/web -n default").code, 0);
    assert_eq!(host.pod("-n team delete cm settings").code, 0);
}

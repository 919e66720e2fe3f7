//! Texts made to hurt: each is answered, and soon.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pod_spec::Pod;

const MANIFEST: &str = include_str!("data/valid/everything.yaml");

/// Reads the text in every way there is. Whether it is taken does not matter.
fn survive(text: &str) {
    let start = Instant::now();
    match Pod::from_yaml(text).and_then(Pod::validate) {
        Ok(pod) => {
            let yaml = pod.pod().to_yaml().expect("a form in YAML");
            assert_eq!(Pod::from_yaml(&yaml).as_ref(), Ok(pod.pod()), "{yaml}");
        }
        Err(faults) => {
            assert!(faults.iter().count() > 0);
            let told = faults.render(text, "x.yaml") + &faults.to_string();
            assert!(
                !told.chars().any(|c| c.is_control() && c != '\n'),
                "a control character gets through"
            );
        }
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?} for {:.60}", text);
}

#[test]
fn every_beginning_of_a_manifest() {
    for (end, _) in MANIFEST.char_indices() {
        survive(&MANIFEST[..end]);
    }
}

#[test]
fn every_line_left_out() {
    for skip in 0..MANIFEST.lines().count() {
        let text: Vec<_> =
            MANIFEST.lines().enumerate().filter(|(i, _)| *i != skip).map(|(_, l)| l).collect();
        survive(&text.join("\n"));
    }
}

#[test]
fn characters_changed_at_random() {
    const ODD: [char; 24] = [
        '\t', '\n', '\r', ' ', '\0', '\u{1b}', '\u{85}', '\u{2028}', '\u{feff}', '\u{202e}', ':',
        '-', '?', '[', ']', '{', '}', '&', '*', '!', '|', '"', '\'', 'é',
    ];
    // A linear congruential generator: the same texts each time.
    let mut state: u64 = 42;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let manifest: Vec<char> = MANIFEST.chars().collect();
    for _ in 0..1500 {
        let mut text = manifest.clone();
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(3) {
                0 => text[at] = ODD[random(ODD.len())],
                1 => text.insert(at, ODD[random(ODD.len())]),
                _ => drop(text.remove(at)),
            }
        }
        survive(&text.into_iter().collect::<String>());
    }
}

#[test]
fn every_value_replaced_by_another_type() {
    for value in [
        "null",
        "true",
        "5",
        "-5",
        "1.5",
        ".nan",
        ".inf",
        "99999999999999999999",
        "''",
        "x",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "{x: y}",
        "{'': 1}",
    ] {
        for (i, line) in MANIFEST.lines().enumerate() {
            let Some((key, _)) = line.split_once(": ") else { continue };
            let mut lines: Vec<&str> = MANIFEST.lines().collect();
            let changed = format!("{key}: {value}");
            lines[i] = &changed;
            survive(&lines.join("\n"));
        }
    }
}

/// Pods in which many names are looked for among many others.
fn many_names() -> Vec<String> {
    let pod = |metadata: &str, spec: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a{metadata}}}, spec: {{{spec}}}}}")
    };
    let list = |item: &dyn Fn(usize) -> String| (0..8000).map(item).collect::<String>();
    let mounts = list(&|i| format!("{{name: volume{i}, mountPath: /{i}}}, "));
    let devices = list(&|i| format!("{{name: device{i}, devicePath: /dev/{i}}}, "));
    let volumes = list(&|i| format!("{{name: other{i}}}, "));
    let sidecars = list(&|i| {
        format!("{{name: a{i}, restartPolicy: Always, resources: {{requests: {{r{i}: 1}}}}}}, ")
    });
    let keys = list(&|i| format!("key{i}, "));
    let labels = list(&|i| format!("key{i}: x, "));
    let expressions = list(&|i| format!("{{key: other{i}, operator: Exists}}, "));
    let keys = format!(
        "topologySpreadConstraints: [{{matchLabelKeys: [{keys}], labelSelector: {{matchExpressions: [{expressions}]}}}}]"
    );
    vec![
        pod(
            "",
            &format!(
                "containers: [{{volumeMounts: [{mounts}], volumeDevices: [{devices}]}}], volumes: [{volumes}]"
            ),
        ),
        pod("", &format!("initContainers: [{sidecars}], resources: {{limits: {{cpu: 1}}}}")),
        pod(&format!(", labels: {{{labels}}}"), &keys),
    ]
}

#[test]
fn sizes_that_no_manifest_has() {
    let spec =
        |spec: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}");
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in ('a'..='y').zip('b'..) {
        writeln!(bomb, "{to}: &{to} [{}]", vec![format!("*{from}"); 9].join(",")).unwrap();
    }
    let nested_anchors =
        (0..95).fold(String::new(), |text, i| format!("{text}&a{i} [")) + &"x, ".repeat(50_000);
    let texts = [
        bomb,
        nested_anchors,
        "[".repeat(1 << 20),
        "{".repeat(1 << 20),
        "- ".repeat(1 << 20),
        "? ".repeat(1 << 20),
        "a: ".repeat(1 << 20),
        "&a ".repeat(1 << 20),
        "!!str ".repeat(1 << 18),
        "\"".repeat(1 << 20),
        "'".repeat((4 << 20) - 1),
        "#".repeat(4 << 20),
        "\n".repeat(4 << 20),
        " ".repeat(4 << 20),
        "---\n".repeat(1 << 18),
        "x".repeat(5 << 20),
        format!("\"{}", "\\n".repeat(1 << 20)),
        format!("a: |\n{}", " x\n".repeat(1 << 20)),
        format!("a: >\n{}", " \n".repeat(1 << 20)),
        spec(&format!("{{{}: 1}}", "k".repeat(3 << 20))),
        spec(&format!("{{{}}}", (0..60_000).map(|i| format!("k{i}: 1, ")).collect::<String>())),
        spec(&format!("{{{}}}", "containers: [], ".repeat(40_000))),
        spec(&format!("{{containers: [{}]}}", "{}, ".repeat(50_000))),
        spec(&format!("{{containers: [{}]}}", "{name: a, image: a}, ".repeat(20_000))),
        spec(&format!("{{volumes: [{}]}}", "{name: a}, ".repeat(20_000))),
        spec(&format!(
            "{{containers: [{{name: a, image: a, resources: {{limits: {{cpu: '{}'}}}}}}]}}",
            "9".repeat(1 << 20)
        )),
        spec(&format!(
            "{{containers: [{{name: a, image: a, resources: {{limits: {{cpu: 1e{}}}}}}}]}}",
            "9".repeat(1 << 20)
        )),
        spec(&format!("{{terminationGracePeriodSeconds: {}}}", "9".repeat(1 << 20))),
    ];
    for text in texts.iter().chain(&many_names()) {
        survive(text);
    }
}

use serde_json::json;

use super::*;

fn list() -> Value {
    json!({
        "kind": "List",
        "items": [
            {
                "kind": "Pod",
                "metadata": {"name": "web", "labels": {"app.io/tier": "front", "app": "a"}},
                "status": {"restarts": 3, "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Initialized", "status": "False"},
                ]},
            },
            {"kind": "Pod", "metadata": {"name": "db"}, "status": {"restarts": 0, "podIP": "10.0.0.1"}},
        ],
    })
}

fn text(template: &str) -> String {
    Template::parse(template).expect(template).render(&list()).expect(template)
}

#[test]
fn templates_say_what_kubectl_prints() {
    for (template, want) in [
        ("{.kind}", "List"),
        ("{$.kind}", "List"),
        ("kind is {.kind}!", "kind is List!"),
        ("{.items[*].metadata.name}", "web db"),
        ("{.items[0].metadata.name}", "web"),
        ("{.items[-1].metadata.name}", "db"),
        ("{.items[-1:].metadata.name}", "db"),
        ("{.items[0:2].metadata.name}", "web db"),
        ("{.items[:1]['metadata.name', 'kind']}", "web Pod"),
        ("{.items[0:2:2].metadata.name}", "web"),
        ("{.items[*].status.podIP}", "10.0.0.1"),
        ("{.items[*].nothing.here}", ""),
        (r"{.items[0].metadata.labels.app\.io/tier}", "front"),
        (r"{.items[0].metadata.labels['app\.io/tier']}", "front"),
        ("{.items[0]['metadata']['name']}", "web"),
        ("{.items[0].metadata.labels}", r#"{"app":"a","app.io/tier":"front"}"#),
        ("{.items[0].metadata.labels.*}", "a front"),
        ("{..name}", "web db"),
        (r#"{.items[?(@.metadata.name=="db")].status.restarts}"#, "0"),
        (r#"{.items[?(@.metadata.name!='db')].metadata.name}"#, "web"),
        ("{.items[?(@.status.restarts>1)].metadata.name}", "web"),
        ("{.items[?( @.status.restarts <= 0 )].metadata.name}", "db"),
        ("{.items[?(@.status.podIP)].metadata.name}", "db"),
        (r#"{.items[0].status.conditions[?(@.type=="Ready")].status}"#, "True"),
        (
            "{range .items[*]}{.metadata.name}{'\\t'}{.status.restarts}{\"\\n\"}{end}",
            "web\t3\ndb\t0\n",
        ),
        (
            "{range .items[*]}{range .status.conditions[*]}{.type},{end};{end}",
            "Ready,Initialized,;;",
        ),
        (r#"{range .items[*]}{"{"}{@.kind}{"}"}{end}"#, "{Pod}{Pod}"),
        ("plain", "plain"),
    ] {
        assert_eq!(text(template), want, "{template}");
    }
}

#[test]
fn what_does_not_fit_is_said() {
    for (template, why) in [
        ("{.items[2]}", "there is no item 2 in a list of 2"),
        ("{.items[-3]}", "there is no item -1 in a list of 2"),
        ("{.items[0:5]}", "there is no item 4 in a list of 2"),
        ("{.items[0:2:0]}", "a step is 1 or more"),
        ("{.kind[0]}", "\"List\" is no list"),
        (".", ""),
    ] {
        let rendered = Template::parse(template).expect(template).render(&list());
        assert_eq!(
            rendered.map_err(|e| e.to_string()).err().unwrap_or_default(),
            why,
            "{template}"
        );
    }
    for template in [
        "{.kind",
        "{kind}",
        "{.items[0}",
        "{.items[x]}",
        "{end}",
        "{range .items[*]}",
        "{.items[]}",
        "{\"\\x\"}",
        "{.items[?(@.a=1)]}",
        "{.items[?(@.a==b)]}",
    ] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

#[test]
fn a_path_alone_needs_no_braces() {
    for path in ["{.metadata.name}", ".metadata.name", "metadata.name", "{metadata.name}"] {
        let path = Path::relaxed(path).expect(path);
        assert_eq!(path.values(&list()["items"][1]), Ok(vec![&json!("db")]));
    }
    assert!(Path::relaxed("").is_err());
}

#[test]
fn values_are_written_as_go_does() {
    assert_eq!(go_words(&json!({"b": [1, null], "a": "x"})), "map[a:x b:[1 <nil>]]");
}

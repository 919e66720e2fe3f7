use std::os::unix::fs::symlink;

use super::*;

#[test]
fn b160_a_value_is_what_stands_between_single_quotes() {
    let text = "# first\n\n \t\n  A='one'\n\tB='two words # \"$A\" \\n' # said\nC='first\n\n D=2\nlast'\nD=\nE= 'x'\nF=''\nA='again'\n\
                G='a=b'";
    for (key, value) in [
        ("A", Some("one")),
        ("B", Some("two words # \"$A\" \\n")),
        ("C", Some("first\n\n D=2\nlast")),
        ("D", Some("")),
        ("E", Some("")),
        ("F", Some("")),
        ("G", Some("a=b")),
        ("a", None),
        ("H", None),
    ] {
        assert_eq!(find(text, key).expect("is well formed"), value, "{key}");
    }
    assert_eq!(find("", "A").expect("is well formed"), None);
}

#[test]
fn b160_a_line_that_declares_nothing_is_named() {
    for (text, line, fault) in [
        ("A='1'\nnothing\n", 2, "there is no `=`"),
        ("nothing\nZ='1'\n", 1, "there is no `=`"),
        ("\n='1'\n", 2, "there is no name before `=`"),
        ("A ='1'\n", 1, "there is a blank before `=`"),
        ("A='1\n2'\nB=\"1\"\n", 3, "the value is not in single quotes"),
        ("A=1", 1, "the value is not in single quotes"),
        ("A='1'\nB='2\n3\n", 2, "the value has no closing quote"),
        ("A='1'2'\n", 1, "something follows the closing quote"),
        ("A='1'#2\n", 1, "something follows the closing quote"),
        ("A='1' 2\n", 1, "something follows the closing quote"),
    ] {
        let error = find(text, "Z").expect_err(text);
        assert_eq!(error.to_string(), format!("line {line}: {fault}"), "{text}");
    }
}

#[test]
fn what_comes_after_the_key_does_not_matter() {
    assert_eq!(find("A='1'\nnothing", "A").expect("is found"), Some("1"));
}

#[test]
fn b160_only_files_of_the_volume_are_read() {
    let dir = std::env::temp_dir().join(format!("env-file-{}", std::process::id()));
    let volume = dir.join("volume");
    std::fs::create_dir_all(volume.join("sub")).expect("is made");
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(volume.join(name), bytes).expect("is written");
    std::fs::write(dir.join("secret"), "A='1'").expect("is written");
    write("sub/file", b"A='1'");
    write("full", &[b'#'; MAX_SIZE]);
    write("large", &[b'#'; MAX_SIZE + 1]);
    write("bytes", b"A='\xff'");
    write("nul", b"A='\0'");
    let link = |to: &str, name: &str| symlink(to, volume.join(name)).expect("is made");
    link("sub/file", "within");
    link("../secret", "up");
    link(dir.join("secret").to_str().expect("text"), "absolute");
    link("nowhere", "dangling");
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&volume.join("pipe"), mode).expect("is made");
    let root = File::open(&volume).expect("is there");
    let outcome = |name: &str| match read(&root, Path::new(name)) {
        Ok(text) => format!("{} bytes", text.len()),
        Err(error) => error.to_string(),
    };
    for (name, want) in [
        ("sub/file", "5 bytes"),
        ("within", "5 bytes"),
        ("full", "65536 bytes"),
        ("large", "it is larger than 64 KiB"),
        ("bytes", "it is no text in UTF-8 without NUL"),
        ("nul", "it is no text in UTF-8 without NUL"),
        ("up", "it leads out of the volume"),
        ("absolute", "it leads out of the volume"),
        ("../secret", "it leads out of the volume"),
        ("dangling", "there is no such file"),
        ("none", "there is no such file"),
        ("sub/none", "there is no such file"),
        ("sub", "it is no regular file"),
        ("pipe", "it is no regular file"),
    ] {
        assert_eq!(outcome(name), want, "{name}");
    }
    std::fs::remove_dir_all(dir).expect("is removed");
}

use super::*;

fn digest(n: u8) -> String {
    format!("sha256:{}", format!("{n:02x}").repeat(32))
}

fn descriptor(media_type: &str, n: u8) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":7}}"#, digest(n))
}

fn image(config_type: &str, layer_types: &[&str]) -> String {
    let layers: Vec<String> = layer_types.iter().map(|t| descriptor(t, 2)).collect();
    format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        descriptor(config_type, 1),
        layers.join(",")
    )
}

fn index(platforms: &[&str]) -> Index {
    let entries: Vec<String> = platforms
        .iter()
        .enumerate()
        .map(|(n, platform)| {
            let mut parts = platform.split('/');
            let mut next = || parts.next().unwrap_or_default();
            format!(
                r#"{{"digest":"{}","size":1,"platform":{{"os":"{}","architecture":"{}","variant":"{}"}}}}"#,
                digest(u8::try_from(n).unwrap()), next(), next(), next(),
            )
        })
        .collect();
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
    match parse(text.as_bytes(), None).unwrap() {
        Document::Index(index) => index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn layers_are_told_apart_by_their_media_type() {
    for (media_type, expected) in [
        ("application/vnd.oci.image.layer.v1.tar", Ok(Compression::None)),
        ("application/vnd.oci.image.layer.v1.tar+gzip", Ok(Compression::Gzip)),
        ("application/vnd.oci.image.layer.v1.tar+zstd", Ok(Compression::Zstd)),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", Ok(Compression::Gzip)),
        ("application/vnd.docker.image.rootfs.diff.tar", Ok(Compression::None)),
        ("", Ok(Compression::None)),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Err("foreign")),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Err("foreign")),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", Err("encrypted")),
        ("application/wasm", Err("application/wasm")),
    ] {
        let text = image("application/vnd.oci.image.config.v1+json", &[media_type]);
        match (parse(text.as_bytes(), None), expected) {
            (Ok(Document::Manifest(manifest)), Ok(compression)) => {
                assert_eq!(manifest.layers[0].compression, compression, "{media_type}");
            }
            (Err(error @ ManifestError::Layer { .. }), Err(part)) => {
                assert!(error.to_string().contains(part), "{error}");
            }
            (other, _) => panic!("{media_type}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let config = "application/vnd.oci.image.config.v1+json";
    let many = vec!["application/vnd.oci.image.layer.v1.tar"; MAX_LAYERS + 1];
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned();
    let both = format!(r#"{{"config":{0},"layers":[],"manifests":[]}}"#, descriptor(config, 1));
    let lying =
        format!(r#"{{"mediaType":"{OCI_INDEX}","config":{0},"layers":[]}}"#, descriptor(config, 1));
    for (text, part) in [
        (schema1, "schema version 1"),
        (image("application/vnd.cncf.helm.config.v1+json", &[]), "helm"),
        (image(config, &many), "128 layers"),
        (both, "media type"),
        (lying, "media type"),
        ("{}".to_owned(), "media type"),
        ("[".to_owned(), "not valid"),
        (r#"{"config":{"digest":"sha256:../../x","size":1},"layers":[]}"#.to_owned(), "not valid"),
        (" ".repeat(5 << 20), "5242880 bytes"),
    ] {
        let error = parse(text.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(matches!(
        parse(b"{}", Some("application/vnd.docker.distribution.manifest.v1+prettyjws")),
        Err(ManifestError::Schema1)
    ));
}

#[test]
fn an_index_gives_the_best_entry_for_the_machine() {
    let machine = |variant: &str| Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        variant: variant.into(),
    };
    let several = index(&[
        "linux/arm64/v8",
        "linux/amd64",
        "linux/amd64/v3",
        "linux/amd64/v3",
        "unknown/unknown",
    ]);
    for (variant, chosen) in [("v1", 1), ("v2", 1), ("v4", 2)] {
        assert_eq!(several.choose(&machine(variant)).unwrap().digest.as_str(), digest(chosen));
    }
    let error = index(&["linux/arm64/v8", "linux/386", "unknown/unknown"])
        .choose(&machine("v1"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the image is not made for linux/amd64/v1, only for linux/386, linux/arm64/v8"
    );
}

#[test]
fn the_way_down_ends() {
    let names: Vec<Digest> = (0..6).map(|n| digest(n).parse().unwrap()).collect();
    let mut descent = Descent::default();
    descent.enter(&names[0]).unwrap();
    assert!(descent.enter(&names[0]).unwrap_err().to_string().contains("points to itself"));
    for name in &names[1..4] {
        descent.enter(name).unwrap();
    }
    assert!(matches!(descent.enter(&names[4]), Err(ManifestError::Nesting { .. })));
}

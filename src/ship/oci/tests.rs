//! The exact documents, and the settings that are kept from a base.

use oci_spec::image::{Arch, ImageIndex, MediaType, Os};
use serde_json::{Value, json};

use crate::ship::docker::image::{Image, VERSION};
use crate::ship::docker::tests::{chat, versioned};
use crate::ship::oci::documents::{
    BASE_DIGEST, BaseConfig, BaseImage, Blob, IMAGE_NAME, LayerBlob, PATH, Parts, REF_NAME,
    configuration, created, docker_manifest, index, is_for, is_ours, manifest, marker, media_type,
    parse, platform_label, platforms,
};
use crate::tree::manifest::Platform;

fn blob(letter: &str) -> Blob {
    Blob {
        sha256: letter.repeat(64),
        size: 7,
    }
}

fn made(letter: &str) -> LayerBlob {
    LayerBlob {
        blob: blob(letter),
        unpacked: "f".repeat(64),
        what: "bins".to_owned(),
    }
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn arm() -> Platform {
    Platform {
        os: "linux".to_owned(),
        architecture: "arm".to_owned(),
        variant: Some("v7".to_owned()),
    }
}

fn sha(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

#[test]
fn an_image_on_scratch() {
    let image = versioned("1.2.3");
    let labels = json!({ "org.opencontainers.image.title": "chat \"$1\"", VERSION: "1.2.3" });
    assert_eq!(
        value(&configuration(
            &image,
            &arm(),
            None,
            &[made("a")],
            "2023-11-14T22:13:20Z"
        )),
        json!({
            "architecture": "arm",
            "variant": "v7",
            "os": "linux",
            "created": "2023-11-14T22:13:20Z",
            "config": {
                "Entrypoint": ["/usr/local/bin/chat"],
                "Env": [PATH],
                "ExposedPorts": { "8080/tcp": {} },
                "Labels": labels,
                "User": "65532:65532",
                "WorkingDir": "/"
            },
            "rootfs": { "type": "layers", "diff_ids": [sha("f")] },
            "history": [{ "created": "2023-11-14T22:13:20Z", "created_by": "bins" }]
        })
    );
    assert_eq!(
        value(&manifest(&image, &blob("c"), None, &[made("a")])),
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha("c"), "size": 7 },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha("a"), "size": 7 }],
            "annotations": labels
        })
    );
    assert_eq!(
        value(&platforms(&image, &[(arm(), blob("b"))])),
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sha("b"), "size": 7,
                "platform": { "os": "linux", "architecture": "arm", "variant": "v7" }
            }],
            "annotations": labels
        })
    );
    assert_eq!(
        String::from_utf8(marker()).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
}

#[test]
fn the_same_image_is_the_same_bytes() {
    let mut image = versioned("1.2.3");
    image
        .labels
        .extend((0..40).map(|number| (format!("label.{number}"), "x".to_owned())));
    image
        .ports
        .extend((0..40).map(|number| format!("{}/udp", 9000 + number)));
    let all = || {
        let layers = [made("a")];
        let base = base();
        [
            configuration(&image, &arm(), Some(&base), &layers, "2023-11-14T22:13:20Z"),
            manifest(&image, &blob("c"), Some(&base), &layers),
            platforms(&image, &[(arm(), blob("b"))]),
            index(&[(&image, blob("d"))]),
        ]
    };
    // Maps are hashed with another key each time.
    let first = all();
    (0..20).for_each(|_| assert_eq!(all(), first));
}

/// A base with every kind of setting.
fn base() -> BaseImage {
    let configuration = json!({
        "architecture": "arm", "os": "linux", "author": "somebody",
        "config": {
            "Env": ["PATH=/base/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"], "Cmd": ["sh"], "Entrypoint": ["/init"],
            "User": "0", "WorkingDir": "/srv", "StopSignal": "SIGINT", "ExposedPorts": { "53/udp": {} }, "Volumes": { "/data": {} },
            "Labels": {
                "org.opencontainers.image.title": "the base", "org.opencontainers.image.source": "of the base",
                "org.opencontainers.image.licenses": "GPL-3.0", "base.own": "yes"
            },
            "Healthcheck": { "Test": ["CMD", "/check"], "Interval": 30_000_000_000_u64 }, "Shell": ["/bin/ash", "-c"], "StopTimeout": 5,
            "OnBuild": ["RUN make"]
        },
        "rootfs": { "type": "layers", "diff_ids": [sha("0")] },
        "history": [{ "created_by": "ADD" }, { "created_by": "ENV", "empty_layer": true }]
    });
    BaseImage {
        digest: sha("9"),
        layers: vec![blob("8").described(MediaType::ImageLayerZstd)],
        configuration: serde_json::from_value(configuration).unwrap(),
    }
}

#[test]
fn a_base_keeps_what_the_image_does_not_say() {
    let image = versioned("1.2.3");
    let with = |image: &Image, base: &BaseImage| {
        value(&configuration(
            image,
            &arm(),
            Some(base),
            &[made("a")],
            "2023-11-14T22:13:20Z",
        ))
    };
    let on_base = with(&image, &base());
    assert_eq!(
        on_base["config"],
        json!({
            "Entrypoint": ["/usr/local/bin/chat"],
            "Env": ["PATH=/base/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            "ExposedPorts": { "53/udp": {}, "8080/tcp": {} },
            "Healthcheck": { "Test": ["CMD", "/check"], "Interval": 30_000_000_000_u64 },
            "Labels": { "org.opencontainers.image.title": "chat \"$1\"", VERSION: "1.2.3", "base.own": "yes" },
            "Shell": ["/bin/ash", "-c"],
            "StopSignal": "SIGINT",
            "StopTimeout": 5,
            "User": "65532:65532",
            "Volumes": { "/data": {} },
            "WorkingDir": "/srv"
        })
    );
    assert_eq!(on_base["rootfs"]["diff_ids"], json!([sha("0"), sha("f")]));
    assert_eq!(on_base["history"].as_array().unwrap().len(), 3);
    // Without an entrypoint of the image, the base's is kept, with its arguments.
    let none = Image {
        entrypoint: None,
        ..image.clone()
    };
    let config = &with(&none, &base())["config"];
    assert_eq!(
        (&config["Entrypoint"], &config["Cmd"]),
        (&json!(["/init"]), &json!(["sh"]))
    );
    // A history that does not match the layers is replaced: readers expect one entry a layer.
    let mut silent = base();
    silent.configuration.known.set_history(None);
    assert_eq!(
        with(&image, &silent)["history"][0],
        json!({ "created_by": "a layer of the base" })
    );
    let manifest = value(&manifest(&image, &blob("c"), Some(&base()), &[made("a")]));
    assert_eq!(
        manifest["layers"][0]["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+zstd"
    );
    assert_eq!(manifest["layers"][1]["digest"], sha("a"));
    assert_eq!(manifest["annotations"][BASE_DIGEST], sha("9"));
}

#[test]
fn a_list_of_nothing_may_be_null() {
    let manifest: oci_spec::image::ImageManifest = parse(
        json!({ "schemaVersion": 2, "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha("c"), "size": 7 },
                "layers": null })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    assert!(manifest.layers().is_empty());
    let given = json!({ "architecture": "arm", "os": "linux", "rootfs": { "type": "layers", "diff_ids": null }, "config": null });
    let given: BaseConfig = parse(given.to_string().as_bytes()).unwrap();
    assert!(given.known.rootfs().diff_ids().is_empty() && given.more.is_empty());
    assert!(
        parse::<ImageIndex>(b"{\"schemaVersion\":2,\"manifests\":null}")
            .unwrap()
            .manifests()
            .is_empty()
    );
    assert!(parse::<BaseConfig>(b"{\"rootfs\":{}}").is_err());
}

#[test]
fn an_image_is_found_by_its_version_and_one_of_several_by_its_name() {
    let (one, mut other) = (versioned("1.2.3"), chat());
    other.name = "bot".to_owned();
    let names = |images: &[(&Image, Blob)]| {
        let index = value(&index(images));
        let names = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|descriptor| {
                let annotation =
                    |key: &str| descriptor["annotations"][key].as_str().unwrap().to_owned();
                (annotation(REF_NAME), annotation(IMAGE_NAME))
            });
        names.collect::<Vec<_>>()
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(
        names(&[(&one, blob("a"))]),
        [pair("1.2.3", "docker.io/library/chat:1.2.3")]
    );
    assert_eq!(
        names(&[(&one, blob("a")), (&other, blob("b"))]),
        [
            pair("chat:1.2.3", "docker.io/library/chat:1.2.3"),
            pair("bot:latest", "docker.io/library/bot:latest")
        ]
    );
}

#[test]
fn docker_loads_every_platform_under_a_name_of_its_own() {
    let image = versioned("1.2.3");
    let linux = |architecture: &str| Platform {
        architecture: architecture.to_owned(),
        variant: None,
        ..arm()
    };
    let amd = linux("amd64");
    let parts = |platform, letter: &str| Parts {
        platform,
        configuration: blob(letter),
        layers: vec!["0".repeat(64)],
    };
    let at = |letter: &str| format!("blobs/sha256/{}", letter.repeat(64));
    assert_eq!(
        value(&docker_manifest(&[(
            &image,
            vec![parts(amd, "a"), parts(arm(), "b")]
        )])),
        json!([
            { "Config": at("a"), "RepoTags": ["chat:1.2.3"], "Layers": [at("0")] },
            { "Config": at("b"), "RepoTags": ["chat:1.2.3-armv7"], "Layers": [at("0")] }
        ])
    );
    // Sorted by name 386 would be first, which is not what an amd64 machine needs.
    let named = |platforms: &[Platform]| -> Vec<String> {
        let parts = platforms
            .iter()
            .map(|platform| parts(platform.clone(), "a"))
            .collect();
        let loaded = value(&docker_manifest(&[(&image, parts)]));
        loaded
            .as_array()
            .unwrap()
            .iter()
            .map(|loaded| loaded["RepoTags"][0].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        named(&[linux("386"), linux("amd64"), arm(), linux("arm64")]),
        [
            "chat:1.2.3",
            "chat:1.2.3-arm64",
            "chat:1.2.3-386",
            "chat:1.2.3-armv7"
        ]
    );
    assert_eq!(
        named(&[arm(), linux("s390x")]),
        ["chat:1.2.3", "chat:1.2.3-s390x"]
    );
}

#[test]
fn a_layout_is_ours_where_every_image_in_it_is() {
    let ours = index(&[(&chat(), blob("a"))]);
    assert!(is_ours(&ours));
    let mut mixed = value(&ours);
    mixed["manifests"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sha("b"), "size": 7
    }));
    assert!(!is_ours(mixed.to_string().as_bytes()));
    assert!(!is_ours(b"{}") && !is_ours(b""));
}

#[test]
fn what_was_made_for_docker_has_oci_names() {
    let check = |given: &str, expected: Option<&str>| {
        assert_eq!(
            media_type(&MediaType::from(given))
                .map(|media| media.to_string())
                .as_deref(),
            expected,
            "{given}"
        );
    };
    let oci = |rest: &str| format!("application/vnd.oci.image.{rest}");
    for same in [
        "index.v1+json",
        "manifest.v1+json",
        "config.v1+json",
        "layer.v1.tar",
        "layer.v1.tar+gzip",
        "layer.v1.tar+zstd",
    ] {
        check(&oci(same), Some(&oci(same)));
    }
    check(
        "application/vnd.docker.distribution.manifest.list.v2+json",
        Some(&oci("index.v1+json")),
    );
    check(
        "application/vnd.docker.distribution.manifest.v2+json",
        Some(&oci("manifest.v1+json")),
    );
    check(
        "application/vnd.docker.container.image.v1+json",
        Some(&oci("config.v1+json")),
    );
    check(
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Some(&oci("layer.v1.tar+gzip")),
    );
    check(
        "application/vnd.docker.image.rootfs.diff.tar",
        Some(&oci("layer.v1.tar")),
    );
    check(&oci("layer.nondistributable.v1.tar+gzip"), None);
    check("application/vnd.in-toto+json", None);
}

#[test]
fn an_image_is_for_a_platform_by_any_of_its_names() {
    let check = |available: &str, requested: &str, expected: bool| {
        let parts = |text: &str| {
            let mut parts = text.split('/').map(str::to_owned);
            (parts.next().unwrap(), parts.next().unwrap(), parts.next())
        };
        let (os, architecture, variant) = parts(available);
        let requested = parts(requested);
        let requested = Platform {
            os: requested.0,
            architecture: requested.1,
            variant: requested.2,
        };
        let (os, architecture) = (Os::from(os.as_str()), Arch::from(architecture.as_str()));
        assert_eq!(
            is_for(&os, &architecture, variant.as_deref(), &requested),
            expected,
            "{available} for {requested:?}"
        );
        assert_eq!(
            platform_label(&os, &architecture, variant.as_deref()),
            available
        );
    };
    check("linux/amd64", "linux/amd64", true);
    check("linux/arm64/v8", "linux/arm64", true);
    check("linux/arm64", "linux/arm64/v8", true);
    check("linux/amd64/v1", "linux/amd64", true);
    check("linux/amd64/v3", "linux/amd64", false);
    check("linux/arm", "linux/arm/v7", true);
    check("linux/arm/v6", "linux/arm/v7", false);
    check("linux/386", "linux/386", true);
    check("linux/s390x", "linux/ppc64le", false);
    check("windows/amd64", "linux/amd64", false);
    check("unknown/unknown", "linux/amd64", false);
}

#[test]
fn a_time_is_seconds() {
    let check = |epoch: u64, expected: Option<&str>| {
        assert_eq!(created(epoch).ok().as_deref(), expected, "{epoch}")
    };
    // `date -u -d @N +%FT%TZ`
    check(0, Some("1970-01-01T00:00:00Z"));
    check(1_700_000_000, Some("2023-11-14T22:13:20Z"));
    check(951_782_400, Some("2000-02-29T00:00:00Z"));
    check(99_999_999_999_999, None);
    check(u64::MAX, None);
}

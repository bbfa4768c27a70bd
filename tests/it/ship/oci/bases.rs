//! Layouts as bases: made in every form that others write, kept as they are, refused by name.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::ship::oci::{BOTH, Layout, hello, sha256, the_schemas_hold};
use crate::support::{HOST, Project, X86_MUSL};

/// A member of a layer that a test makes: `path/`, `path -> target`, else a file and its bytes.
pub type Line<'a> = (&'a str, &'a [u8]);

fn packed(lines: &[Line]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in lines {
        let mut header = tar::Header::new_ustar();
        header.set_mtime(1);
        header.set_uid(7);
        header.set_gid(8);
        if let Some((path, target)) = path.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            tar.append_link(&mut header, path, target).unwrap();
            continue;
        }
        header.set_entry_type(if path.ends_with('/') {
            tar::EntryType::Directory
        } else {
            tar::EntryType::Regular
        });
        let program = bytes.starts_with(b"\x7fELF");
        header.set_mode(if path.ends_with('/') {
            0o1770
        } else if program {
            0o755
        } else {
            0o644
        });
        header.set_size(bytes.len() as u64);
        if path.starts_with('/') {
            // What the crate does not write for anybody.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
            continue;
        }
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// How a layer is packed, and by whose names it is called.
#[derive(Clone, Copy)]
pub enum How {
    Plain,
    Gzip,
    Zstd,
    Docker,
}

/// A layout as others write it, for these platforms, of these layers.
pub fn base(at: &Path, how: How, platforms: &[&str], layers: &[&[Line]]) {
    let blobs = at.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let oci = |rest: &str| format!("application/vnd.oci.image.{rest}");
    let (layer, manifest_type, configuration_type, index_type) = match how {
        How::Plain => (
            oci("layer.v1.tar"),
            oci("manifest.v1+json"),
            oci("config.v1+json"),
            oci("index.v1+json"),
        ),
        How::Gzip => (
            oci("layer.v1.tar+gzip"),
            oci("manifest.v1+json"),
            oci("config.v1+json"),
            oci("index.v1+json"),
        ),
        How::Zstd => (
            oci("layer.v1.tar+zstd"),
            oci("manifest.v1+json"),
            oci("config.v1+json"),
            oci("index.v1+json"),
        ),
        How::Docker => (
            "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned(),
            "application/vnd.docker.distribution.manifest.v2+json".to_owned(),
            "application/vnd.docker.container.image.v1+json".to_owned(),
            "application/vnd.docker.distribution.manifest.list.v2+json".to_owned(),
        ),
    };
    let blob = |media: &str, bytes: &[u8]| {
        std::fs::write(blobs.join(sha256(bytes)), bytes).unwrap();
        json!({ "mediaType": media, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
    };
    let manifests = platforms.iter().map(|platform| {
        let (mut diff_ids, mut described) = (Vec::new(), Vec::new());
        for lines in layers {
            let tar = packed(lines);
            diff_ids.push(format!("sha256:{}", sha256(&tar)));
            let bytes = match how {
                How::Plain => tar,
                How::Gzip | How::Docker => {
                    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    packer.write_all(&tar).unwrap();
                    packer.finish().unwrap()
                }
                How::Zstd => ruzstd::encoding::compress_to_vec(&tar[..], ruzstd::encoding::CompressionLevel::Fastest),
            };
            described.push(blob(&layer, &bytes));
        }
        // As BuildKit writes an image without layers.
        let list = |of: Vec<Value>| if of.is_empty() { Value::Null } else { Value::Array(of) };
        let configuration = json!({
            "architecture": platform, "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": list(diff_ids.into_iter().map(Value::from).collect()) },
            "config": {
                "Env": ["PATH=/bin", "BASE=yes"], "Labels": { "base": "yes" }, "Cmd": ["sh"],
                "Healthcheck": { "Test": ["CMD", "/check"] }, "OnBuild": ["RUN make"]
            }
        });
        let configuration = blob(&configuration_type, configuration.to_string().as_bytes());
        let described = list(described);
        let manifest = json!({ "schemaVersion": 2, "mediaType": manifest_type, "config": configuration, "layers": described });
        let mut descriptor = blob(&manifest_type, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({ "architecture": platform, "os": "linux" });
        descriptor
    });
    let index = json!({ "schemaVersion": 2, "mediaType": index_type, "manifests": manifests.collect::<Vec<_>>() });
    let index = json!({ "schemaVersion": 2, "manifests": [blob(&index_type, index.to_string().as_bytes())] });
    std::fs::write(at.join("index.json"), index.to_string()).unwrap();
    std::fs::write(at.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

pub fn glibc(version: &str) -> Vec<u8> {
    format!(
        "\x7fELF…GNU C Library (Debian GLIBC {version}-9) stable release version \
             {version}.\nCopyright"
    )
    .into_bytes()
}

#[test]
fn bins_are_held_against_the_glibc_of_a_base() {
    let project = hello(HOST);
    let manifest = project.json("target/xpkg/manifest.json");
    let floor = manifest["artifacts"][0]["binary"]["glibc_floor"]["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let (new, old) = (glibc("2.99"), glibc("2.17"));
    let loader: Line = ("usr/lib64/ld-linux-x86-64.so.2", b"");
    let links: &[Line] = &[
        ("usr/", b""),
        ("lib64 -> usr/lib64", b""),
        ("lib -> usr/lib", b""),
        loader,
    ];
    let gcc: Line = ("usr/lib/x86_64-linux-gnu/libgcc_s.so.1", b"");
    let with = |libc: &'static str, bytes| -> Vec<Line> { [links, &[(libc, bytes), gcc]].concat() };
    let place = "usr/lib/x86_64-linux-gnu/libc.so.6";
    let run = |how: How, platforms: &[&str], layers: &[&[Line]]| {
        let _ = std::fs::remove_dir_all(project.path("base"));
        base(&project.path("base"), how, platforms, layers);
        project
            .xpkg("docker -q --no-build --base oci:base --oci layout")
            .text()
            .replace(&floor, "[FLOOR]")
    };
    let fits = "exit 0\n";
    for how in [How::Plain, How::Gzip, How::Zstd, How::Docker] {
        let _ = std::fs::remove_dir_all(project.path("layout"));
        assert_eq!(run(how, &["amd64"], &[&with(place, &new)]), fits);
    }
    // The later layer counts.
    assert!(
        run(
            How::Gzip,
            &["arm64", "amd64"],
            &[&with(place, &old), &[(place, &new)]]
        )
        .starts_with("exit 0")
    );
    let refused =
        |text: String, expected: &str| assert_eq!(text, format!("exit 1\n--- stderr\n{expected}"));
    let older = "error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` needs glibc [FLOOR], \
                 and the base of `hello` has 2.17\n  help: build it with a lower floor: \
                 `--target x86_64-unknown-linux-gnu.2.17`, use a newer base, or build it for musl \
                 (for example `--target x86_64-unknown-linux-musl`)\n";
    refused(
        run(
            How::Gzip,
            &["amd64"],
            &[&with(place, &new), &[(place, &old)]],
        ),
        older,
    );
    // As glibc was named before 2.34.
    let named: &[Line] = &[
        ("lib/libc.so.6 -> libc-2.17.so", b""),
        ("lib/libc-2.17.so", b"stripped"),
        ("lib64/ld-linux-x86-64.so.2", b""),
        gcc,
    ];
    refused(run(How::Plain, &["amd64"], &[named]), older);
    let musl = "error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` cannot start on the \
                base of `hello`: it needs `/lib64/ld-linux-x86-64.so.2`, which the base does not \
                have\n  cause: the base has musl (`/lib/ld-musl-x86_64.so.1`)\n  help: use a base with \
                glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or build it for musl \
                (for example `--target x86_64-unknown-linux-musl`)\n";
    refused(
        run(
            How::Zstd,
            &["amd64"],
            &[&[("lib/ld-musl-x86_64.so.1", b"")]],
        ),
        musl,
    );
    let gone = musl.replace(
        "  cause: the base has musl (`/lib/ld-musl-x86_64.so.1`)\n",
        "",
    );
    refused(
        run(
            How::Gzip,
            &["amd64"],
            &[
                &with(place, &new),
                &[("usr/lib64/.wh.ld-linux-x86-64.so.2", b"")],
            ],
        ),
        &gone,
    );
    // What stands is the last that fitted.
    Layout::of(&project.path("layout"));
}

#[test]
fn a_base_stays_below_as_it_is() {
    let project = hello(X86_MUSL);
    project.write(
        "xpkg.toml",
        "[[docker]]\nname = \"upon\"\nbins = [\"hello\"]\nbase = \
                                \"oci:base\"\nfiles = { note = \"/bin/note\" }\n",
    );
    project.write("note", "x");
    let lower: &[Line] = &[
        ("usr/", b""),
        ("usr/local/", b""),
        ("usr/bin/", b""),
        ("bin -> usr/bin", b""),
    ];
    let upper: &[Line] = &[("usr/local/bin -> ../bin", b"")];
    base(
        &project.path("base"),
        How::Zstd,
        &["amd64"],
        &[lower, upper],
    );
    project.xpkg("docker -q --no-build --oci layout").ok();
    let layout = Layout::of(&project.path("layout"));
    the_schemas_hold(&layout);
    let (manifest, configuration) = layout.image(0, 0);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    for layer in &layers[..2] {
        assert_eq!(
            layer["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+zstd"
        );
        let name = &layer["digest"].as_str().unwrap()["sha256:".len()..];
        assert_eq!(
            layout.bytes(layer),
            std::fs::read(project.path("base/blobs/sha256").join(name)).unwrap()
        );
    }
    assert_eq!(
        configuration["config"]["Env"],
        json!(["PATH=/bin", "BASE=yes"])
    );
    assert_eq!(configuration["config"]["Labels"]["base"], "yes");
    assert_eq!(
        configuration["config"]["Healthcheck"],
        json!({ "Test": ["CMD", "/check"] })
    );
    assert_eq!(
        (
            configuration["config"].get("Cmd"),
            configuration["config"].get("OnBuild")
        ),
        (None, None)
    );
    assert!(
        manifest["annotations"]["org.opencontainers.image.base.digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    // Links of the base lead, and its directories stay whose they are.
    assert_eq!(
        layout.layer(&manifest, &configuration, 2).0,
        [
            "1770 7:8 usr/",
            "1770 7:8 usr/bin/",
            "0644 0:0 usr/bin/note"
        ]
    );
    assert_eq!(
        layout.layer(&manifest, &configuration, 3).0,
        [
            "1770 7:8 usr/",
            "1770 7:8 usr/bin/",
            "0755 0:0 usr/bin/hello"
        ]
    );
    // One without layers is a base, too.
    std::fs::remove_dir_all(project.path("base")).unwrap();
    base(&project.path("base"), How::Gzip, &["amd64"], &[]);
    project.xpkg("docker -q --no-build --oci layout").ok();
    let (manifest, configuration) = Layout::of(&project.path("layout")).image(0, 0);
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    assert_eq!(configuration["config"]["Labels"]["base"], "yes");
}

#[test]
fn a_base_that_is_not_fit() {
    let project = hello(BOTH);
    let run = |project: &Project, base: &str| {
        project.xpkg(&format!("docker --no-build --base {base} --oci layout"))
    };
    check!(
        run(
            &project,
            "registry.example/debian@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        ),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base of `hello` is in a registry, and a layout is made of local files only
  help: copy it here: `skopeo copy --all docker://registry.example/debian@sha256:[SHA256] oci:base`, then `base = "oci:base"`

"#]]
    );
    check!(
        run(&project, "oci:nowhere"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/nowhere` is not an OCI image layout
  help: create one: `skopeo copy --all docker://IMAGE oci:DIR`

"#]]
    );
    base(
        &project.path("base"),
        How::Gzip,
        &["amd64", "s390x"],
        &[&[("etc/", b"")]],
    );
    check!(
        run(&project, "oci:base"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has no image for linux/arm64
  available: linux/amd64
             linux/s390x
  help: copy all its platforms: `skopeo copy --all docker://IMAGE oci:DIR`, or select other targets

"#]]
    );
    // Two images for one platform: which one is meant?
    let mut index = project.json("base/index.json");
    base(
        &project.path("base"),
        How::Gzip,
        &["amd64", "arm64"],
        &[&[("srv/", b"")]],
    );
    let both = project.json("base/index.json")["manifests"][0].clone();
    index["manifests"]
        .as_array_mut()
        .unwrap()
        .push(both.clone());
    project.write("base/index.json", &index.to_string());
    check!(
        run(&project, "oci:base"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has 2 images for linux/amd64
  help: select one, `oci:DIR:TAG`, or copy it into a layout of its own: `skopeo copy --all oci:DIR:TAG oci:OTHER`

"#]]
    );
    index["manifests"] = json!([both]);
    project.write("base/index.json", &index.to_string());
    run(&project, "oci:base").ok();
    let written = project.files("layout");
    // Each of its blobs damaged, then missing.
    let nested: Value = project.json(&blob_of(&both));
    let manifest: Value = project.json(&blob_of(&nested["manifests"][0]));
    for blob in [
        &both,
        &nested["manifests"][0],
        &manifest["config"],
        &manifest["layers"][0],
    ]
    .map(blob_of)
    {
        let bytes = std::fs::read(project.path(&blob)).unwrap();
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(project.path(&blob), &other).unwrap();
        let damaged = run(&project, "oci:base");
        assert!(
            damaged.code == Some(1) && damaged.stderr.contains("is damaged: `sha256:"),
            "{}",
            damaged.stderr
        );
        std::fs::remove_file(project.path(&blob)).unwrap();
        let missing = run(&project, "oci:base");
        assert!(
            missing.code == Some(1) && missing.stderr.contains("is incomplete: it has no `sha256:"),
            "{}",
            missing.stderr
        );
        std::fs::write(project.path(&blob), &bytes).unwrap();
    }
    assert_eq!(project.files("layout"), written);
    run(&project, "oci:base").ok();
}

/// Where a base has the blob that a descriptor means.
fn blob_of(descriptor: &Value) -> String {
    format!(
        "base/blobs/sha256/{}",
        &descriptor["digest"].as_str().unwrap()["sha256:".len()..]
    )
}

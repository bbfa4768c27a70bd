//! Images without an engine: the layout against OCI's schemas, read by skopeo, podman and docker.

pub mod bases;
mod failures;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, Project, X86_MUSL, skipped, starter, tool};
use crate::toolchain::image::engines::on_each_engine;

pub const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";
pub const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "1700000000");

/// The fixture hello, built for these targets and staged in `target/xpkg`.
pub fn hello(targets: &str) -> Project {
    let project = Project::of("hello").env(EPOCH.0, EPOCH.1);
    let project = if targets.contains(ARM_GNU) {
        project
            .with("aarch64-linux-gnu-gcc")
            .with("aarch64-linux-gnu-ar")
    } else {
        project
    };
    project.xpkg(&format!("build -q --target {targets}")).ok();
    project
}

pub fn sha256(bytes: &[u8]) -> String {
    cargo_xpkg::digest::sha256(bytes)
}

/// A layout as it was read.
pub struct Layout {
    pub index: Value,
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    /// Every blob is what its name says, and each is named by another document.
    pub fn of(path: &Path) -> Self {
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        assert_eq!(
            read(path.join("oci-layout")),
            br#"{"imageLayoutVersion":"1.0.0"}"#
        );
        let names = std::fs::read_dir(path.join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let blobs: BTreeMap<String, Vec<u8>> = names
            .map(|name| (name.clone(), read(path.join("blobs/sha256").join(name))))
            .collect();
        let layout = Self {
            index: serde_json::from_slice(&read(path.join("index.json"))).unwrap(),
            blobs,
        };
        assert!(
            layout
                .blobs
                .iter()
                .all(|(name, bytes)| *name == sha256(bytes))
        );
        let mut named = BTreeSet::new();
        let mut name = |descriptor: &Value| {
            named.insert(descriptor["digest"].as_str().unwrap()["sha256:".len()..].to_owned())
        };
        for descriptor in layout.index["manifests"].as_array().unwrap() {
            name(descriptor);
            for descriptor in layout.at(descriptor)["manifests"].as_array().unwrap() {
                name(descriptor);
                let manifest = layout.at(descriptor);
                manifest["layers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .chain([&manifest["config"]])
                    .for_each(|descriptor| {
                        name(descriptor);
                    });
            }
        }
        assert_eq!(named, layout.blobs.keys().cloned().collect());
        layout
    }

    pub fn bytes(&self, descriptor: &Value) -> &[u8] {
        let bytes = &self.blobs[&descriptor["digest"].as_str().unwrap()["sha256:".len()..]];
        assert_eq!(descriptor["size"], json!(bytes.len()));
        bytes
    }

    /// The document that a descriptor means.
    pub fn at(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(self.bytes(descriptor)).unwrap()
    }

    /// The manifest and the configuration of an image on a platform, by their numbers.
    pub fn image(&self, image: usize, platform: usize) -> (Value, Value) {
        let manifest = self.at(&self.at(&self.index["manifests"][image])["manifests"][platform]);
        let configuration = self.at(&manifest["config"]);
        (manifest, configuration)
    }

    /// What a layer holds, `drwxr-xr-x`-like, and the bytes of its files; held against the
    /// configuration's digest of it.
    pub fn layer(
        &self,
        manifest: &Value,
        configuration: &Value,
        number: usize,
    ) -> (Vec<String>, BTreeMap<String, Vec<u8>>) {
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(self.bytes(&manifest["layers"][number]))
            .read_to_end(&mut tar)
            .unwrap();
        assert_eq!(
            configuration["rootfs"]["diff_ids"][number],
            format!("sha256:{}", sha256(&tar))
        );
        let mut archive = tar::Archive::new(&tar[..]);
        let (mut lines, mut files) = (Vec::new(), BTreeMap::new());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let link = entry
                .link_name_bytes()
                .map(|link| format!(" -> {}", String::from_utf8(link.into_owned()).unwrap()));
            let header = entry.header().clone();
            assert_eq!(header.mtime().unwrap().to_string(), EPOCH.1, "{path}");
            let (mode, user, group) = (
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
            );
            lines.push(format!(
                "{mode:04o} {user}:{group} {path}{}",
                link.unwrap_or_default()
            ));
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(path, bytes);
        }
        (lines, files)
    }
}

#[test]
fn two_platforms_of_static_bins() {
    let project = hello(BOTH);
    check!(
        project.xpkg("docker --no-build --oci dist/hello"),
        str![[r#"
exit 0
--- stdout
image  platforms                 bins                  base     size
hello  linux/amd64, linux/arm64  /usr/local/bin/hello  scratch [SIZE], [SIZE]
--- stderr
       Wrote 1 image in [ROOT]/dist/hello

"#]]
    );
    let layout = Layout::of(&project.path("dist/hello"));
    assert_eq!(layout.index["manifests"].as_array().unwrap().len(), 1);
    let annotations = &layout.index["manifests"][0]["annotations"];
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "0.1.0");
    assert_eq!(
        annotations["io.containerd.image.name"],
        "docker.io/library/hello:0.1.0"
    );
    let platforms = layout.at(&layout.index["manifests"][0]);
    let architectures: Vec<&Value> = platforms["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|manifest| &manifest["platform"]["architecture"])
        .collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
    for (platform, target) in [X86_MUSL, ARM_MUSL].into_iter().enumerate() {
        let (manifest, configuration) = layout.image(0, platform);
        assert_eq!(configuration["created"], "2023-11-14T22:13:20Z");
        assert_eq!(
            configuration["config"]["Entrypoint"],
            json!(["/usr/local/bin/hello"])
        );
        assert_eq!(configuration["config"]["User"], "65532:65532");
        let (lines, _) = layout.layer(&manifest, &configuration, 0);
        assert_eq!(
            lines,
            [
                "0755 0:0 etc/",
                "0644 0:0 etc/group",
                "0644 0:0 etc/passwd",
                "1777 0:0 tmp/"
            ]
        );
        let (lines, files) = layout.layer(&manifest, &configuration, 1);
        assert_eq!(
            lines,
            [
                "0755 0:0 usr/",
                "0755 0:0 usr/local/",
                "0755 0:0 usr/local/bin/",
                "0755 0:0 usr/local/bin/hello"
            ]
        );
        let bin = &files["usr/local/bin/hello"];
        assert_eq!(
            *bin,
            std::fs::read(project.path(&format!("target/xpkg/{target}/hello/hello"))).unwrap()
        );
        let unpacked = project.path(&format!("{target}-hello"));
        std::fs::write(&unpacked, bin).unwrap();
        project
            .shell(&format!("/bin/chmod 755 {}", unpacked.display()))
            .ok();
        let said = starter(target, &unpacked).output().unwrap();
        let architecture = target.split('-').next().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            format!("hello from {architecture} linux musl\n")
        );
    }
    the_schemas_hold(&layout);
}

/// The schemas of OCI's image specification, as Debian's package of it has them.
pub fn the_schemas_hold(layout: &Layout) {
    let directory = Path::new("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema");
    if !directory.join("config-schema.json").is_file() {
        let why = "Debian's golang-github-opencontainers-image-spec-dev is not there: `cargo \
                   xtask setup`";
        assert_ne!(std::env::var("XPKG_SKIP").as_deref(), Ok("never"), "{why}");
        skipped("oci::the_schemas_hold", why);
        return;
    }
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(directory.join(name)).unwrap()).unwrap()
    };
    // They refer to one another by their names beside this address; none is fetched.
    let mut registry = jsonschema::Registry::new();
    for name in [
        "content-descriptor.json",
        "defs.json",
        "defs-descriptor.json",
    ] {
        for place in [
            "https://opencontainers.org/schema/",
            "https://opencontainers.org/schema/image/",
        ] {
            let resource = jsonschema::Draft::Draft4.create_resource(without_ids(read(name)));
            registry = registry.add(format!("{place}{name}"), resource).unwrap();
        }
    }
    let registry = registry.prepare().unwrap();
    let holds = |name: &str, document: &Value, places: &[&str]| {
        let schema = without_ids(read(name));
        let options = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft4)
            .with_registry(&registry);
        let validator = options
            .with_base_uri("https://opencontainers.org/schema/image/it")
            .build(&schema)
            .unwrap();
        let errors: Vec<String> = validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
        // A schema that takes anything would hold, too.
        for place in places {
            let mut other = document.clone();
            *other.pointer_mut(place).unwrap() = json!(["surprise"]);
            assert!(!validator.is_valid(&other), "{name} {place}");
        }
    };
    holds(
        "image-layout-schema.json",
        &json!({ "imageLayoutVersion": "1.0.0" }),
        &["/imageLayoutVersion"],
    );
    holds(
        "image-index-schema.json",
        &layout.index,
        &[
            "/schemaVersion",
            "/manifests/0/digest",
            "/manifests/0/annotations",
        ],
    );
    for descriptor in layout.index["manifests"].as_array().unwrap() {
        let platforms = layout.at(descriptor);
        holds(
            "image-index-schema.json",
            &platforms,
            &["/manifests/0/platform/os", "/annotations"],
        );
        for descriptor in platforms["manifests"].as_array().unwrap() {
            let manifest = layout.at(descriptor);
            holds(
                "image-manifest-schema.json",
                &manifest,
                &["/config/digest", "/layers/0/size", "/annotations"],
            );
            let places = [
                "/created",
                "/config/ExposedPorts",
                "/config/Labels",
                "/rootfs/type",
                "/history/0/created_by",
            ];
            let configuration = layout.at(&manifest["config"]);
            let places: Vec<&str> = places
                .into_iter()
                .filter(|place| configuration.pointer(place).is_some())
                .collect();
            holds("config-schema.json", &configuration, &places);
        }
    }
}

/// Ids in the middle of these schemas are absolute and name nothing that there is.
fn without_ids(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "$schema" && !(key == "id" && value.is_string()));
            map.values_mut()
                .for_each(|value| *value = without_ids(value.take()));
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|value| *value = without_ids(value.take())),
        _ => {}
    }
    schema
}

/// What one asks of an image, all of it.
const WHOLE: &str = r#"
[[docker]]
name = "whole"
bins = ["hello"]
ports = [8080, "53/udp"]
user = "nonroot"
ca-certificates = true
tzdata = true
labels = { "org.example.team" = "crabs" }
[docker.files]
"conf" = "/etc/app"
"run.sh" = "/usr/local/bin/"

[[docker]]
name = "plain_one"
bins = ["hello"]
"#;

pub fn whole(targets: &str) -> Project {
    let project = hello(targets);
    project.write("xpkg.toml", WHOLE);
    project.write("conf/app.toml", "key = 1\n");
    project.write("conf/deep/er.txt", "");
    project.write("run.sh", "#!/bin/sh\n");
    project.write("certificates.pem", "certificates\n");
    project.write("zones/Europe/Berlin", "zone\n");
    project.write("zones/right/Europe/Berlin", "zone\n");
    project
        .shell(
            "/bin/chmod 755 run.sh && /bin/ln -s app.toml conf/link && /bin/ln -s \
                   Europe/Berlin zones/Berlin",
        )
        .ok();
    let path = |name: &str| project.path(name).to_str().unwrap().to_owned();
    let (certificates, zones) = (path("certificates.pem"), path("zones"));
    project
        .env("SSL_CERT_FILE", &certificates)
        .env("TZDIR", &zones)
}

#[test]
fn an_image_with_all_that_can_be_asked_for() {
    let project = whole(X86_MUSL);
    let document = project
        .xpkg("docker -q --no-build --oci dist --message-format json")
        .ok()
        .stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    let layout = Layout::of(&project.path("dist"));
    the_schemas_hold(&layout);
    for (number, (name, reference)) in [("whole", "whole:0.1.0"), ("plain_one", "plain_one:0.1.0")]
        .into_iter()
        .enumerate()
    {
        let image = &document["images"][number];
        assert_eq!(
            (&image["name"], &image["reference"]),
            (&json!(name), &json!(reference))
        );
        assert_eq!(image["digest"], layout.index["manifests"][number]["digest"]);
        assert_eq!(
            layout.index["manifests"][number]["annotations"]["org.opencontainers.image.ref.name"],
            reference
        );
    }
    let (manifest, configuration) = layout.image(0, 0);
    assert_eq!(
        configuration["config"]["ExposedPorts"],
        json!({ "53/udp": {}, "8080/tcp": {} })
    );
    assert_eq!(configuration["config"]["User"], "nonroot");
    assert_eq!(
        configuration["config"]["Labels"]["org.example.team"],
        "crabs"
    );
    assert_eq!(manifest["annotations"]["org.example.team"], "crabs");
    let what: Vec<&Value> = configuration["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["created_by"])
        .collect();
    assert_eq!(
        what,
        [
            "cargo xpkg: users and /tmp",
            "cargo xpkg: files",
            "cargo xpkg: CA certificates",
            "cargo xpkg: time zones",
            "cargo xpkg: hello"
        ]
    );
    let lines = |number| layout.layer(&manifest, &configuration, number).0.join("\n");
    snapbox::assert_data_eq!(
        lines(1),
        str![[r#"
0755 0:0 etc/
0755 0:0 etc/app/
0644 0:0 etc/app/app.toml
0755 0:0 etc/app/deep/
0644 0:0 etc/app/deep/er.txt
0777 0:0 etc/app/link -> app.toml
0755 0:0 usr/
0755 0:0 usr/local/
0755 0:0 usr/local/bin/
0755 0:0 usr/local/bin/run.sh
"#]]
    );
    snapbox::assert_data_eq!(
        lines(2),
        str![[r#"
0755 0:0 etc/
0755 0:0 etc/ssl/
0755 0:0 etc/ssl/certs/
0644 0:0 etc/ssl/certs/ca-certificates.crt
"#]]
    );
    snapbox::assert_data_eq!(
        lines(3),
        str![[r#"
0755 0:0 usr/
0755 0:0 usr/share/
0755 0:0 usr/share/zoneinfo/
0777 0:0 usr/share/zoneinfo/Berlin -> Europe/Berlin
0755 0:0 usr/share/zoneinfo/Europe/
0644 0:0 usr/share/zoneinfo/Europe/Berlin
"#]]
    );
}

#[test]
fn two_runs_in_two_places_are_the_same_bytes_and_a_third_writes_nothing() {
    let digests = |project: &Project| {
        project.xpkg("docker -q --no-build --oci a/layout").ok();
        project.xpkg("docker -q --no-build --oci b.tar").ok();
        let files = project
            .files("a/layout")
            .into_iter()
            .map(|file| format!("a/layout/{file}"))
            .chain(["b.tar".to_owned()]);
        files
            .map(|file| {
                (
                    file.clone(),
                    sha256(&std::fs::read(project.path(&file)).unwrap()),
                )
            })
            .collect::<Vec<_>>()
    };
    let (one, other) = (whole(BOTH), whole(BOTH));
    let first = digests(&one);
    assert!(first.len() > 10);
    assert_eq!(first, digests(&other));

    let stamps = || {
        let stamp = |file: &(String, String)| {
            std::fs::metadata(one.path(&file.0))
                .map(|found| (found.ino(), found.mtime_nsec()))
                .unwrap()
        };
        first.iter().map(stamp).collect::<Vec<_>>()
    };
    let before = stamps();
    check!(
        one.xpkg("docker --no-build --oci a/layout"),
        str![[r#"
exit 0
--- stdout
image      platforms                 bins                  base     size
whole      linux/amd64, linux/arm64  /usr/local/bin/hello  scratch [SIZE], [SIZE]
plain_one  linux/amd64, linux/arm64  /usr/local/bin/hello  scratch [SIZE], [SIZE]
--- stderr
   Unchanged 2 images in [ROOT]/a/layout

"#]]
    );
    one.xpkg("docker -q --no-build --oci b.tar").ok();
    assert_eq!(before, stamps());
    // Another time is another layout; the old one goes as a whole, and nothing stays beside it.
    one.xpkg_with(
        &[(EPOCH.0, "1700000001")],
        "docker -q --no-build --oci a/layout",
    )
    .ok();
    Layout::of(&one.path("a/layout"));
    let names = |directory: &str| {
        let mut names: Vec<_> = std::fs::read_dir(one.path(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("a"), ["layout"]);
}

/// What an engine loads, runs under a name that no other run of the suite has.
#[test]
fn engines_load_the_archive() {
    on_each_engine(|engine| {
        let project = hello(BOTH);
        let tables = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("[[docker]]\nname = \"{name}\"\nbins = [\"hello\"]\n"))
                .collect::<String>()
        };
        let names = ["one", "two"]
            .map(|name| format!("xpkg-oci-{name}-{}-{}", engine.name, std::process::id()));
        // With several, podman finds no image in a layout by itself; by what docker reads, it does.
        for names in [&names[..1], &names[..]] {
            project.write("xpkg.toml", &tables(names));
            project.xpkg("docker -q --no-build --oci images.tar").ok();
            engine.says(&format!("load -i {}", project.path("images.tar").display()));
            for name in names {
                assert_eq!(
                    engine.says(&format!("run --rm --network none {name}:0.1.0")),
                    "hello from x86_64 linux musl\n"
                );
                let _alone = engine.alone();
                let _ = engine
                    .command()
                    .args([
                        "rmi",
                        &format!("{name}:0.1.0"),
                        &format!("{name}:0.1.0-arm64"),
                    ])
                    .output();
                let _ = engine
                    .command()
                    .args(["rmi", &format!("{name}:0.1.0")])
                    .output();
            }
        }
    });
}

#[test]
fn skopeo_reads_and_pushes_a_layout_and_engines_pull_it() {
    on_each_engine(|engine| {
        let project = hello(BOTH);
        project.xpkg("docker -q --no-build --oci layout").ok();
        project.write(
            "xpkg.toml",
            "[[docker]]\nname = \"a\"\nbins = \
                                    [\"hello\"]\n[[docker]]\nname = \"b_c\"\nbins = [\"hello\"]\n",
        );
        project.xpkg("docker -q --no-build --oci several").ok();
        project.xpkg("docker -q --no-build --oci several.tar").ok();
        let skopeo = |line: &str| {
            let output = Command::new(tool("skopeo"))
                .args(shlex::split(line).unwrap())
                .current_dir(&project.root)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "skopeo {line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap()
        };
        let layout = Layout::of(&project.path("layout"));
        for source in ["oci:layout", "oci:layout:0.1.0"] {
            let raw: Value =
                serde_json::from_str(&skopeo(&format!("inspect --raw {source}"))).unwrap();
            assert_eq!(raw, layout.at(&layout.index["manifests"][0]));
        }
        let inspected: Value = serde_json::from_str(&skopeo("inspect oci:layout")).unwrap();
        assert_eq!(
            inspected["Labels"]["org.opencontainers.image.version"],
            "0.1.0"
        );
        for source in [
            "oci:several:a:0.1.0",
            "oci:several:b_c:0.1.0",
            "oci-archive:several.tar:b_c:0.1.0",
        ] {
            skopeo(&format!("inspect {source}"));
        }
        // What comes by a pull may be layers of another test's images.
        let _alone = engine.alone();
        let tag = engine.own_tag("oci");
        skopeo(&format!(
            "copy --all --dest-tls-verify=false oci:layout:0.1.0 docker://{tag}"
        ));
        // What arrives is what was written, to the byte.
        let raw = skopeo(&format!("inspect --raw --tls-verify=false docker://{tag}"));
        assert_eq!(raw.as_bytes(), layout.bytes(&layout.index["manifests"][0]));
        assert_eq!(
            engine
                .says(&format!("run --rm --network none {tag}"))
                .lines()
                .last(),
            Some("hello from x86_64 linux musl")
        );
        engine.says(&format!("rmi {tag}"));
    });
}

//! Images without an engine: the layout against OCI's schemas, read by skopeo, podman and docker; bases; bad input.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::engines::on_each_engine;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, skipped, starter, tool};

const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";
const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "1700000000");

/// The fixture hello, built for these targets and staged in `target/xpkg`.
pub fn hello(targets: &str) -> Project {
    let project = Project::of("hello").env(EPOCH.0, EPOCH.1);
    let project = if targets.contains(ARM_GNU) { project.with("aarch64-linux-gnu-gcc").with("aarch64-linux-gnu-ar") } else { project };
    project.xpkg(&format!("build -q --target {targets}")).ok();
    project
}

fn sha256(bytes: &[u8]) -> String {
    cargo_xpkg::host::sha256(bytes)
}

/// A layout as it was read.
pub struct Layout {
    index: Value,
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    /// Every blob is what its name says, and each is named by another document.
    pub fn of(path: &Path) -> Self {
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        assert_eq!(read(path.join("oci-layout")), br#"{"imageLayoutVersion":"1.0.0"}"#);
        let names = std::fs::read_dir(path.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let blobs: BTreeMap<String, Vec<u8>> = names.map(|name| (name.clone(), read(path.join("blobs/sha256").join(name)))).collect();
        let layout = Self { index: serde_json::from_slice(&read(path.join("index.json"))).unwrap(), blobs };
        assert!(layout.blobs.iter().all(|(name, bytes)| *name == sha256(bytes)));
        let mut named = BTreeSet::new();
        let mut name = |descriptor: &Value| named.insert(descriptor["digest"].as_str().unwrap()["sha256:".len()..].to_owned());
        for descriptor in layout.index["manifests"].as_array().unwrap() {
            name(descriptor);
            for descriptor in layout.at(descriptor)["manifests"].as_array().unwrap() {
                name(descriptor);
                let manifest = layout.at(descriptor);
                manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]).for_each(|descriptor| {
                    name(descriptor);
                });
            }
        }
        assert_eq!(named, layout.blobs.keys().cloned().collect());
        layout
    }

    fn bytes(&self, descriptor: &Value) -> &[u8] {
        let bytes = &self.blobs[&descriptor["digest"].as_str().unwrap()["sha256:".len()..]];
        assert_eq!(descriptor["size"], json!(bytes.len()));
        bytes
    }

    /// The document that a descriptor means.
    fn at(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(self.bytes(descriptor)).unwrap()
    }

    /// The manifest and the configuration of an image on a platform, by their numbers.
    pub fn image(&self, image: usize, platform: usize) -> (Value, Value) {
        let manifest = self.at(&self.at(&self.index["manifests"][image])["manifests"][platform]);
        let configuration = self.at(&manifest["config"]);
        (manifest, configuration)
    }

    /// What a layer holds, `drwxr-xr-x`-like, and the bytes of its files; held against the configuration's digest of it.
    pub fn layer(&self, manifest: &Value, configuration: &Value, number: usize) -> (Vec<String>, BTreeMap<String, Vec<u8>>) {
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(self.bytes(&manifest["layers"][number])).read_to_end(&mut tar).unwrap();
        assert_eq!(configuration["rootfs"]["diff_ids"][number], format!("sha256:{}", sha256(&tar)));
        let mut archive = tar::Archive::new(&tar[..]);
        let (mut lines, mut files) = (Vec::new(), BTreeMap::new());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let link = entry.link_name_bytes().map(|link| format!(" -> {}", String::from_utf8(link.into_owned()).unwrap()));
            let header = entry.header().clone();
            assert_eq!(header.mtime().unwrap().to_string(), EPOCH.1, "{path}");
            let (mode, user, group) = (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
            lines.push(format!("{mode:04o} {user}:{group} {path}{}", link.unwrap_or_default()));
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
    assert_eq!(annotations["io.containerd.image.name"], "docker.io/library/hello:0.1.0");
    let platforms = layout.at(&layout.index["manifests"][0]);
    let architectures: Vec<&Value> =
        platforms["manifests"].as_array().unwrap().iter().map(|manifest| &manifest["platform"]["architecture"]).collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
    for (platform, target) in [X86_MUSL, ARM_MUSL].into_iter().enumerate() {
        let (manifest, configuration) = layout.image(0, platform);
        assert_eq!(configuration["created"], "2023-11-14T22:13:20Z");
        assert_eq!(configuration["config"]["Entrypoint"], json!(["/usr/local/bin/hello"]));
        assert_eq!(configuration["config"]["User"], "65532:65532");
        let (lines, _) = layout.layer(&manifest, &configuration, 0);
        assert_eq!(lines, ["0755 0:0 etc/", "0644 0:0 etc/group", "0644 0:0 etc/passwd", "1777 0:0 tmp/"]);
        let (lines, files) = layout.layer(&manifest, &configuration, 1);
        assert_eq!(lines, ["0755 0:0 usr/", "0755 0:0 usr/local/", "0755 0:0 usr/local/bin/", "0755 0:0 usr/local/bin/hello"]);
        let bin = &files["usr/local/bin/hello"];
        assert_eq!(*bin, std::fs::read(project.path(&format!("target/xpkg/{target}/hello/hello"))).unwrap());
        let unpacked = project.path(&format!("{target}-hello"));
        std::fs::write(&unpacked, bin).unwrap();
        project.shell(&format!("/bin/chmod 755 {}", unpacked.display())).ok();
        let said = starter(target, &unpacked).output().unwrap();
        let architecture = target.split('-').next().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), format!("hello from {architecture} linux musl\n"));
    }
    the_schemas_hold(&layout);
}

/// The schemas of OCI's image specification, as Debian's package of it has them.
fn the_schemas_hold(layout: &Layout) {
    let directory = Path::new("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema");
    if !directory.join("config-schema.json").is_file() {
        let why = "Debian's golang-github-opencontainers-image-spec-dev is not there: `cargo xtask setup`";
        assert_ne!(std::env::var("XPKG_SKIP").as_deref(), Ok("never"), "{why}");
        skipped("oci::the_schemas_hold", why);
        return;
    }
    let read = |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(directory.join(name)).unwrap()).unwrap() };
    // They refer to one another by their names beside this address; none is fetched.
    let mut registry = jsonschema::Registry::new();
    for name in ["content-descriptor.json", "defs.json", "defs-descriptor.json"] {
        for place in ["https://opencontainers.org/schema/", "https://opencontainers.org/schema/image/"] {
            let resource = jsonschema::Draft::Draft4.create_resource(without_ids(read(name)));
            registry = registry.add(format!("{place}{name}"), resource).unwrap();
        }
    }
    let registry = registry.prepare().unwrap();
    let holds = |name: &str, document: &Value, places: &[&str]| {
        let schema = without_ids(read(name));
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).with_registry(&registry);
        let validator = options.with_base_uri("https://opencontainers.org/schema/image/it").build(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
        // A schema that takes anything would hold, too.
        for place in places {
            let mut other = document.clone();
            *other.pointer_mut(place).unwrap() = json!(["surprise"]);
            assert!(!validator.is_valid(&other), "{name} {place}");
        }
    };
    holds("image-layout-schema.json", &json!({ "imageLayoutVersion": "1.0.0" }), &["/imageLayoutVersion"]);
    holds("image-index-schema.json", &layout.index, &["/schemaVersion", "/manifests/0/digest", "/manifests/0/annotations"]);
    for descriptor in layout.index["manifests"].as_array().unwrap() {
        let platforms = layout.at(descriptor);
        holds("image-index-schema.json", &platforms, &["/manifests/0/platform/os", "/annotations"]);
        for descriptor in platforms["manifests"].as_array().unwrap() {
            let manifest = layout.at(descriptor);
            holds("image-manifest-schema.json", &manifest, &["/config/digest", "/layers/0/size", "/annotations"]);
            let places = ["/created", "/config/ExposedPorts", "/config/Labels", "/rootfs/type", "/history/0/created_by"];
            let configuration = layout.at(&manifest["config"]);
            let places: Vec<&str> = places.into_iter().filter(|place| configuration.pointer(place).is_some()).collect();
            holds("config-schema.json", &configuration, &places);
        }
    }
}

/// Ids in the middle of these schemas are absolute and name nothing that there is.
fn without_ids(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "$schema" && !(key == "id" && value.is_string()));
            map.values_mut().for_each(|value| *value = without_ids(value.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| *value = without_ids(value.take())),
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
    project.shell("/bin/chmod 755 run.sh && /bin/ln -s app.toml conf/link && /bin/ln -s Europe/Berlin zones/Berlin").ok();
    let path = |name: &str| project.path(name).to_str().unwrap().to_owned();
    let (certificates, zones) = (path("certificates.pem"), path("zones"));
    project.env("SSL_CERT_FILE", &certificates).env("TZDIR", &zones)
}

#[test]
fn an_image_with_all_that_can_be_asked_for() {
    let project = whole(X86_MUSL);
    let document = project.xpkg("docker -q --no-build --oci dist --message-format json").ok().stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    let layout = Layout::of(&project.path("dist"));
    the_schemas_hold(&layout);
    for (number, (name, reference)) in [("whole", "whole:0.1.0"), ("plain_one", "plain_one:0.1.0")].into_iter().enumerate() {
        let image = &document["images"][number];
        assert_eq!((&image["name"], &image["reference"]), (&json!(name), &json!(reference)));
        assert_eq!(image["digest"], layout.index["manifests"][number]["digest"]);
        assert_eq!(layout.index["manifests"][number]["annotations"]["org.opencontainers.image.ref.name"], reference);
    }
    let (manifest, configuration) = layout.image(0, 0);
    assert_eq!(configuration["config"]["ExposedPorts"], json!({ "53/udp": {}, "8080/tcp": {} }));
    assert_eq!(configuration["config"]["User"], "nonroot");
    assert_eq!(configuration["config"]["Labels"]["org.example.team"], "crabs");
    assert_eq!(manifest["annotations"]["org.example.team"], "crabs");
    let what: Vec<&Value> = configuration["history"].as_array().unwrap().iter().map(|step| &step["created_by"]).collect();
    assert_eq!(
        what,
        ["cargo xpkg: users and /tmp", "cargo xpkg: files", "cargo xpkg: CA certificates", "cargo xpkg: time zones", "cargo xpkg: hello"]
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
        let files = project.files("a/layout").into_iter().map(|file| format!("a/layout/{file}")).chain(["b.tar".to_owned()]);
        files.map(|file| (file.clone(), sha256(&std::fs::read(project.path(&file)).unwrap()))).collect::<Vec<_>>()
    };
    let (one, other) = (whole(BOTH), whole(BOTH));
    let first = digests(&one);
    assert!(first.len() > 10);
    assert_eq!(first, digests(&other));

    let stamps = || {
        let stamp = |file: &(String, String)| std::fs::metadata(one.path(&file.0)).map(|found| (found.ino(), found.mtime_nsec())).unwrap();
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
    one.xpkg_with(&[(EPOCH.0, "1700000001")], "docker -q --no-build --oci a/layout").ok();
    Layout::of(&one.path("a/layout"));
    let names = |directory: &str| {
        let mut names: Vec<_> = std::fs::read_dir(one.path(directory)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
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
        let tables =
            |names: &[String]| names.iter().map(|name| format!("[[docker]]\nname = \"{name}\"\nbins = [\"hello\"]\n")).collect::<String>();
        let names = ["one", "two"].map(|name| format!("xpkg-oci-{name}-{}-{}", engine.name, std::process::id()));
        // With several, podman finds no image in a layout by itself; by what docker reads, it does.
        for names in [&names[..1], &names[..]] {
            project.write("xpkg.toml", &tables(names));
            project.xpkg("docker -q --no-build --oci images.tar").ok();
            engine.says(&format!("load -i {}", project.path("images.tar").display()));
            for name in names {
                assert_eq!(engine.says(&format!("run --rm --network none {name}:0.1.0")), "hello from x86_64 linux musl\n");
                let _ = engine.command().args(["rmi", &format!("{name}:0.1.0"), &format!("{name}:0.1.0-arm64")]).output();
                let _ = engine.command().args(["rmi", &format!("{name}:0.1.0")]).output();
            }
        }
    });
}

#[test]
fn skopeo_reads_and_pushes_a_layout_and_engines_pull_it() {
    on_each_engine(|engine| {
        let project = hello(BOTH);
        project.xpkg("docker -q --no-build --oci layout").ok();
        project.write("xpkg.toml", "[[docker]]\nname = \"a\"\nbins = [\"hello\"]\n[[docker]]\nname = \"b_c\"\nbins = [\"hello\"]\n");
        project.xpkg("docker -q --no-build --oci several").ok();
        project.xpkg("docker -q --no-build --oci several.tar").ok();
        let skopeo = |line: &str| {
            let output = Command::new(tool("skopeo")).args(shlex::split(line).unwrap()).current_dir(&project.root).output().unwrap();
            assert!(output.status.success(), "skopeo {line}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let layout = Layout::of(&project.path("layout"));
        for source in ["oci:layout", "oci:layout:0.1.0"] {
            let raw: Value = serde_json::from_str(&skopeo(&format!("inspect --raw {source}"))).unwrap();
            assert_eq!(raw, layout.at(&layout.index["manifests"][0]));
        }
        let inspected: Value = serde_json::from_str(&skopeo("inspect oci:layout")).unwrap();
        assert_eq!(inspected["Labels"]["org.opencontainers.image.version"], "0.1.0");
        for source in ["oci:several:a:0.1.0", "oci:several:b_c:0.1.0", "oci-archive:several.tar:b_c:0.1.0"] {
            skopeo(&format!("inspect {source}"));
        }
        let tag = engine.own_tag("oci");
        skopeo(&format!("copy --all --dest-tls-verify=false oci:layout:0.1.0 docker://{tag}"));
        // What arrives is what was written, to the byte.
        let raw = skopeo(&format!("inspect --raw --tls-verify=false docker://{tag}"));
        assert_eq!(raw.as_bytes(), layout.bytes(&layout.index["manifests"][0]));
        assert_eq!(engine.says(&format!("run --rm --network none {tag}")).lines().last(), Some("hello from x86_64 linux musl"));
        engine.says(&format!("rmi {tag}"));
    });
}

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
        header.set_entry_type(if path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
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
        How::Plain => (oci("layer.v1.tar"), oci("manifest.v1+json"), oci("config.v1+json"), oci("index.v1+json")),
        How::Gzip => (oci("layer.v1.tar+gzip"), oci("manifest.v1+json"), oci("config.v1+json"), oci("index.v1+json")),
        How::Zstd => (oci("layer.v1.tar+zstd"), oci("manifest.v1+json"), oci("config.v1+json"), oci("index.v1+json")),
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
    format!("\x7fELF…GNU C Library (Debian GLIBC {version}-9) stable release version {version}.\nCopyright").into_bytes()
}

#[test]
fn bins_are_held_against_the_glibc_of_a_base() {
    let project = hello(HOST);
    let manifest = project.json("target/xpkg/manifest.json");
    let floor = manifest["artifacts"][0]["binary"]["glibc_floor"]["version"].as_str().unwrap().to_owned();
    let (new, old) = (glibc("2.99"), glibc("2.17"));
    let loader: Line = ("usr/lib64/ld-linux-x86-64.so.2", b"");
    let links: &[Line] = &[("usr/", b""), ("lib64 -> usr/lib64", b""), ("lib -> usr/lib", b""), loader];
    let gcc: Line = ("usr/lib/x86_64-linux-gnu/libgcc_s.so.1", b"");
    let with = |libc: &'static str, bytes| -> Vec<Line> { [links, &[(libc, bytes), gcc]].concat() };
    let place = "usr/lib/x86_64-linux-gnu/libc.so.6";
    let run = |how: How, platforms: &[&str], layers: &[&[Line]]| {
        let _ = std::fs::remove_dir_all(project.path("base"));
        base(&project.path("base"), how, platforms, layers);
        project.xpkg("docker -q --no-build --base oci:base --oci layout").text().replace(&floor, "[FLOOR]")
    };
    let fits = "exit 0\n";
    for how in [How::Plain, How::Gzip, How::Zstd, How::Docker] {
        let _ = std::fs::remove_dir_all(project.path("layout"));
        assert_eq!(run(how, &["amd64"], &[&with(place, &new)]), fits);
    }
    // The later layer counts.
    assert!(run(How::Gzip, &["arm64", "amd64"], &[&with(place, &old), &[(place, &new)]]).starts_with("exit 0"));
    let refused = |text: String, expected: &str| assert_eq!(text, format!("exit 1\n--- stderr\n{expected}"));
    let older = "error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` needs glibc [FLOOR], and the base of `hello` has 2.17\n  help: build it with a floor: `--target x86_64-unknown-linux-gnu.2.17`, take a newer base, or build it for musl (`--target x86_64-unknown-linux-musl` and its like)\n";
    refused(run(How::Gzip, &["amd64"], &[&with(place, &new), &[(place, &old)]]), older);
    // As glibc was named before 2.34.
    let named: &[Line] =
        &[("lib/libc.so.6 -> libc-2.17.so", b""), ("lib/libc-2.17.so", b"stripped"), ("lib64/ld-linux-x86-64.so.2", b""), gcc];
    refused(run(How::Plain, &["amd64"], &[named]), older);
    let musl = "error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` cannot start on the base of `hello`: it asks for `/lib64/ld-linux-x86-64.so.2`, which is not there\n  cause: the base has musl (`/lib/ld-musl-x86_64.so.1`)\n  help: take a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or build it for musl (`--target x86_64-unknown-linux-musl` and its like)\n";
    refused(run(How::Zstd, &["amd64"], &[&[("lib/ld-musl-x86_64.so.1", b"")]]), musl);
    let gone = musl.replace("  cause: the base has musl (`/lib/ld-musl-x86_64.so.1`)\n", "");
    refused(run(How::Gzip, &["amd64"], &[&with(place, &new), &[("usr/lib64/.wh.ld-linux-x86-64.so.2", b"")]]), &gone);
    // What stands is the last that fitted.
    Layout::of(&project.path("layout"));
}

#[test]
fn a_base_stays_below_as_it_is() {
    let project = hello(X86_MUSL);
    project.write("xpkg.toml", "[[docker]]\nname = \"upon\"\nbins = [\"hello\"]\nbase = \"oci:base\"\nfiles = { note = \"/bin/note\" }\n");
    project.write("note", "x");
    let lower: &[Line] = &[("usr/", b""), ("usr/local/", b""), ("usr/bin/", b""), ("bin -> usr/bin", b"")];
    let upper: &[Line] = &[("usr/local/bin -> ../bin", b"")];
    base(&project.path("base"), How::Zstd, &["amd64"], &[lower, upper]);
    project.xpkg("docker -q --no-build --oci layout").ok();
    let layout = Layout::of(&project.path("layout"));
    the_schemas_hold(&layout);
    let (manifest, configuration) = layout.image(0, 0);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    for layer in &layers[..2] {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
        let name = &layer["digest"].as_str().unwrap()["sha256:".len()..];
        assert_eq!(layout.bytes(layer), std::fs::read(project.path("base/blobs/sha256").join(name)).unwrap());
    }
    assert_eq!(configuration["config"]["Env"], json!(["PATH=/bin", "BASE=yes"]));
    assert_eq!(configuration["config"]["Labels"]["base"], "yes");
    assert_eq!(configuration["config"]["Healthcheck"], json!({ "Test": ["CMD", "/check"] }));
    assert_eq!((configuration["config"].get("Cmd"), configuration["config"].get("OnBuild")), (None, None));
    assert!(manifest["annotations"]["org.opencontainers.image.base.digest"].as_str().unwrap().starts_with("sha256:"));
    // Links of the base lead, and its directories stay whose they are.
    assert_eq!(layout.layer(&manifest, &configuration, 2).0, ["1770 7:8 usr/", "1770 7:8 usr/bin/", "0644 0:0 usr/bin/note"]);
    assert_eq!(layout.layer(&manifest, &configuration, 3).0, ["1770 7:8 usr/", "1770 7:8 usr/bin/", "0755 0:0 usr/bin/hello"]);
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
    let run = |project: &Project, base: &str| project.xpkg(&format!("docker --no-build --base {base} --oci layout"));
    check!(
        run(&project, "registry.example/debian@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base of `hello` is in a registry, and a layout is made of what is here
  help: fetch it, `skopeo copy --all docker://registry.example/debian@sha256:[SHA256] oci:base`, then `base = "oci:base"`

"#]]
    );
    check!(
        run(&project, "oci:nowhere"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/nowhere` is no OCI image layout
  help: make one: `skopeo copy --all docker://IMAGE oci:DIR`

"#]]
    );
    base(&project.path("base"), How::Gzip, &["amd64", "s390x"], &[&[("etc/", b"")]]);
    check!(
        run(&project, "oci:base"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has no image for linux/arm64
  there: linux/amd64
         linux/s390x
  help: copy all its platforms: `skopeo copy --all docker://IMAGE oci:DIR`, or name the targets that count

"#]]
    );
    // Two images for one platform: which one is meant?
    let mut index = project.json("base/index.json");
    base(&project.path("base"), How::Gzip, &["amd64", "arm64"], &[&[("srv/", b"")]]);
    let both = project.json("base/index.json")["manifests"][0].clone();
    index["manifests"].as_array_mut().unwrap().push(both.clone());
    project.write("base/index.json", &index.to_string());
    check!(
        run(&project, "oci:base"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has 2 images for linux/amd64
  help: make a layout of one of them: `skopeo copy --all oci:DIR:TAG oci:OTHER`

"#]]
    );
    index["manifests"] = json!([both]);
    project.write("base/index.json", &index.to_string());
    run(&project, "oci:base").ok();
    let written = project.files("layout");
    // Each of its blobs damaged, then missing.
    let nested: Value = project.json(&blob_of(&both));
    let manifest: Value = project.json(&blob_of(&nested["manifests"][0]));
    for blob in [&both, &nested["manifests"][0], &manifest["config"], &manifest["layers"][0]].map(blob_of) {
        let bytes = std::fs::read(project.path(&blob)).unwrap();
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(project.path(&blob), &other).unwrap();
        let damaged = run(&project, "oci:base");
        assert!(damaged.code == Some(1) && damaged.stderr.contains("is damaged: `sha256:"), "{}", damaged.stderr);
        std::fs::remove_file(project.path(&blob)).unwrap();
        let missing = run(&project, "oci:base");
        assert!(missing.code == Some(1) && missing.stderr.contains("is not whole: it has no `sha256:"), "{}", missing.stderr);
        std::fs::write(project.path(&blob), &bytes).unwrap();
    }
    assert_eq!(project.files("layout"), written);
    run(&project, "oci:base").ok();
}

/// Where a base has the blob that a descriptor means.
fn blob_of(descriptor: &Value) -> String {
    format!("base/blobs/sha256/{}", &descriptor["digest"].as_str().unwrap()["sha256:".len()..])
}

#[test]
fn bad_input_leaves_what_stands() {
    let project = hello(X86_MUSL);
    let run = |to: &str| project.xpkg(&format!("docker --no-build --oci {to}"));
    project.write("theirs/index.json", "{}");
    project.write("theirs/notes.txt", "mine");
    check!(
        run("theirs"),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/theirs` holds what xpkg did not write
  there: notes.txt
  help: move it away, or name another place

"#]]
    );
    base(&project.path("base"), How::Gzip, &["amd64"], &[]);
    check!(
        run("base"),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/base` is an image layout that xpkg did not write
  help: move it away, or name another place

"#]]
    );
    project.write("file", "");
    check!(
        run("file"),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/file` is a file, and the image layout would be a directory
  help: move it away, or name another place

"#]]
    );
    project.write("backup.tar", "precious\n");
    check!(
        run("backup.tar"),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/backup.tar` is no image layout that xpkg has written
  help: move it away, or name another place

"#]]
    );
    assert_eq!(project.read("backup.tar"), "precious\n");
    project.shell("/bin/ln -s nowhere lost.tar && /bin/ln -s nowhere lost").ok();
    for link in ["lost.tar", "lost"] {
        assert!(run(link).stderr.contains(&format!("/work/{link}` is a link that leads nowhere, and the image layout would be a ")));
    }
    project.write("directory.tar/x", "");
    check!(
        run("directory.tar"),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/directory.tar` is a directory, and the image layout would be a tar
  help: move it away, or name another place

"#]]
    );
    check!(
        project.xpkg_with(&[(EPOCH.0, "1700000000000")], "docker --no-build --oci layout"),
        str![[r#"
exit 1
--- stderr
error[docker-invalid]: 1700000000000 seconds after 1970 is no time of an image
  help: set `SOURCE_DATE_EPOCH` to seconds, not to milliseconds

"#]]
    );
    // A layout of somebody else in a tar, and one of ours; an empty file is anybody's.
    let project = project.with("tar");
    let run = |to: &str| project.xpkg(&format!("docker --no-build --oci {to}"));
    project.shell("tar cf theirs.tar -C base .").ok();
    assert!(run("theirs.tar").stderr.starts_with("error[context-foreign]"));
    project.write("ours.tar", "");
    run("ours.tar").ok();
    assert!(run("ours.tar").ok().stderr.contains("Unchanged"));
    project.xpkg_with(&[(EPOCH.0, "1700000001")], "docker -q --no-build --oci ours.tar").ok();
    // An empty directory is anybody's.
    std::fs::create_dir(project.path("empty")).unwrap();
    run("empty").ok();
    // What is put into ours makes it a stranger's.
    project.write("empty/blobs/sha256/README", "");
    assert!(run("empty").stderr.contains("error[context-foreign]"));
    let tables = |more: &str| project.write("xpkg.toml", &format!("[[docker]]\nname = \"hello\"\nbins = [\"hello\"]\n{more}\n"));
    project.write("conf/a", "");
    for (more, expected) in [
        ("files = { conf = \"etc\" }", "error[docker-invalid]: `conf` cannot stand at `etc` in the image `hello`: it is not absolute"),
        (
            "files = { conf = \"/a/../b\" }",
            "error[docker-invalid]: `conf` cannot stand at `/a/../b` in the image `hello`: it is not a plain",
        ),
        (
            "files = { \"conf/a\" = \"/\" , nothing = \"/x\" }",
            "error[file-access]: `[ROOT]/nothing`, which an image asks for, is not there",
        ),
        (
            "files = { \"conf/a\" = \"/etc/x\", conf = \"/etc/x/y\" }",
            "error[docker-clash]: in the image `hello` two things would stand at `/etc/x`",
        ),
        (
            "files = { \"conf/a\" = \"/etc/x\", file = \"/etc/x\" }",
            "error[docker-clash]: in the image `hello` two files would stand at `/etc/x`",
        ),
    ] {
        tables(more);
        let text = run("layout").text();
        assert!(text.contains(expected), "{more}: {text}");
        assert!(!project.path("layout").exists(), "{more}");
    }
    project.shell("/bin/mkdir odd && /usr/bin/mkfifo odd/pipe").ok();
    tables("files = { odd = \"/odd\" }");
    assert!(run("layout").stderr.contains("it is a pipe"));
    project.write("gone/.wh.x", "");
    tables("files = { gone = \"/odd\" }");
    assert!(run("layout").stderr.contains("its name means that something is gone"));
    tables("tzdata = true");
    assert!(
        project.xpkg_with(&[("TZDIR", "/nowhere")], "docker --no-build --oci layout").stderr.contains("`TZDIR=/nowhere` is no directory")
    );
    std::fs::create_dir_all(project.path("zones/right")).unwrap();
    project.write("zones/right/Berlin", "zone");
    assert!(project.xpkg_with(&[("TZDIR", "zones")], "docker --no-build --oci layout").stderr.contains("/work/zones` holds none"));
    tables("ca-certificates = true");
    for (named, expected) in [("/nope", "`SSL_CERT_FILE=/nope` is no file"), ("file", "/work/file` is empty")] {
        for route in ["--oci layout", "--context context"] {
            let run = project.xpkg_with(&[("SSL_CERT_FILE", named)], &format!("docker --no-build {route}"));
            assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
        }
    }
    assert!(!project.path("layout").exists() && !project.path("context").exists());
}

#[test]
fn nothing_is_written_within_what_images_are_made_of() {
    let project = hello(X86_MUSL);
    let tree = format!("--out-dir target/xpkg --target {X86_MUSL}");
    for (line, what) in [
        ("--no-build --oci target/xpkg/layout", "the staged tree `[ROOT]/target/xpkg`"),
        ("--no-build --oci target/xpkg", "the staged tree `[ROOT]/target/xpkg`"),
        ("--oci target/xpkg/x.tar", "the staged tree `[ROOT]/target/xpkg`"),
        ("--no-build --context target/xpkg/deep/context", "the staged tree `[ROOT]/target/xpkg`"),
        ("--from target/xpkg --oci target/xpkg/layout", "the staged tree `[ROOT]/target/xpkg`"),
    ] {
        let run = project.xpkg(&format!("docker {tree} {line}"));
        let text = run.text();
        assert!(text.starts_with("exit 1\n--- stderr\nerror[docker-invalid]: `[ROOT]/target/xpkg"), "{line}: {text}");
        assert!(text.contains(&format!("is within {what}\n")), "{line}: {text}");
    }
    project.xpkg("verify target/xpkg").ok();
    // A layout that is its own base would grow with each run.
    project.xpkg("docker -q --no-build --oci self").ok();
    let before = project.files("self");
    check!(
        project.xpkg("docker --no-build --base oci:self --oci ./self"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `[ROOT]/self` is within the base `oci:[ROOT]/self` of `hello`
  help: name another place: `--oci PATH`

"#]]
    );
    assert!(project.xpkg("docker --no-build --base oci:self --oci self/x.tar").stderr.starts_with("error[base-unfit]"));
    assert!(project.xpkg("docker --no-build --base oci:self --context self/context").stderr.starts_with("error[base-unfit]"));
    assert_eq!(project.files("self"), before);
}

/// Files beside layouts and contexts that are xpkg's own.
fn beside(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path("dist")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_signal_leaves_nothing_and_who_waits_is_told() {
    let project = hello(X86_MUSL);
    project.write("xpkg.toml", "[[docker]]\nname = \"hello\"\nfiles = { large = \"/large\" }\n");
    // Packing it takes long enough for a signal.
    std::fs::File::create(project.path("large")).unwrap().set_len(4 << 30).unwrap();
    std::fs::create_dir(project.path("dist")).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for words in ["--oci dist/layout", "--oci dist/layout.tar"] {
            let mut run = project.command(&format!("docker -q --no-build {words}")).stderr(Stdio::piped()).spawn().unwrap();
            let began = Instant::now();
            while !beside(&project).iter().any(|name| name.contains(".new-")) {
                assert!(began.elapsed() < Duration::from_secs(30), "{words} never began");
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(beside(&project).iter().any(|name| name.ends_with(".lock")));
            let sent = Command::new("kill").args([&format!("-{signal}"), &run.id().to_string()]).status().unwrap();
            assert!(sent.success());
            assert_eq!(run.wait().unwrap().code(), Some(code), "{signal} {words}");
            assert!(beside(&project).is_empty() && project.files("dist").is_empty(), "{signal} {words}: {:?}", beside(&project));
        }
    }
    project.write("xpkg.toml", "");
    for place in ["layout", "context"] {
        let flag = if place == "layout" { "--oci" } else { "--context" };
        let lock = std::fs::File::create(project.path(&format!("dist/.{place}.lock"))).unwrap();
        lock.lock().unwrap();
        let mut run = project
            .command(&format!("docker --no-build {flag} dist/{place}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(run.stderr.take().unwrap()).lines();
        let said = lines.next().unwrap().unwrap();
        assert!(said.contains("Blocking waiting for another run on `") && said.ends_with(&format!("/dist/{place}`")), "{said}");
        drop(lock);
        assert!(run.wait().unwrap().success());
        assert!(beside(&project).is_empty(), "{:?}", beside(&project));
    }
}

#[test]
fn a_fault_at_every_file_operation_leaves_the_old_layout_or_the_new_one() {
    let project = hello(X86_MUSL);
    let tree = project.path("target/xpkg");
    for to in ["layout", "layout.tar"] {
        let write = |epoch: usize, fault: &str| {
            let line = format!("docker -q --no-build --out-dir {} --oci dist/{to}", tree.display());
            project.xpkg_with(&[(EPOCH.0, &(1_700_000_000 + epoch % 2).to_string()), ("XPKG_FAULT", fault)], &line)
        };
        let seen = || {
            let files = project.files("dist").into_iter().filter(|file| file.starts_with("layout"));
            files.map(|file| (file.clone(), sha256(&std::fs::read(project.path("dist").join(file)).unwrap()))).collect::<BTreeMap<_, _>>()
        };
        let faces = [0, 1].map(|epoch| {
            write(epoch, "").ok();
            seen()
        });
        assert_ne!(faces[0], faces[1]);
        let strike = |kind: &str, at: usize| {
            let code = write(at, &format!("{kind}:{at}")).code;
            assert!(faces.contains(&seen()), "{to}: {kind} at {at}");
            code
        };
        let operations = (1..400).find(|at| strike("kill", *at) == Some(0)).unwrap();
        assert!(operations > 20);
        // What comes after the layout is whole differs, and was struck above.
        if to == "layout" {
            (1..operations).for_each(|at| {
                strike("fail", at);
            });
        }
        write(0, "").ok();
        let left: Vec<String> = project.files("dist").into_iter().filter(|file| file.starts_with('.')).collect();
        assert!(left.is_empty() && seen() == faces[0], "{left:?}");
        std::fs::remove_dir_all(project.path("dist")).unwrap();
    }
}

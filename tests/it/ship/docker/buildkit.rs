//! What is written for Docker, built by Docker as it is now: BuildKit and buildx, images of several
//! platforms.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, starter, tool};
use crate::toolchain::image::engines::{Engine, on_each_buildkit};

const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";

/// A registry's place that no other test, engine or run of the suite has.
fn place(engine: &Engine, test: &str) -> String {
    format!(
        "127.0.0.1:5055/xpkg-tests/{test}-{}-{}/",
        engine.name,
        std::process::id()
    )
}

/// `docker buildx LINE` in a directory, which must end well; what it has said.
#[track_caller]
fn buildx(engine: &Engine, directory: &Path, registry: &str, line: &str) -> String {
    let _alone = engine.alone();
    let mut command = engine.command();
    command
        .arg("buildx")
        .args(shlex::split(line).unwrap())
        .current_dir(directory)
        .env("REGISTRY", registry)
        .env("TAG", "one");
    let mut once = || {
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (mut success, mut said) = once();
    // Debian's registry may read a tag while it writes it, and dockerd pushes the platforms of one
    // tag at once.
    for _ in 0..4 {
        if !success && said.contains("500 Internal Server Error") {
            (success, said) = once();
        }
    }
    assert!(success, "docker buildx {line}\n{said}");
    said
}

fn skopeo(line: &str) -> Value {
    let output = Command::new(tool("skopeo"))
        .args(shlex::split(line).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "skopeo {line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The platforms of a pushed image, without what BuildKit attests of them.
fn platforms(reference: &str) -> Vec<String> {
    let index = skopeo(&format!(
        "inspect --raw --tls-verify=false docker://{reference}"
    ));
    let words = |platform: &Value| {
        format!(
            "{}/{}",
            platform["os"].as_str().unwrap(),
            platform["architecture"].as_str().unwrap()
        )
    };
    let mut all: Vec<String> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|manifest| words(&manifest["platform"]))
        .collect();
    all.retain(|words| words != "unknown/unknown");
    all
}

/// Starts an image's program for amd64 in a container, and that for arm64, taken out of the image,
/// under qemu.
fn starts_on_both(engine: &Engine, project: &Project, image: &str) {
    let run = |platform: &str| {
        engine.says(&format!(
            "run --rm --network none --pull always --platform {platform} {image}"
        ))
    };
    assert_eq!(run("linux/amd64"), "hello from x86_64 linux musl\n");
    // Tests that run side by side start images of one name.
    let name = format!(
        "xpkg-tests-{}-{}-{}",
        engine.name,
        std::process::id(),
        nanoseconds()
    );
    engine.says(&format!(
        "create --pull always --platform linux/arm64 --name {name} {image}"
    ));
    engine.says(&format!(
        "cp {name}:/usr/local/bin/hello {}",
        project.path("../taken").display()
    ));
    engine.says(&format!("rm {name}"));
    let said = starter(ARM_MUSL, &project.path("../taken"))
        .output()
        .unwrap()
        .stdout;
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "hello from aarch64 linux musl\n"
    );
    engine.says(&format!("rmi --force {image}"));
}

#[test]
fn bake_makes_and_pushes_every_platform_of_every_image() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        project.write(
            "xpkg.toml",
            r#"
[[docker]]
name = "hello"
ports = [8080, "53/udp"]
user = "1000:1000"
files = { "src/main.rs" = "/etc/a b/main.rs" }
ca-certificates = true
labels = { "com.example.odd" = "${HOME} $5 %{if} \"q\" \\n" }

# A dot, which bake takes in no target's name, and a base that stands here as a layout, by its name there.
[[docker]]
name = "hello.based"
bins = ["hello"]
base = "oci:base:0.1.0"
"#,
        );
        project.xpkg(&format!("build -q --target {BOTH}")).ok();
        std::fs::rename(project.path("xpkg.toml"), project.path("later.toml")).unwrap();
        project.xpkg("docker -q --no-build --oci base").ok();
        std::fs::rename(project.path("later.toml"), project.path("xpkg.toml")).unwrap();
        project.xpkg("docker -q --no-build --context dist").ok();
        let (registry, dist) = (place(engine, "bake"), project.path("dist"));
        buildx(engine, &dist, &registry, "bake --progress plain --push");
        for name in ["hello", "hello.based"] {
            let image = format!("{registry}{name}:one");
            assert_eq!(platforms(&image), ["linux/amd64", "linux/arm64"], "{image}");
            // The version is a tag, too.
            assert_eq!(platforms(&format!("{registry}{name}:0.1.0")).len(), 2);
            starts_on_both(engine, &project, &image);
        }
        let config = |name: &str, more: &str| {
            skopeo(&format!(
                "inspect --config --tls-verify=false {more} docker://{registry}{name}:one"
            ))
        };
        let hello = &config("hello", "--override-arch arm64")["config"];
        assert_eq!(
            *hello,
            json!({
                "User": "1000:1000",
                "Entrypoint": ["/usr/local/bin/hello"],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "ExposedPorts": { "53/udp": {}, "8080/tcp": {} },
                "Labels": {
                    "com.example.odd": "${HOME} $5 %{if} \"q\" \\n",
                    "org.opencontainers.image.title": "hello",
                    "org.opencontainers.image.version": "0.1.0",
                },
                "WorkingDir": "/",
            })
        );
        // The base is one with labels of its own.
        let based = &config("hello.based", "")["config"]["Labels"];
        for (key, expected) in [
            ("title", "hello.based"),
            ("version", "0.1.0"),
            ("source", ""),
        ] {
            assert_eq!(
                based[format!("org.opencontainers.image.{key}")],
                expected,
                "{key}"
            );
        }
        // The base's layers stand below, as they are.
        let below = skopeo(&format!(
            "inspect --config oci:{}",
            project.path("base").display()
        ));
        let layers = |config: &Value| config["rootfs"]["diff_ids"].as_array().unwrap().clone();
        let (below, all) = (layers(&below), layers(&config("hello.based", "")));
        assert_eq!(all[..all.len() - 1], below);
    });
}

#[test]
fn each_architecture_writes_its_cache_and_the_whole_reads_them() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        project
            .xpkg(&format!("docker -q --target {BOTH} --cache --context dist"))
            .ok();
        let (registry, dist) = (place(engine, "cache"), project.path("dist"));
        buildx(
            engine,
            &dist,
            &registry,
            "bake --progress plain --push per-architecture",
        );
        for architecture in ["amd64", "arm64"] {
            let image = skopeo(&format!(
                "inspect --raw --tls-verify=false docker://{registry}hello:one-{architecture}"
            ));
            assert!(
                image["manifests"]
                    .to_string()
                    .contains(&format!("\"{architecture}\"")),
                "{image}"
            );
            let cache = skopeo(&format!(
                "inspect --raw --tls-verify=false docker://{registry}hello:cache-{architecture}"
            ));
            assert!(
                cache
                    .to_string()
                    .contains("application/vnd.buildkit.cacheconfig.v0"),
                "{cache}"
            );
        }
        let said = buildx(engine, &dist, &registry, "bake --progress plain --push");
        for architecture in ["amd64", "arm64"] {
            assert!(
                said.contains(&format!(
                    "importing cache manifest from {registry}hello:cache-{architecture}"
                )),
                "{said}"
            );
        }
        assert_eq!(
            platforms(&format!("{registry}hello:one")),
            ["linux/amd64", "linux/arm64"]
        );
    });
}

#[test]
fn each_architecture_writes_its_cache_into_a_directory_and_the_whole_reads_them() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        project
            .xpkg(&format!(
                "docker -q --target {BOTH} --cache-to local,dest=../cache --context dist"
            ))
            .ok();
        let (registry, dist) = (place(engine, "local"), project.path("dist"));
        buildx(
            engine,
            &dist,
            &registry,
            "bake --progress plain --push per-architecture",
        );
        for architecture in ["amd64", "arm64"] {
            let index = project.json(&format!("cache/hello-{architecture}/index.json"));
            assert_eq!(index["schemaVersion"], 2, "{index}");
        }
        let said = buildx(engine, &dist, &registry, "bake --progress plain --push");
        let imported = said.matches("importing cache manifest from local:").count();
        assert!(imported >= 2, "{said}");
        assert!(!said.contains("failed to"), "{said}");
    });
}

/// What the driver of a dockerd cannot run: read by buildx at least.
#[test]
fn buildx_reads_the_caches_of_services() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        let s3 = "s3,region=eu-central-1,bucket=b,endpoint_url=http://127.0.0.1:9";
        project
            .xpkg(&format!(
                "docker -q --target {X86_MUSL} --cache-to {s3} --cache-from gha --cache-from {s3} \
                 --context dist"
            ))
            .ok();
        let dist = project.path("dist");
        let printed = buildx(engine, &dist, "r/", "bake --print per-architecture");
        // What it says of its progress is before and behind.
        let json = printed.find("{\n").map(|at| &printed[at..]).unwrap();
        let mut documents = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        let document = documents.next().unwrap().unwrap();
        let target = &document["target"]["hello-amd64"];
        let s3 = "type=s3,name=hello-amd64,region=eu-central-1,bucket=b,endpoint_url=\
                  http://127.0.0.1:9";
        let is_text = target["cache-to"][0].is_string();
        if is_text {
            assert_eq!(target["cache-to"], json!([format!("{s3},mode=max")]));
            let from = json!(["type=gha,scope=hello-amd64", s3]);
            assert_eq!(target["cache-from"], from);
        } else {
            // Newer ones print their keys.
            assert_eq!(target["cache-to"][0]["name"], "hello-amd64");
            assert_eq!(target["cache-from"][0]["scope"], "hello-amd64");
        }
    });
}

/// An image with this machine's Rust and this program: what `rust` and `cargo install` are
/// elsewhere.
fn builder(engine: &Engine, project: &Project) -> String {
    static MADE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(engine.name.clone())
        .or_insert_with(|| make_builder(engine, project))
        .clone()
}

fn make_builder(engine: &Engine, project: &Project) -> String {
    let sysroot = project
        .shell("rustc --print sysroot")
        .ok()
        .stdout
        .trim()
        .to_owned();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let rust = directory.path();
    let (libraries, std) = (rust.join("lib"), rust.join("lib/rustlib"));
    // No documentation, no sources: they are half of it.
    let lines = [
        format!(
            "mkdir -p {0}/bin {1} && cp -a {sysroot}/bin/cargo {sysroot}/bin/rustc {0}/bin",
            rust.display(),
            std.display()
        ),
        format!("cp -a {sysroot}/lib/*.so* {}", libraries.display()),
        format!(
            "cd {sysroot}/lib/rustlib && cp -a x86_64-unknown-linux-gnu {X86_MUSL} {ARM_MUSL} {}",
            std.display()
        ),
        format!(
            "mkdir {0}/own && cp {1} {0}/own && strip {0}/own/cargo-xpkg",
            rust.display(),
            env!("CARGO_BIN_EXE_cargo-xpkg")
        ),
    ];
    for line in lines {
        assert!(
            Command::new("sh")
                .args(["-c", &line])
                .status()
                .unwrap()
                .success(),
            "{line}"
        );
    }
    let recipe = format!(
        "FROM {}\nCOPY bin /rust/bin\nCOPY lib /rust/lib\nCOPY own /rust/bin\n\
         ENV PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/cargo\n",
        engine.by_digest("gcc12:1")
    );
    std::fs::write(rust.join("Dockerfile"), recipe).unwrap();
    let name = format!("127.0.0.1:5055/xpkg-tests/rust-{}", engine.name);
    let output = format!("type=image,name={name}:1,push=true,compression=zstd,compression-level=1");
    buildx(
        engine,
        rust,
        "",
        &format!("build --provenance=false --output {output} ."),
    );
    let index = engine.says(&format!(
        "buildx imagetools inspect {name}:1 --format '{{{{json .Manifest}}}}'"
    ));
    format!(
        "{name}@{}",
        serde_json::from_str::<Value>(&index).unwrap()["digest"]
            .as_str()
            .unwrap()
    )
}

#[test]
fn all_of_it_is_built_in_docker_for_both_platforms_and_only_what_changed_anew() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        let manifest = project.read("Cargo.toml").replace(
            "publish",
            "repository = \"https://git.example/hello\"\npublish",
        );
        project.write("Cargo.toml", &manifest);
        // Bins of a layout's base, a file, and an image whose name no stage may have.
        project.write(
            "xpkg.toml",
            "[[docker]]\nname = \"hello\"\nfiles = { \"Cargo.toml\" = \"/etc/manifest\" \
             }\n\n[[docker]]\nname = \"2048\"\nbins = [\"hello\"]\nbase = \"oci:base\"\n",
        );
        let empty = Project::of("hello");
        empty
            .xpkg(&format!("docker -q --target {BOTH} --oci base"))
            .ok();
        std::fs::rename(empty.path("base"), project.path("base")).unwrap();
        let builder = builder(engine, &project);
        let _alone = engine.alone();
        never_built(&project);
        project
            .xpkg(&format!(
                "docker -q --build-in-docker --builder {builder} --target {BOTH}"
            ))
            .ok();
        let contexts = project.read("xpkg.Dockerfile");
        let contexts = contexts
            .lines()
            .find_map(|line| line.strip_prefix("# It needs `")?.strip_suffix("`."));
        assert!(
            contexts.is_some_and(|words| words
                .starts_with("--build-context xpkg-base-2048=oci-layout://base@sha256:")),
            "{contexts:?}"
        );
        let registry = place(engine, "inside");
        let build = |stage: &str, more: &str| {
            // The tests' daemon has no network to give.
            let options = "build --progress plain --network none --provenance=false --file \
                           xpkg.Dockerfile --platform linux/amd64,linux/arm64";
            buildx(
                engine,
                &project.root,
                "",
                &format!("{options} {more} --target {stage} --tag {registry}{stage}:1 --push ."),
            )
        };
        let fetched = |said: &str| {
            let step = said
                .lines()
                .find(|line| line.contains("cargo fetch --locked"))
                .and_then(|line| line.split(' ').next())
                .unwrap();
            said.contains(&format!("{step} CACHED\n"))
        };
        // The compiler of the builder's own platform, once for each target.
        let said = build("hello", "--label org.opencontainers.image.revision=abc");
        assert_eq!(compiled(&said), 2, "{said}");
        let labels = skopeo(&format!(
            "inspect --config --tls-verify=false docker://{registry}hello:1"
        ))["config"]["Labels"]
            .clone();
        let label = |key: &str| {
            labels[format!("org.opencontainers.image.{key}")]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(
            ["source", "revision", "version"].map(label),
            ["https://git.example/hello", "abc", "0.1.0"].map(|it| Some(it.to_owned()))
        );
        starts_on_both(engine, &project, &format!("{registry}hello:1"));
        let said = build("image-2048", contexts.unwrap());
        assert_eq!(compiled(&said), 0, "{said}");
        starts_on_both(engine, &project, &format!("{registry}image-2048:1"));
        // A source that changed fetches nothing; cargo's own files are kept between two builds.
        project.append("src/main.rs", "// changed\n");
        let said = build("hello", "");
        assert!(fetched(&said), "{said}");
        assert_eq!(compiled(&said), 2, "{said}");
        project.append("Cargo.toml", "# changed\n");
        let said = build("hello", "");
        assert!(!fetched(&said), "{said}");
    });
}

/// How often cargo says that it compiles the project, in what buildx prints of two steps at once. It
/// cuts a line of one step where the other one prints something, so each step's pieces are joined.
fn compiled(said: &str) -> usize {
    let mut steps = BTreeMap::<&str, String>::new();
    for line in said.lines().filter(|line| line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let step = steps.entry(words.next().unwrap()).or_default();
        step.extend(words.skip(1));
    }
    let times = |step: &String| step.matches("Compilinghellov0.1.0(/src)").count();
    steps.values().map(times).sum()
}

#[test]
fn a_line_that_is_cut_is_one() {
    let said = "#1 0.1    Compiling hello v0.1.0 (/src)\n#2 0.1    Compiling\n#2 ...\n\n#1 0.2 done\n\n\
                #2 0.3  hello v0.1.0 (/src)\n#2 DONE 0.4s\n";
    assert_eq!(compiled(said), 2);
    assert_eq!(compiled("#1 0.1    Compiling hello v0.1.0 (/src)\n"), 1);
    assert_eq!(compiled(""), 0);
}

/// Makes a project one that BuildKit's own cache knows from no run of the suite before.
fn never_built(project: &Project) {
    project.append("Cargo.toml", &format!("# {}\n", nanoseconds()));
    project.append("src/main.rs", &format!("// {}\n", nanoseconds()));
}

fn nanoseconds() -> u128 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

/// Builds a stage of what is written for this machine's platform, where the tests' daemon has no
/// network to give, and starts it.
#[track_caller]
fn built_inside(engine: &Engine, project: &Project, stage: &str, more: &str) -> (String, String) {
    // Tests that run side by side have stages of one name.
    let tag = format!(
        "localhost/xpkg-tests-{stage}-{}-{}-{}:1",
        engine.name,
        std::process::id(),
        nanoseconds()
    );
    let options = "build --progress plain --network none --provenance=false --file \
                   xpkg.Dockerfile --platform linux/amd64 --load";
    let said = buildx(
        engine,
        &project.root,
        "",
        &format!("{options} {more} --target {stage} --tag {tag} ."),
    );
    let started = engine.says(&format!("run --rm --network none {tag}"));
    engine.says(&format!("rmi --force {tag}"));
    (said, started)
}

#[test]
fn an_image_holds_its_own_project_whatever_was_built_before() {
    on_each_buildkit(|engine| {
        // Two checkouts with one package's name, and files older than what the cache holds.
        for text in ["the first", "the second", "the first"] {
            let project = Project::of("hello");
            project.write(
                "src/main.rs",
                &format!("fn main() {{ println!(\"{text}\"); }}\n"),
            );
            let source = std::fs::File::options()
                .append(true)
                .open(project.path("src/main.rs"))
                .unwrap();
            source
                .set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(400_000))
                .unwrap();
            let builder = builder(engine, &project);
            project
                .xpkg(&format!(
                    "docker -q --build-in-docker --builder {builder} --target {X86_MUSL}"
                ))
                .ok();
            let (said, started) = built_inside(engine, &project, "hello", "");
            assert_eq!(started, format!("{text}\n"), "{said}");
        }
    });
}

#[test]
fn what_is_chosen_here_is_built_inside() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        project.append(
            "Cargo.toml",
            "members = [\"more\"]\ndefault-members = [\".\"]\n\n[features]\ndefault = \
             [\"calm\"]\ncalm = []\nloud = []\n",
        );
        project.write(
            "src/main.rs",
            "fn main() { println!(\"{}{}{}\", cfg!(feature = \"calm\"), cfg!(feature = \"loud\"), \
             cfg!(debug_assertions)); }\n",
        );
        never_built(&project);
        project.write(
            "more/Cargo.toml",
            "[package]\nname = \"more\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        );
        project.write(
            "more/src/main.rs",
            "fn main() { println!(\"more, {}\", env!(\"WORDS\")); }\n",
        );
        project.shell("cargo generate-lockfile").ok();
        let (builder, base) = (builder(engine, &project), engine.by_digest("gcc12:1"));
        // The base has this glibc; the builder's own `cc` links for it.
        project
            .xpkg(&format!(
                "docker -q --build-in-docker --builder {builder} --target {HOST}.2.36 --base {base} --workspace --profile dev \
                 --features hello/loud --no-default-features --config 'env.WORDS=\"a b\"'"
            ))
            .ok();
        let (said, started) = built_inside(engine, &project, "hello", "");
        assert_eq!(started, "falsetruetrue\n", "{said}");
        let (said, started) = built_inside(engine, &project, "more", "");
        assert_eq!(started, "more, a b\n", "{said}");
    });
}

/// A package with a library that has one constant.
fn library(project: &Project, at: &str, head: &str) {
    project.write(&format!("{at}/Cargo.toml"), head);
    project.write(
        &format!("{at}/src/lib.rs"),
        &format!("pub const SAYS: &str = \"{at}\";\n"),
    );
}

#[test]
fn every_package_that_is_here_is_there_when_the_others_are_fetched() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        let table = "exclude = [\"apart\"]\n\n[dependencies]\ninner = { path = \"apart/inner\" }\npatched = \"1\"\nvendored = \"1\"\n\n\
                     [patch.crates-io]\npatched = { path = \"other/patched\" }\nunused = { path = \"other/unused\" }\n";
        project.append("Cargo.toml", table);
        // A workspace of its own, from which its package inherits.
        project.write(
            "apart/Cargo.toml",
            "[workspace]\nmembers = [\"inner\"]\n[workspace.package]\nversion = \"0.3.0\"\n",
        );
        library(
            &project,
            "apart/inner",
            "[package]\nname = \"inner\"\nversion.workspace = true\n",
        );
        library(
            &project,
            "other/patched",
            "[package]\nname = \"patched\"\nversion = \"1.0.0\"\n",
        );
        library(
            &project,
            "other/unused",
            "[package]\nname = \"unused\"\nversion = \"1.0.0\"\n",
        );
        library(
            &project,
            "third party/vendored",
            "[package]\nname = \"vendored\"\nversion = \"1.0.0\"\n",
        );
        project.write(
            "third party/vendored/.cargo-checksum.json",
            "{\"files\":{}}",
        );
        let source = "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = \
                      \"third party\"\n";
        project.write(".cargo/config.toml", source);
        project.write(
            "src/main.rs",
            "fn main() { println!(\"{}, {}, {}\", inner::SAYS, patched::SAYS, vendored::SAYS); }\n",
        );
        never_built(&project);
        project.shell("cargo generate-lockfile").ok();
        let builder = builder(engine, &project);
        let sysroot = project.shell("rustc --print sysroot").ok().stdout;
        project.write(
            "rust-toolchain.toml",
            &format!("[toolchain]\npath = \"{}\"\n", sysroot.trim()),
        );
        project
            .xpkg(&format!(
                "docker -q --build-in-docker --builder {builder} --target {X86_MUSL}"
            ))
            .ok();
        let text = project.read("xpkg.Dockerfile");
        let before: Vec<&str> = text
            .lines()
            .take_while(|line| !line.contains("AS xpkg-build"))
            .skip(4)
            .collect();
        check!(
            engine.told(&before.join("\n")),
            str![[r#"
WORKDIR /dependencies
RUN test "$(cargo xpkg --version 2>/dev/null)" = "cargo xpkg 0.1.0" || cargo install cargo-xpkg --version 0.1.0 --locked --force
COPY ["rust-toolchain.toml","/dependencies/rust-toolchain.toml"]
RUN ! command -v rustup || rustup target add x86_64-unknown-linux-musl

# Rebuilt only if Cargo.lock or a manifest changed.
FROM xpkg-toolchain AS xpkg-dependencies
COPY [".cargo/config.toml","/dependencies/.cargo/config.toml"]
COPY ["Cargo.lock","/dependencies/Cargo.lock"]
COPY ["Cargo.toml","/dependencies/Cargo.toml"]
COPY ["apart/Cargo.toml","/dependencies/apart/Cargo.toml"]
COPY ["apart/inner/Cargo.toml","/dependencies/apart/inner/Cargo.toml"]
COPY ["other/patched/Cargo.toml","/dependencies/other/patched/Cargo.toml"]
COPY ["other/unused","/dependencies/other/unused"]
COPY ["third party","/dependencies/third party"]
RUN mkdir -p apart/inner/src other/patched/src src && touch apart/inner/src/lib.rs other/patched/src/lib.rs src/main.rs && cargo fetch --locked

"#]]
        );
        let (said, started) = built_inside(engine, &project, "hello", "");
        assert_eq!(
            started, "apart/inner, other/patched, third party/vendored\n",
            "{said}"
        );
    });
}

#[test]
fn what_is_kept_out_of_docker_is_kept_out_of_a_build_in_docker() {
    on_each_buildkit(|engine| {
        let project = Project::of("hello");
        project.write(".dockerignore", "# mine\n*.env\n!open.env\n");
        project.write("secret.env", "PASSWORD=1\n");
        project.write("open.env", "\n");
        let script = "fn main() {\n    let there = |name| std::path::Path::new(name).exists();\n    \
                      println!(\"cargo:rustc-env=THERE={} {}\", there(\"secret.env\"), there(\"open.env\"));\n}\n";
        project.write("build.rs", script);
        project.write(
            "src/main.rs",
            "fn main() { println!(\"{}\", env!(\"THERE\")); }\n",
        );
        never_built(&project);
        let builder = builder(engine, &project);
        let run = project.xpkg(&format!(
            "docker --build-in-docker --builder {builder} --target {X86_MUSL}"
        ));
        check!(
            run,
            str![[r#"
exit 0
--- stderr
      Noting the rules of `.dockerignore` are copied; write this anew when they change
       Wrote [ROOT]/xpkg.Dockerfile
       Wrote [ROOT]/xpkg.Dockerfile.dockerignore

"#]]
        );
        let (said, started) = built_inside(engine, &project, "hello", "");
        assert_eq!(started, "false true\n", "{said}");
    });
}

#[test]
fn a_layout_outside_the_workspace_is_no_base_of_a_build_in_docker() {
    let project = Project::of("hello");
    project
        .xpkg(&format!("docker -q --target {BOTH} --oci ../base"))
        .ok();
    let builder = format!("r.example/rust@sha256:{}", "ab".repeat(32));
    let run = project.xpkg(&format!(
        "docker --build-in-docker --builder {builder} --base oci:../base --target {BOTH}"
    ));
    check!(
        run,
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base of `hello` stands outside the workspace, and a build in Docker sees nothing else
  there: oci:[BASE]/base
  help: copy it below the workspace's root: `skopeo copy --all oci:DIR oci:base`

"#]]
    );
    assert!(!project.path("xpkg.Dockerfile").exists());
}

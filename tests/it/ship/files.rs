//! What `files` bring into an image: the same by a layout and by every builder, and never over
//! another thing of it.

use snapbox::str;

use crate::ship::docker::check_text;
use crate::ship::oci::bases::{How, Line, base};
use crate::ship::oci::{Layout, hello, whole};
use crate::support::{Project, X86_MUSL};
use crate::toolchain::image::engines::{Engine, on_each_buildkit, on_each_engine};

/// A directory with one of each, and names that a Dockerfile could read as something else.
fn with_odd_files(project: &Project) {
    project.write("ex/key", "secret\n");
    project.write("ex/closed/deep.txt", "x");
    project.write("ex/set", "#!/bin/sh\n");
    for (name, text) in [
        ("conf/[x]*?.toml", "1"),
        ("conf/$HOME.toml", "2"),
        ("conf/back\\slash", "3"),
        ("conf/q\"uo'te", "4"),
        ("ex/$HOME *?", "5"),
    ] {
        project.write(name, text);
    }
    let lines = "cd ex && /bin/chmod 600 key && /bin/chmod 700 closed && /bin/chmod 4755 set && /bin/mkdir empty only && /bin/ln -s /etc/hostname \
                 absolute && /bin/ln -s nowhere dangling && /bin/ln -s ../../../../../../far closed/far && /bin/ln -s ../empty only/link";
    project.shell(lines).ok();
    project.write(
        "xpkg.toml",
        r#"
[[docker]]
name = "hello"
bins = ["hello"]
[docker.files]
ex = "/opt/ex"
"ex/only" = "/opt/only"
"ex/empty" = "/opt/empty"
"conf/[x]*?.toml" = "/opt/[x]*?.toml"
"conf/$HOME.toml" = "/opt/into/"
'conf/back\slash' = '/opt/back\slash'
"conf/q\"uo'te" = "/opt/$HOME ${USER} q\"u'o"
"#,
    );
}

/// `0644 opt/file`, `0777 opt/link -> to`: what a tar holds below `opt`, and what every image upon
/// `scratch` has.
fn below_opt(tar: impl std::io::Read) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let entry = entry.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let path = text(&entry.path_bytes());
        let link = entry
            .link_name_bytes()
            .map(|link| format!(" -> {}", text(&link)))
            .unwrap_or_default();
        if path.starts_with("opt/") || matches!(path.as_str(), "etc/passwd" | "etc/group" | "tmp/")
        {
            lines.push(format!(
                "{:04o} {path}{link}",
                entry.header().mode().unwrap() & 0o7777
            ));
        }
    }
    lines.sort();
    lines
}

/// What stands in an image by `--oci`.
fn by_layout(project: &Project) -> Vec<String> {
    project
        .xpkg(&format!(
            "docker -q --no-build --target {X86_MUSL} --oci layout"
        ))
        .ok();
    let document = |digest: &serde_json::Value| project.json(&blob(digest));
    let index = document(&project.json("layout/index.json")["manifests"][0]["digest"]);
    let manifest = document(&index["manifests"][0]["digest"]);
    let layers = manifest["layers"].as_array().unwrap().iter();
    let open = |layer: &serde_json::Value| {
        flate2::read::GzDecoder::new(
            std::fs::File::open(project.path(&blob(&layer["digest"]))).unwrap(),
        )
    };
    let mut lines: Vec<String> = layers.flat_map(|layer| below_opt(open(layer))).collect();
    lines.sort();
    lines
}

fn blob(digest: &serde_json::Value) -> String {
    format!(
        "layout/blobs/sha256/{}",
        digest.as_str().unwrap().strip_prefix("sha256:").unwrap()
    )
}

#[test]
fn one_configuration_is_one_image_by_every_way() {
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    with_odd_files(&project);
    let expected = by_layout(&project);
    check_text(
        &expected.join("\n"),
        str![[r#"
0644 etc/group
0644 etc/passwd
0644 opt/$HOME ${USER} q"u'o
0644 opt/[x]*?.toml
0644 opt/back\slash
0644 opt/ex/$HOME *?
0644 opt/ex/closed/deep.txt
0644 opt/ex/key
0644 opt/into/$HOME.toml
0755 opt/
0755 opt/empty/
0755 opt/ex/
0755 opt/ex/closed/
0755 opt/ex/empty/
0755 opt/ex/only/
0755 opt/ex/set
0755 opt/into/
0755 opt/only/
0777 opt/ex/absolute -> /etc/hostname
0777 opt/ex/closed/far -> ../../../../../../far
0777 opt/ex/dangling -> nowhere
0777 opt/ex/only/link -> ../empty
0777 opt/only/link -> ../empty
1777 tmp/
"#]],
    );
    let same = |engine: &Engine| {
        let tag = format!(
            "localhost/xpkg-tests-files-{}-{}:1",
            engine.name,
            std::process::id()
        );
        for words in ["--context new", "--old-builder --context old"]
            .iter()
            .skip(usize::from(engine.name == "docker"))
        {
            project
                .xpkg(&format!("docker -q --no-build --target {X86_MUSL} {words}"))
                .ok();
            let context = project.path(words.rsplit(' ').next().unwrap());
            let (context, taken) = (context.display(), project.path("taken.tar"));
            let options = "--build-arg TARGETPLATFORM=linux/amd64";
            let _alone = engine.alone();
            engine.says(&format!(
                "build --quiet --tag {tag} --file {context}/hello.Dockerfile {options} {context}"
            ));
            let container = engine.says(&format!("create {tag}"));
            engine.says(&format!("export --output {} {container}", taken.display()));
            engine.says(&format!("rm {container}"));
            engine.says(&format!("rmi --force {tag}"));
            assert_eq!(
                below_opt(std::fs::File::open(taken).unwrap()),
                expected,
                "{} {words}",
                engine.name
            );
        }
    };
    on_each_engine(same);
    on_each_buildkit(same);
}

#[test]
fn what_a_source_has_become_is_in_the_context() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    with_odd_files(&project);
    let run = || {
        project
            .xpkg(&format!(
                "docker --no-build --target {X86_MUSL} --context dist"
            ))
            .ok()
            .stderr
    };
    let mode = |path: &str| {
        std::fs::metadata(project.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    let wrote = |line: &str, expected: bool| {
        project.shell(line).ok();
        assert_eq!(run().contains("Wrote"), expected, "{line}");
    };
    // Whatever the umask, and whatever a copy would keep.
    project
        .shell(&format!(
            "umask 077 && {} docker -q --no-build --target {X86_MUSL} --context dist",
            env!("CARGO_BIN_EXE_cargo-xpkg")
        ))
        .ok();
    let number = project
        .files("dist/files")
        .iter()
        .find_map(|file| file.strip_suffix("/ex/key"))
        .unwrap()
        .to_owned();
    let at = |name: &str| format!("dist/files/{number}/ex/{name}");
    assert_eq!(
        ["key", "closed", "set"].map(|name| mode(&at(name))),
        [0o644, 0o755, 0o755]
    );
    assert_eq!(
        ["ex/key", "ex/closed", "ex/set"].map(mode),
        [0o600, 0o700, 0o4755]
    );
    wrote("true", false);
    // What does not matter, and what does.
    wrote("/bin/chmod 640 ex/key", false);
    wrote("/bin/chmod 755 ex/key", true);
    assert_eq!(mode(&at("key")), 0o755);
    wrote(
        "/bin/rm ex/dangling && /bin/ln -s elsewhere ex/dangling",
        true,
    );
    wrote("/bin/mkdir ex/another", true);
    assert!(project.path(&at("another")).is_dir());
    // In the context itself a mode is mended, a link of the user's is not written over.
    wrote(&format!("/bin/chmod 600 {}", at("key")), true);
    assert_eq!(mode(&at("key")), 0o755);
    project
        .shell(&format!("/bin/ln -sfn mine {}", at("dangling")))
        .ok();
    let run = project.xpkg(&format!(
        "docker --no-build --target {X86_MUSL} --context dist"
    ));
    assert!(
        run.stderr.starts_with("error[context-foreign]: files in `"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains(&format!("changed: files/{number}/ex/dangling")),
        "{}",
        run.stderr
    );
}

#[test]
fn what_stands_in_a_base_is_not_replaced_by_files() {
    let project = hello(X86_MUSL);
    let tables = |files: &str| {
        project.write(
            "xpkg.toml",
            &format!(
                "[[docker]]\nname = \"upon\"\nbins = [\"hello\"]\nbase = \
                \"oci:base\"\nfiles = {{ {files} }}\n"
            ),
        );
    };
    let lower: &[Line] = &[
        ("usr/", b""),
        ("usr/bin/", b""),
        ("usr/bin/sh", b""),
        ("bin -> usr/bin", b""),
        ("lib64 -> usr/lib64", b""),
        ("opt/here/deep", b""),
        ("note", b""),
        ("loop -> loop", b""),
    ];
    base(&project.path("base"), How::Gzip, &["amd64"], &[lower]);
    project.write("root/bin/own", "");
    project.write("root/lib64/own", "");
    project.write("file", "");
    let run = |files: &str| {
        tables(files);
        let _ = std::fs::remove_dir_all(project.path("layout"));
        project.xpkg("docker -q --no-build --oci layout")
    };
    let added = |files: &str| {
        run(files).ok();
        let layout = Layout::of(&project.path("layout"));
        let (manifest, configuration) = layout.image(0, 0);
        layout.layer(&manifest, &configuration, 1).0
    };
    // What leads to a directory leads there still, and a directory is whose it was.
    let expected = [
        "1770 7:8 usr/",
        "1770 7:8 usr/bin/",
        "0644 0:0 usr/bin/own",
        "0755 0:0 usr/lib64/",
        "0644 0:0 usr/lib64/own",
    ];
    assert_eq!(added("root = '/'"), expected);
    assert_eq!(added("'root/bin' = '/bin'"), expected[..3]);
    assert_eq!(added("'root/bin' = '/bin/'"), expected[..3]);
    assert_eq!(
        added("file = '/bin/'"),
        [
            "1770 7:8 usr/",
            "1770 7:8 usr/bin/",
            "0644 0:0 usr/bin/file"
        ]
    );
    for (files, expected) in [
        (
            "file = '/opt/here'",
            "the image `upon` has a file at `/opt/here`, which is a directory in its base",
        ),
        (
            "root = '/note'",
            "the image `upon` has a directory at `/note`, which is a file in its base",
        ),
        (
            "file = '/note/x'",
            "the image `upon` has a directory at `/note`, which is a file in its base",
        ),
    ] {
        let said = run(files).stderr;
        assert!(
            said.starts_with(&format!("error[docker-clash]: {expected}")),
            "{said}"
        );
        assert_eq!(
            project
                .xpkg("docker -q --no-build --context context")
                .stderr,
            said
        );
        assert!(!project.path("context").exists());
    }
}

#[test]
fn no_layer_hides_what_another_one_brings() {
    let project = whole(X86_MUSL);
    let run = |files: &str| {
        let more = "ca-certificates = true\ntzdata = true";
        project.write(
            "xpkg.toml",
            &format!(
                "[[docker]]\nname = \"hello\"\nbins = [\"hello\"]\n{more}\nfiles = {{ {files} }}\n"
            ),
        );
        project.xpkg("docker -q --no-build --oci layout")
    };
    project
        .shell("/bin/mkdir -p links && /bin/ln -s /elsewhere links/ssl")
        .ok();
    for (files, place) in [
        ("'run.sh' = '/usr/local/bin/hello'", "usr/local/bin/hello"),
        ("'conf' = '/usr/local/bin/hello'", "usr/local/bin/hello"),
        ("'run.sh' = '/usr/local'", "usr/local"),
        (
            "'run.sh' = '/etc/ssl/certs/ca-certificates.crt'",
            "etc/ssl/certs/ca-certificates.crt",
        ),
        ("'links' = '/etc'", "etc/ssl"),
        (
            "'run.sh' = '/usr/share/zoneinfo/Europe'",
            "usr/share/zoneinfo/Europe",
        ),
        ("'run.sh' = '/etc'", "etc"),
        ("'run.sh' = '/tmp'", "tmp"),
    ] {
        let said = run(files).stderr;
        assert!(
            said.starts_with(&format!(
                "error[docker-clash]: the image `hello` has two entries at `/{place}`"
            )),
            "{files}: {said}"
        );
        assert_eq!(
            project
                .xpkg("docker -q --no-build --context context")
                .stderr,
            said
        );
    }
    // The users are ours only where nobody brings others.
    run("'run.sh' = '/etc/passwd', 'conf' = '/tmp/conf'").ok();
    let layout = Layout::of(&project.path("layout"));
    let (manifest, configuration) = layout.image(0, 0);
    let lines = layout.layer(&manifest, &configuration, 1).0;
    assert_eq!(lines[..2], ["0755 0:0 etc/", "0755 0:0 etc/passwd"]);
    assert_eq!(lines[2..4], ["1777 0:0 tmp/", "0755 0:0 tmp/conf/"]);
}

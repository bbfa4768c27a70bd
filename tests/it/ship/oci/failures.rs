//! Layouts and bad input: what stands stays, a signal and a fault leave the old or the new.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::ship::oci::bases::{How, Line, base};
use crate::ship::oci::{EPOCH, hello, sha256};
use crate::support::{Project, X86_MUSL, said_until, until};

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
error[context-foreign]: `[ROOT]/theirs` contains files that xpkg did not create
  untracked: notes.txt
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
    project
        .shell("/bin/ln -s nowhere lost.tar && /bin/ln -s nowhere lost")
        .ok();
    for link in ["lost.tar", "lost"] {
        assert!(run(link).text().contains(&format!(
            "[ROOT]/{link}` is a link that leads nowhere, and the image layout would be a "
        )));
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
        project.xpkg_with(
            &[(EPOCH.0, "1700000000000")],
            "docker --no-build --oci layout"
        ),
        str![[r#"
exit 1
--- stderr
error[docker-invalid]: 1700000000000 seconds after 1970 is out of range for the time of an image
  help: set `SOURCE_DATE_EPOCH` to seconds, not to milliseconds

"#]]
    );
    // A layout of somebody else in a tar, and one of ours; an empty file is anybody's.
    let project = project.with("tar");
    let run = |to: &str| project.xpkg(&format!("docker --no-build --oci {to}"));
    project.shell("tar cf theirs.tar -C base .").ok();
    assert!(
        run("theirs.tar")
            .stderr
            .starts_with("error[context-foreign]")
    );
    project.write("ours.tar", "");
    run("ours.tar").ok();
    assert!(run("ours.tar").ok().stderr.contains("Unchanged"));
    project
        .xpkg_with(
            &[(EPOCH.0, "1700000001")],
            "docker -q --no-build --oci ours.tar",
        )
        .ok();
    // An empty directory is anybody's.
    std::fs::create_dir(project.path("empty")).unwrap();
    run("empty").ok();
    // What is put into ours makes it a stranger's.
    project.write("empty/blobs/sha256/README", "");
    assert!(run("empty").stderr.contains("error[context-foreign]"));
    let tables = |more: &str| {
        project.write(
            "xpkg.toml",
            &format!("[[docker]]\nname = \"hello\"\nbins = [\"hello\"]\n{more}\n"),
        )
    };
    project.write("conf/a", "");
    for (more, expected) in [
        (
            "files = { conf = \"etc\" }",
            "error[docker-invalid]: `conf` cannot be at `etc` in the image `hello`: it is not \
             absolute",
        ),
        (
            "files = { conf = \"/a/../b\" }",
            "error[docker-invalid]: `conf` cannot be at `/a/../b` in the image `hello`: it is \
             not a plain",
        ),
        (
            "files = { \"conf/a\" = \"/\" , nothing = \"/x\" }",
            "error[file-access]: `[ROOT]/nothing`, which an image needs, does not exist",
        ),
        (
            "files = { \"conf/a\" = \"/etc/x\", conf = \"/etc/x/y\" }",
            "error[docker-clash]: the image `hello` has two entries at `/etc/x`",
        ),
        (
            "files = { \"conf/a\" = \"/etc/x\", file = \"/etc/x\" }",
            "error[docker-clash]: the image `hello` has two files at `/etc/x`",
        ),
    ] {
        tables(more);
        let text = run("layout").text();
        assert!(text.contains(expected), "{more}: {text}");
        assert!(!project.path("layout").exists(), "{more}");
    }
    project
        .shell("/bin/mkdir odd && /usr/bin/mkfifo odd/pipe")
        .ok();
    tables("files = { odd = \"/odd\" }");
    assert!(run("layout").stderr.contains("it is a pipe"));
    project.write("gone/.wh.x", "");
    tables("files = { gone = \"/odd\" }");
    assert!(
        run("layout")
            .stderr
            .contains("its name would delete a file of the base")
    );
    tables("tzdata = true");
    assert!(
        project
            .xpkg_with(&[("TZDIR", "/nowhere")], "docker --no-build --oci layout")
            .stderr
            .contains("`TZDIR=/nowhere` is not a directory")
    );
    std::fs::create_dir_all(project.path("zones/right")).unwrap();
    project.write("zones/right/Berlin", "zone");
    let run = project.xpkg_with(&[("TZDIR", "zones")], "docker --no-build --oci layout");
    assert!(
        run.text().contains("`TZDIR=[ROOT]/zones` contains none"),
        "{}",
        run.text()
    );
    tables("ca-certificates = true");
    for (named, expected) in [
        ("/nope", "`SSL_CERT_FILE=/nope` is not a file"),
        ("file", "`SSL_CERT_FILE=[ROOT]/file` is empty"),
    ] {
        for route in ["--oci layout", "--context context"] {
            let run = project.xpkg_with(
                &[("SSL_CERT_FILE", named)],
                &format!("docker --no-build {route}"),
            );
            assert!(
                run.code == Some(1) && run.text().contains(expected),
                "{}",
                run.text()
            );
        }
    }
    assert!(!project.path("layout").exists() && !project.path("context").exists());
}

#[test]
fn nothing_is_written_within_what_images_are_made_of() {
    let project = hello(X86_MUSL);
    let tree = format!("--out-dir target/xpkg --target {X86_MUSL}");
    for (line, what) in [
        (
            "--no-build --oci target/xpkg/layout",
            "the staged tree `[ROOT]/target/xpkg`",
        ),
        (
            "--no-build --oci target/xpkg",
            "the staged tree `[ROOT]/target/xpkg`",
        ),
        (
            "--oci target/xpkg/x.tar",
            "the staged tree `[ROOT]/target/xpkg`",
        ),
        (
            "--no-build --context target/xpkg/deep/context",
            "the staged tree `[ROOT]/target/xpkg`",
        ),
        (
            "--from target/xpkg --oci target/xpkg/layout",
            "the staged tree `[ROOT]/target/xpkg`",
        ),
    ] {
        let run = project.xpkg(&format!("docker {tree} {line}"));
        let text = run.text();
        assert!(
            text.starts_with("exit 1\n--- stderr\nerror[docker-invalid]: `[ROOT]/target/xpkg"),
            "{line}: {text}"
        );
        assert!(
            text.contains(&format!("is inside {what}\n")),
            "{line}: {text}"
        );
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
error[base-unfit]: `[ROOT]/self` is inside the base `oci:[ROOT]/self` of `hello`
  help: choose another path: `--oci PATH`

"#]]
    );
    assert!(
        project
            .xpkg("docker --no-build --base oci:self --oci self/x.tar")
            .stderr
            .starts_with("error[base-unfit]")
    );
    assert!(
        project
            .xpkg("docker --no-build --base oci:self --context self/context")
            .stderr
            .starts_with("error[base-unfit]")
    );
    assert_eq!(project.files("self"), before);
}

/// Files beside layouts and contexts that are xpkg's own.
fn beside(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path("dist"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_signal_leaves_nothing_and_who_waits_is_told() {
    let project = hello(X86_MUSL);
    project.write(
        "xpkg.toml",
        "[[docker]]\nname = \"hello\"\nfiles = { large = \"/large\" }\n",
    );
    // Packing it takes long enough for a signal.
    std::fs::File::create(project.path("large"))
        .unwrap()
        .set_len(4 << 30)
        .unwrap();
    std::fs::create_dir(project.path("dist")).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for words in ["--oci dist/layout", "--oci dist/layout.tar"] {
            let mut run = project
                .command(&format!("docker -q --no-build {words}"))
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            until(words, || {
                beside(&project)
                    .iter()
                    .any(|name| name.contains(".new-"))
                    .then_some(())
            });
            assert!(beside(&project).iter().any(|name| name.ends_with(".lock")));
            let sent = Command::new("kill")
                .args([&format!("-{signal}"), &run.id().to_string()])
                .status()
                .unwrap();
            assert!(sent.success());
            assert_eq!(run.wait().unwrap().code(), Some(code), "{signal} {words}");
            assert!(
                beside(&project).is_empty() && project.files("dist").is_empty(),
                "{signal} {words}: {:?}",
                beside(&project)
            );
        }
    }
    project.write("xpkg.toml", "");
    for place in ["layout", "context"] {
        let flag = if place == "layout" {
            "--oci"
        } else {
            "--context"
        };
        let lock = std::fs::File::create(project.path(&format!("dist/.{place}.lock"))).unwrap();
        lock.lock().unwrap();
        let mut run = project
            .command(&format!("docker --no-build {flag} dist/{place}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(run.stderr.take().unwrap());
        said_until(
            &format!(
                "Blocking waiting for another run on `{}`\n",
                project.path("dist").join(place).display()
            ),
            &mut said,
        );
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
            let line = format!(
                "docker -q --no-build --out-dir {} --oci dist/{to}",
                tree.display()
            );
            project.xpkg_with(
                &[
                    (EPOCH.0, &(1_700_000_000 + epoch % 2).to_string()),
                    ("XPKG_FAULT", fault),
                ],
                &line,
            )
        };
        let seen = || {
            let files = project
                .files("dist")
                .into_iter()
                .filter(|file| file.starts_with("layout"));
            files
                .map(|file| {
                    (
                        file.clone(),
                        sha256(&std::fs::read(project.path("dist").join(file)).unwrap()),
                    )
                })
                .collect::<BTreeMap<_, _>>()
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
        let left: Vec<String> = project
            .files("dist")
            .into_iter()
            .filter(|file| file.starts_with('.'))
            .collect();
        assert!(left.is_empty() && seen() == faces[0], "{left:?}");
        std::fs::remove_dir_all(project.path("dist")).unwrap();
    }
}

#[test]
fn a_layout_that_repeats_itself_is_bounded() {
    let project = hello(X86_MUSL);
    let run = || project.xpkg("docker --no-build --base oci:base --oci layout");
    // Indexes of indexes of indexes, each 60 times: 13 million ways to one manifest.
    base(
        &project.path("base"),
        How::Plain,
        &["amd64"],
        &[&[("etc/x", b"")]],
    );
    let index: Value = project.json("base/index.json");
    let mut descriptor = index["manifests"][0].clone();
    for _ in 0..3 {
        let index = json!({ "schemaVersion": 2, "manifests": vec![descriptor; 60] }).to_string();
        let digest = sha256(index.as_bytes());
        project.write(&format!("base/blobs/sha256/{digest}"), &index);
        descriptor = json!({
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": format!("sha256:{digest}"), "size": index.len()
        });
    }
    let index = json!({ "schemaVersion": 2, "manifests": vec![descriptor; 60] });
    project.write("base/index.json", &index.to_string());
    let began = Instant::now();
    run().ok();
    assert!(began.elapsed() < Duration::from_secs(20));
    // One layer again and again.
    let layer: &[Line] = &[("etc/x", b"")];
    std::fs::remove_dir_all(project.path("base")).unwrap();
    base(&project.path("base"), How::Plain, &["amd64"], &[layer; 513]);
    check!(
        run(),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has 513 layers, and at most 512 are read

"#]]
    );
    // Different manifests, more than anybody has.
    base(&project.path("base"), How::Plain, &["amd64"], &[layer]);
    let index: Value = project.json("base/index.json");
    let manifest = |number: usize| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{number:064x}"), "size": 2
        })
    };
    let mut manifests: Vec<Value> = (0..4096).map(manifest).collect();
    manifests.push(index["manifests"][0].clone());
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    project.write("base/index.json", &index.to_string());
    check!(
        run(),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base` has more than 4096 manifests and indexes
  help: copy the image into a layout of its own: `skopeo copy --all oci:DIR:TAG oci:OTHER`

"#]]
    );
}

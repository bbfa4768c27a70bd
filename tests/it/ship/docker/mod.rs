//! `docker`: from a staged tree to a context, and from there to images by real builders (those in
//! `toolchain/image/engines.rs`).

mod bases;
mod buildkit;
mod compose;
mod source_build;

use std::os::unix::fs::MetadataExt as _;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, Run, X86_MUSL};
use crate::toolchain::image::engines::{Engine, on_each_engine};

const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";

#[test]
fn a_tree_becomes_a_context_by_links() {
    let project = Project::of("hello");
    let commit = project.commit();
    let document = project
        .xpkg(&format!(
            "docker -q --message-format json --target {BOTH} --context dist"
        ))
        .ok()
        .stdout;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["context"], serde_json::json!(project.path("dist")));
    let bin = &document["images"][0]["platforms"][1]["bins"][0];
    assert_eq!(bin["context"], "linux/arm64/hello/hello");
    assert_eq!(
        bin["sha256"],
        project.json("target/xpkg/manifest.json")["artifacts"][0]["sha256"]
    );
    assert_eq!(
        project.files("dist"),
        [
            ".dockerignore",
            ".xpkg-context.json",
            "docker-bake.json",
            "files/scratch/etc/group",
            "files/scratch/etc/passwd",
            "hello.Dockerfile",
            "linux/amd64/hello/hello",
            "linux/arm64/hello/hello"
        ]
    );
    check_text(
        &project
            .read("dist/hello.Dockerfile")
            .replace(&commit, "[COMMIT]"),
        str![[r##"
# hello: written by `cargo xpkg docker`. No RUN: nothing is emulated.
FROM scratch
ARG TARGETPLATFORM
COPY ["files/scratch/","/"]
COPY --chmod=0755 ["${TARGETPLATFORM}/hello/hello","/usr/local/bin/hello"]
LABEL org.opencontainers.image.revision="[COMMIT]"
LABEL org.opencontainers.image.title="hello"
LABEL org.opencontainers.image.version="0.1.0"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/hello"]

"##]],
    );
    let inode = |path: String| std::fs::metadata(project.path(&path)).unwrap().ino();
    assert_eq!(
        inode("dist/linux/arm64/hello/hello".to_owned()),
        inode(format!("target/xpkg/{ARM_MUSL}/hello/hello"))
    );
    let bake = project.json("dist/docker-bake.json");
    assert_eq!(
        bake["target"]["hello"]["platforms"],
        serde_json::json!(["linux/amd64", "linux/arm64"])
    );
    assert_eq!(
        bake["target"]["hello"]["labels"]["org.opencontainers.image.revision"],
        serde_json::json!(commit)
    );

    // Nothing to do: nothing is written.
    let before = inode("dist".to_owned());
    check!(
        project.xpkg(&format!("docker --no-build --target {BOTH} --context dist")),
        str![[r#"
exit 0
--- stdout
image  platforms                 bins                  base     size
hello  linux/amd64, linux/arm64  /usr/local/bin/hello  scratch [SIZE], [SIZE]
--- stderr
   Unchanged 1 image in [ROOT]/dist

"#]]
    );
    assert_eq!(inode("dist".to_owned()), before);
}

/// Compares a text with a snapshot.
pub fn check_text(text: &str, expected: snapbox::data::Inline) {
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text, snapbox::IntoData::raw(expected));
}

#[test]
fn what_is_wrong_with_an_image_is_told_before_the_build() {
    let project = Project::of("hello");
    let run = project.xpkg(&format!("docker --target {X86_MUSL} --base r.example/x:1"));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .starts_with("error[base-unfit]: the base `r.example/x:1` has no digest"),
        "{}",
        run.stderr
    );
    assert!(!project.path("target/xpkg").exists());
    // A workspace that is there and broken is not passed over, whatever `--from` names.
    project.write("Cargo.toml", "[package\n");
    let run = project.xpkg("docker --from nosuch");
    assert!(
        run.stderr.starts_with("error[workspace-unreadable]"),
        "{}",
        run.stderr
    );
}

#[test]
fn two_libcs_of_one_platform_are_a_choice_by_name() {
    let project = Project::of("hello");
    project
        .xpkg(&format!("build -q --target {HOST},{X86_MUSL}"))
        .ok();
    check!(
        project.xpkg("docker --no-build"),
        str![[r#"
exit 1
--- stderr
error[docker-choice]: the tree has several targets for linux/amd64, and the image `hello` takes one
  available: x86_64-unknown-linux-gnu
             x86_64-unknown-linux-musl
  help: select it: `cargo xpkg docker --target x86_64-unknown-linux-gnu`, or `targets = ["x86_64-unknown-linux-gnu", …]` in the image's configuration
error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` cannot start on `scratch`: it needs `/lib64/ld-linux-x86-64.so.2`
  help: use a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    check!(
        project.xpkg(&format!("docker --no-build --target {X86_MUSL}")),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base     size
hello  linux/amd64  /usr/local/bin/hello  scratch [SIZE]
--- stderr
       Wrote 1 image in [ROOT]/target/xpkg-docker

"#]]
    );
}

#[test]
fn a_bin_that_asks_for_glibc_does_not_stand_on_scratch() {
    let project = Project::of("hello").with("aarch64-linux-gnu-gcc");
    let digest = format!("sha256:{}", "ab".repeat(32));
    check!(
        project.xpkg(&format!("docker -q --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `aarch64-unknown-linux-gnu/hello/hello` cannot start on `scratch`: it needs `/lib/ld-linux-aarch64.so.1`
  help: use a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    check!(
        project.xpkg(&format!(
            "docker --no-build --target {ARM_GNU} --base r.example/cc@{digest}"
        )),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base                                                                                  size
hello  linux/arm64  /usr/local/bin/hello  r.example/cc@sha256:[SHA256] [SIZE]
--- stderr
      Noting cannot check that the base of `hello` has glibc 2.34, which `aarch64-unknown-linux-gnu/hello/hello` needs: set `base-glibc`
       Wrote 1 image in [ROOT]/target/xpkg-docker

"#]]
    );
    check!(
        project.xpkg(&format!(
            "docker --no-build --target {ARM_GNU} --base r.example/cc:1"
        )),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `r.example/cc:1` has no digest
  cause: its tag may point to another image later
  help: look up its digest and use that: `docker buildx imagetools inspect r.example/cc:1`, then `--base r.example/cc@sha256:…`

"#]]
    );
    check!(
        project.xpkg(&format!(
            "docker --no-build --target {ARM_GNU} --base 'r.example/CC'"
        )),
        str![[r#"
exit 1
--- stderr
error[image-invalid]: invalid image reference `r.example/CC`: invalid reference format
  help: write `registry/name:tag`, or `registry/name@sha256:…` with 64 hex digits

"#]]
    );
    project.write(
        "xpkg.toml",
        &format!(
            "[[docker]]\nname = \"hello\"\nbins = [\"hello\"]\nbase = \
                  \"r.example/cc@{digest}\"\nbase-glibc = \"2.17\"\n"
        ),
    );
    check!(
        project.xpkg(&format!("docker --no-build --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `aarch64-unknown-linux-gnu/hello/hello` needs glibc 2.34, and the base of `hello` has 2.17
  help: build it with a lower floor: `--target aarch64-unknown-linux-gnu.2.17`, use a newer base, or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
}

#[test]
fn an_image_is_what_its_table_says() {
    let project = Project::of("clash");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    project.write("conf/app.toml", "x = 1\n");
    project.write(
        "xpkg.toml",
        "[[docker]]\nname = \"one\"\nbins = [\"alpha/app\"]\nports = [8080, \"53/udp\"]\nuser = \"1000\"\nentrypoint = [\"/usr/local/bin/app\", \"--serve\"]\n\
         files = { \"conf/app.toml\" = \"/etc/app.toml\" }\nlabels = { \"a.b\" = \"c\" }\nca-certificates = true\n",
    );
    project.xpkg("docker --no-build --context dist").ok();
    check_text(
        &project.read("dist/one.Dockerfile"),
        str![[r##"
# one: written by `cargo xpkg docker`. No RUN: nothing is emulated.
FROM scratch
ARG TARGETPLATFORM
COPY ["files/scratch/","/"]
COPY ["files/ca-certificates.crt","/etc/ssl/certs/ca-certificates.crt"]
COPY ["files/one/0/app.toml","/etc/app.toml"]
COPY --chmod=0755 ["${TARGETPLATFORM}/alpha/app","/usr/local/bin/app"]
LABEL a.b="c"
LABEL org.opencontainers.image.title="one"
LABEL org.opencontainers.image.version="0.1.0"
EXPOSE 8080
EXPOSE 53/udp
USER 1000
ENTRYPOINT ["/usr/local/bin/app","--serve"]

"##]],
    );
    assert_eq!(project.read("dist/files/one/0/app.toml"), "x = 1\n");
    assert!(project.path("dist/files/ca-certificates.crt").is_file());
}

#[test]
fn what_is_not_xpkgs_in_a_context_stops_it() {
    let project = Project::of("hello");
    project
        .xpkg(&format!("docker -q --target {X86_MUSL} --context dist"))
        .ok();
    project.write("dist/hello.Dockerfile", "FROM mine\n");
    check!(
        project.xpkg(&format!(
            "docker --no-build --target {X86_MUSL} --context dist"
        )),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: files in `[ROOT]/dist` were changed since xpkg wrote them
  changed: hello.Dockerfile
  help: keep your own elsewhere (`docker build --file`), or write over them: `--force`

"#]]
    );
    assert_eq!(project.read("dist/hello.Dockerfile"), "FROM mine\n");
    project
        .xpkg(&format!(
            "docker -q --no-build --force --target {X86_MUSL} --context dist"
        ))
        .ok();
    assert!(
        project
            .read("dist/hello.Dockerfile")
            .contains("FROM scratch")
    );
    project.write("a-file", "mine\n");
    std::os::unix::fs::symlink("/nowhere", project.path("dangling")).unwrap();
    for context in ["a-file", "dangling"] {
        let run = project.xpkg(&format!(
            "docker --no-build --target {X86_MUSL} --context {context}"
        ));
        let expected = format!(
            "error[context-foreign]: `[ROOT]/{context}` is no directory, and a context is one\n"
        );
        assert!(run.text().contains(&expected), "{}", run.text());
    }
    project.write("dist/notes.txt", "mine\n");
    check!(
        project.xpkg(&format!(
            "docker --no-build --force --target {X86_MUSL} --context dist"
        )),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/dist` contains files that xpkg did not create
  untracked: notes.txt
  help: move it away, or choose another directory: `--context DIR`

"#]]
    );
    assert_eq!(project.read("dist/notes.txt"), "mine\n");
    project.write("other/notes.txt", "mine\n");
    check!(
        project.xpkg(&format!(
            "docker --no-build --target {X86_MUSL} --context other"
        )),
        str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/other` contains files that xpkg did not create
  untracked: notes.txt
  help: move it away, or choose another directory: `--context DIR`

"#]]
    );
    assert_eq!(project.files("other"), ["notes.txt"]);
}

#[test]
fn a_tree_that_changed_makes_no_context() {
    let project = Project::of("hello");
    check!(
        project.xpkg("docker --no-build"),
        str![[r#"
exit 1
--- stderr
error[no-tree]: there is no staged tree at `[ROOT]/target/xpkg`
  help: build it: `cargo xpkg build`, or leave out `--no-build`

"#]]
    );
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    let bin = project.path(&format!("target/xpkg/{X86_MUSL}/hello/hello"));
    let mut bytes = std::fs::read(&bin).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&bin, bytes).unwrap();
    let run = project.xpkg("docker --no-build");
    let heads = regex::Regex::new("[0-9a-f]{12}…").unwrap();
    check_text(
        &heads.replace_all(&run.text(), "[DIGEST]"),
        str![[r#"
exit 1
--- stderr
error[digest-mismatch]: `[ROOT]/target/xpkg` does not pass verification, so no image is made from it
  found: digest-mismatch: x86_64-unknown-linux-musl/hello/hello: digest [DIGEST], expected [DIGEST]
  help: see all findings: `cargo xpkg verify [ROOT]/target/xpkg`

"#]],
    );
    assert!(!project.path("target/xpkg-docker").exists());
}

#[test]
fn trees_of_other_machines_are_one_context() {
    let project = Project::of("hello").with("tar").with("gzip");
    for target in [X86_MUSL, ARM_MUSL] {
        project
            .xpkg(&format!("build -q --target {target} --out-dir {target}"))
            .ok();
    }
    project
        .shell(&format!("tar czf arm.tar.gz {ARM_MUSL}"))
        .ok();
    check!(
        project.xpkg(&format!(
            "docker --from {X86_MUSL} --from arm.tar.gz --context dist"
        )),
        str![[r#"
exit 0
--- stdout
image  platforms                 bins                  base     size
hello  linux/amd64, linux/arm64  /usr/local/bin/hello  scratch [SIZE], [SIZE]
--- stderr
       Wrote 1 image in [ROOT]/dist

"#]]
    );
    assert_eq!(
        project.files("dist/linux"),
        ["amd64/hello/hello", "arm64/hello/hello"]
    );
    check!(
        project.xpkg(&format!(
            "docker --from {X86_MUSL} --from nosuch --context dist"
        )),
        str![[r#"
exit 1
--- stderr
error[no-tree]: `[ROOT]/nosuch` (from `--from`) does not exist
  help: pass a staged tree, or a tar of one

"#]]
    );

    // Another file for the same bin.
    project.write("src/main.rs", "fn main() { println!(\"another\"); }\n");
    project
        .xpkg(&format!("build -q --target {ARM_MUSL} --out-dir other"))
        .ok();
    check!(
        project.xpkg("docker --from arm.tar.gz --from other --context dist"),
        str![[r#"
exit 1
--- stderr
error[docker-clash]: two trees have different files for `hello` of `hello` for `aarch64-unknown-linux-musl`
  help: leave out one of the trees

"#]]
    );

    // A tree that was damaged on its way.
    project
        .shell(&format!(
            "printf x >> {X86_MUSL}/{X86_MUSL}/hello/hello && tar cf bad.tar {X86_MUSL}"
        ))
        .ok();
    check!(
        project.xpkg("docker --from bad.tar --context dist"),
        str![[r#"
exit 1
--- stderr
error[digest-mismatch]: `[ROOT]/bad.tar` does not pass verification, so no image is made from it
  found: digest-mismatch: x86_64-unknown-linux-musl/x86_64-unknown-linux-musl/hello/hello: digest b02ed551de16…, 568377 bytes, expected dcc468474f98…, 568376 bytes
  help: see all findings: `cargo xpkg verify [ROOT]/bad.tar`

"#]]
    );

    // Outside of any workspace, too.
    let elsewhere = Project::empty();
    std::fs::copy(project.path("arm.tar.gz"), elsewhere.path("arm.tar.gz")).unwrap();
    elsewhere.xpkg("docker -q --from arm.tar.gz").ok();
    assert!(elsewhere.path("xpkg-docker/hello.Dockerfile").is_file());
}

/// Builds one platform of a context's image and starts it; the image goes.
fn built_and_started(
    engine: &Engine,
    context: &std::path::Path,
    options: &str,
    tag: &str,
) -> String {
    let _alone = engine.alone();
    engine.says(
        &format!(
            "build --quiet --tag {tag} --file hello.Dockerfile {options} {}",
            context.display()
        )
        .replace(
            "hello.Dockerfile",
            context.join("hello.Dockerfile").to_str().unwrap(),
        ),
    );
    let said = engine.says(&format!("run --rm --network none {tag}"));
    engine.says(&format!("rmi --force {tag}"));
    said
}

#[test]
fn what_is_written_is_built_by_real_builders() {
    on_each_engine(|engine| {
        let project = engine.with_engine(Project::of("hello"));
        let tag = format!("localhost/xpkg-tests-context-{}:1", std::process::id());
        // Docker's builder before BuildKit, which is what Debian has; podman takes either.
        for words in ["--old-builder --context old", "--context new"]
            .iter()
            .take(if engine.program == "podman" { 2 } else { 1 })
        {
            project
                .xpkg(&format!("docker -q --target {BOTH} {words}"))
                .ok();
            let context = project.path(words.rsplit(' ').next().unwrap());
            let said = built_and_started(
                engine,
                &context,
                "--build-arg TARGETPLATFORM=linux/amd64",
                &tag,
            );
            assert_eq!(said, "hello from x86_64 linux musl\n");
        }
    });
}

/// Runs `write(at, fault)` with a fault at each file operation, until a run has fewer: someone else
/// writes `file` then. It must be there after every run, and whoever met it must have said so.
fn nothing_of_others_is_lost(project: &Project, file: &str, write: impl Fn(usize, &str) -> Run) {
    let path = project.path(file);
    let mut refused = 0;
    for at in 1..400 {
        let run = write(at, &format!("add:{at}:{}", path.display()));
        if !path.exists() {
            assert_eq!(run.code, Some(0), "{at}: {}", run.stderr);
            assert!(refused > 5, "{refused} of {at}");
            return;
        }
        // The last operations come after the exchange: the next run will refuse it.
        if run.code != Some(0) {
            refused += 1;
            assert!(run.stderr.contains("-foreign]: "), "{at}: {}", run.stderr);
        }
        std::fs::remove_file(&path).unwrap();
    }
    panic!("no end of operations");
}

#[test]
fn a_file_of_someone_elses_that_comes_while_a_context_is_written_stays() {
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {BOTH}")).ok();
    let write = |at: usize, fault: &str| {
        let target = [X86_MUSL, BOTH][at % 2];
        let line = format!("docker -q --no-build --target {target} --context out/dist");
        project.xpkg_with(&[("XPKG_FAULT", fault)], &line)
    };
    write(0, "").ok();
    nothing_of_others_is_lost(&project, "out/dist/notes.txt", write);
}

#[test]
fn a_file_of_someone_elses_that_comes_while_a_layout_is_written_stays() {
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    let write = |at: usize, fault: &str| {
        let epoch = (1_700_000_000 + at % 2).to_string();
        let variables = [("XPKG_FAULT", fault), ("SOURCE_DATE_EPOCH", &epoch)];
        project.xpkg_with(&variables, "docker -q --no-build --oci out/layout")
    };
    write(0, "").ok();
    nothing_of_others_is_lost(&project, "out/layout/notes.txt", write);
}

#[test]
fn a_file_of_someone_elses_that_comes_while_a_tree_is_written_stays() {
    let project = Project::of("hello");
    let write = |at: usize, fault: &str| {
        let profile = ["dev", "release"][at % 2];
        project.xpkg_with(
            &[("XPKG_FAULT", fault)],
            &format!("build -q --profile {profile}"),
        )
    };
    write(0, "").ok();
    write(1, "").ok();
    nothing_of_others_is_lost(&project, "target/xpkg/notes.txt", write);
}

#[test]
fn a_context_is_the_old_or_the_new_whatever_fails() {
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {BOTH}")).ok();
    let write = |base: usize, fault: &str| {
        let target = if base == 0 { X86_MUSL } else { BOTH };
        project.xpkg_with(
            &[("XPKG_FAULT", fault)],
            &format!("docker -q --no-build --target {target} --context out/dist"),
        )
    };
    let seen = || -> Vec<(String, Vec<u8>)> {
        let files = project.files("out/dist").into_iter();
        files
            .map(|file| {
                (
                    file.clone(),
                    std::fs::read(project.path("out/dist").join(file)).unwrap(),
                )
            })
            .collect()
    };
    let faces = [0, 1].map(|which| {
        write(which, "").ok();
        seen()
    });
    assert!(faces[0] != faces[1]);
    let strike = |kind: &str, at: usize| {
        let run = write(at % 2, &format!("{kind}:{at}"));
        assert!(faces.contains(&seen()), "{kind} at {at}");
        run.code
    };
    // A run that ends well was not killed: it has fewer operations than that.
    let operations = (1..200).find(|at| strike("kill", *at) == Some(0)).unwrap() - 1;
    assert!(operations > 10);
    // What cannot be read of a cache is asked again.
    let failed = (1..=operations).filter(|at| strike("fail", *at) != Some(0));
    assert!(failed.count() > 10);
    write(0, "").ok();
    assert!(seen() == faces[0]);
    assert!(
        !project
            .files("out")
            .iter()
            .any(|file| file.starts_with(".dist.new-"))
    );
    // The same from another directory.
    let other = Project::of("hello");
    other
        .xpkg(&format!("docker -q --target {X86_MUSL} --context out/dist"))
        .ok();
    assert_eq!(
        project.read("out/dist/.xpkg-context.json"),
        other.read("out/dist/.xpkg-context.json")
    );
    // `clean` takes the one at its default place.
    other.xpkg(&format!("docker -q --target {X86_MUSL}")).ok();
    let said = other.xpkg("clean").ok().stderr;
    assert!(
        said.contains("Removed") && !other.path("target/xpkg-docker").exists(),
        "{said}"
    );
    assert!(other.path("out/dist").is_dir());
}

#[test]
fn a_tree_that_lost_its_modes_is_taken_and_gets_them_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::of("hello").with("tar").with("chmod");
    project
        .xpkg(&format!("build -q --target {X86_MUSL} --out-dir tree"))
        .ok();
    let bin = format!("tree/{X86_MUSL}/hello/hello");
    project
        .shell(&format!("chmod 0644 {bin} && tar cf tree.tar tree"))
        .ok();
    let mode = |path: &str| {
        let metadata = std::fs::metadata(project.path(path)).unwrap();
        metadata.permissions().mode() & 0o7777
    };
    for from in ["tree", "tree.tar"] {
        let old = ["", " --old-builder"];
        for flag in old {
            project
                .xpkg(&format!("docker -q --from {from} --context dist{flag}"))
                .ok();
            assert_eq!(mode("dist/linux/amd64/hello/hello"), 0o755, "{from}{flag}");
        }
        project
            .xpkg(&format!("docker -q --from {from} --oci layout"))
            .ok();
    }
    assert_eq!(mode(&bin), 0o644);
    // A special bit is no lost mode, and the gate for releases stays strict.
    assert_eq!(project.xpkg("verify tree").code, Some(1));
    project.shell(&format!("chmod 4644 {bin}")).ok();
    let run = project.xpkg("docker --from tree --context dist");
    assert!(run.stderr.contains("error[mode-unfit]"), "{}", run.stderr);
}

#[test]
fn a_cache_that_would_not_be_found_again_is_rejected_before_the_build() {
    let project = Project::of("hello");
    check!(
        project.xpkg("docker --cache-to gha,scope=all"),
        str![[r#"
exit 1
--- stderr
error[docker-cache]: `--cache-to gha,scope=all`: `scope` is set by xpkg, for each image and architecture
  help: leave it out: `--cache-to gha`

"#]]
    );
    check!(
        project.xpkg("docker --cache-to gha --cache-from local,src=cache"),
        str![[r#"
exit 1
--- stderr
error[docker-cache]: `--cache-from local,src=cache`: `cache` is in the context, which is compared with its record
  help: name a directory outside of it: `--cache-from local,src=../xpkg-docker-cache`

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
    let run = project.xpkg("docker --cache --cache-to gha");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = project.xpkg("docker --cache-to gha --oci layout");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

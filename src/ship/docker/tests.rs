//! Tests of the decision on images, as tables: a tree in short form, and the images made from it.

use crate::inspect;
use crate::inspect::binary::{Floor, Linkage};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::Config;
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::decide::decide;
use crate::ship::docker::image::{
    Base, DeclaredBase, Image, InstalledBin, PlatformImage, USER, VERSION,
};
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest, Platform, TargetRecord};

/// An image with every kind of setting.
pub fn chat() -> Image {
    let placed = |platform: &str| InstalledBin {
        tree: 0,
        staged: format!("{platform}/chat"),
        context: format!("{platform}/chat-server/chat"),
        place: "/usr/local/bin/chat".to_owned(),
        sha256: "ab".repeat(32),
        size: 1,
        needs: None,
    };
    let platform = |architecture: &str, variant: Option<&str>| {
        let platform = Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        };
        PlatformImage {
            bins: vec![placed(&platform.label())],
            platform,
        }
    };
    Image {
        name: "chat".to_owned(),
        base: Base::Scratch,
        said: DeclaredBase::default(),
        platforms: vec![platform("amd64", None), platform("arm", Some("v7"))],
        entrypoint: Some(vec!["/usr/local/bin/chat".to_owned()]),
        user: USER.to_owned(),
        ports: vec!["8080".to_owned()],
        files: [("conf/my app.toml".into(), "/etc/app.toml".to_owned())].into(),
        ca_certificates: true,
        tzdata: false,
        labels: [(
            "org.opencontainers.image.title".to_owned(),
            "chat \"$1\"".to_owned(),
        )]
        .into(),
        read_only: true,
        healthcheck: None,
    }
}

/// The same image with a version.
pub fn versioned(version: &str) -> Image {
    let mut image = chat();
    image.labels.insert(VERSION.to_owned(), version.to_owned());
    image
}

/// Parses a tree: `triple package/bin[=glibc]`, separated by commas.
fn tree(text: &str) -> Manifest {
    let mut records = Vec::new();
    let mut artifacts = Vec::new();
    for word in text.split(", ").filter(|word| !word.is_empty()) {
        let (triple, rest) = word.split_once(' ').unwrap();
        let (rest, glibc) = rest
            .split_once('=')
            .map_or((rest, None), |(rest, glibc)| (rest, Some(glibc)));
        let (package, bin) = rest.split_once('/').unwrap();
        let target = Target::of_triple(triple).unwrap();
        let mut bytes = vec![0_u8; 64];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        bytes[16..21].copy_from_slice(&[2, 0, 62, 0, 1]);
        bytes[52] = 64;
        let mut binary = inspect::inspect(&bytes).ok();
        if let (Some(binary), Some(glibc)) = (&mut binary, glibc) {
            binary.linkage = Linkage::Dynamic;
            binary.interpreter = Some("/lib64/ld-linux-x86-64.so.2".to_owned());
            binary.glibc_floor = Some(Floor {
                version: glibc.to_owned(),
                symbol: None,
            });
        }
        records.push(TargetRecord::expected(&target));
        artifacts.push(Artifact {
            path: format!("{triple}/{package}/{bin}"),
            target: triple.to_owned(),
            package: package.to_owned(),
            version: "1.2.3".to_owned(),
            bin: bin.to_owned(),
            kind: ArtifactKind::Bin,
            profile: "release".to_owned(),
            features: Vec::new(),
            built_by: triple.to_owned(),
            size: 1,
            mode: "0755".to_owned(),
            sha256: format!("{triple}{package}{bin}"),
            binary,
            waivers: Vec::new(),
        });
    }
    Manifest::new(records, artifacts)
}

fn check(trees: &[&str], config: &str, targets: &str, expected: &str) {
    let trees: Vec<Manifest> = trees.iter().map(|text| tree(text)).collect();
    assert_eq!(
        found(
            &trees,
            config,
            ImageOptions {
                narrowed: !targets.is_empty(),
                ..options(targets)
            }
        ),
        expected
    );
}

fn options(targets: &str) -> ImageOptions {
    let targets = targets
        .split(',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    ImageOptions {
        targets,
        root: "/w".into(),
        ..ImageOptions::default()
    }
}

fn found(trees: &[Manifest], config: &str, options: ImageOptions) -> String {
    let config: Config = toml::from_str(config).unwrap();
    match decide(trees, &config.docker, &options) {
        Ok((images, notes)) => {
            let image = |image: &Image| {
                let platforms = image.platforms.iter().map(|platform| {
                    let bins: Vec<&str> = platform
                        .bins
                        .iter()
                        .map(|bin| bin.context.as_str())
                        .collect();
                    bins.join(" ")
                });
                format!(
                    "{} [{}] {:?}",
                    image.name,
                    platforms.collect::<Vec<_>>().join(" | "),
                    image.entrypoint.clone().unwrap_or_default()
                )
            };
            images
                .iter()
                .map(image)
                .chain(notes)
                .collect::<Vec<_>>()
                .join("; ")
        }
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{}: {}", problem.code.name(), problem.message))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

const TWO: &str = "x86_64-unknown-linux-musl chat/chat, aarch64-unknown-linux-musl chat/chat";

#[test]
fn without_a_word_each_package_is_an_image() {
    check(
        &[TWO],
        "",
        "",
        "chat [linux/amd64/chat/chat | linux/arm64/chat/chat] [\"/usr/local/bin/chat\"]",
    );
    check(
        &["x86_64-unknown-linux-musl bots/bot, x86_64-unknown-linux-musl bots/index"],
        "",
        "",
        "bots [linux/amd64/bots/bot linux/amd64/bots/index] []; the image `bots` has 2 bins and \
         none with its name, so it has no entrypoint: select a bin by `docker run … NAME`",
    );
}

#[test]
fn a_library_is_in_no_image() {
    let mut tree =
        tree("x86_64-unknown-linux-musl chat/server, x86_64-unknown-linux-musl chat/part");
    tree.artifacts[0].kind = ArtifactKind::Cdylib;
    let (images, notes) = decide(&[tree], &[], &options("")).unwrap();
    let bins = images[0].platforms[0].bins.iter();
    let bins: Vec<&str> = bins.map(|bin| bin.context.as_str()).collect();
    assert_eq!(bins, ["linux/amd64/chat/server"]);
    let note = "`x86_64-unknown-linux-musl/chat/part` is a library, and in no image";
    assert!(notes.contains(&note.to_owned()), "{notes:?}");
}

#[test]
fn one_target_for_a_platform_is_named() {
    let both = "x86_64-unknown-linux-musl a/a, x86_64-unknown-linux-gnu a/a=2.34";
    check(
        &[both],
        "",
        "",
        "docker-choice: the tree has several targets for linux/amd64, and the image `a` takes \
         one; base-unfit: `x86_64-unknown-linux-gnu/a/a` cannot start on `scratch`: it needs \
         `/lib64/ld-linux-x86-64.so.2`",
    );
    check(
        &[both],
        "",
        "x86_64-unknown-linux-musl",
        "a [linux/amd64/a/a] [\"/usr/local/bin/a\"]",
    );
}

#[test]
fn what_an_image_wants_must_be_there_for_each_platform() {
    let one = "x86_64-unknown-linux-musl a/a, aarch64-unknown-linux-musl a/a, \
               x86_64-unknown-linux-musl b/b";
    check(
        &[one],
        "[[docker]]\nname = 'x'\nbins = ['a', 'b']",
        "",
        "docker-invalid: the image `x` has no bin `b` for linux/arm64",
    );
    let expected = "docker-invalid: the image `x` needs the bin `c`, and the tree has none; \
                    docker-invalid: the image `x` has no bin `b` for linux/arm64";
    check(
        &[one],
        "[[docker]]\nname = 'x'\nbins = ['c', 'a', 'b']",
        "",
        expected,
    );
    check(
        &[one],
        "[[docker]]\nname = 'x'\nbins = ['c']",
        "",
        "docker-invalid: the image `x` needs the bin `c`, and the tree has none",
    );
    check(
        &[one],
        "[[docker]]\nname = 'X/y'\nbins = ['a']",
        "",
        "image-invalid: `X/y` is not a valid image name",
    );
    check(
        &[one],
        "[[docker]]\nname = 'a'",
        "",
        "a [linux/amd64/a/a | linux/arm64/a/a] [\"/usr/local/bin/a\"]",
    );
    check(
        &[one],
        "[[docker]]\nname = 'x'",
        "",
        "docker-invalid: the image `x` has no `bins`, and no package has its name",
    );
    let twins = "x86_64-unknown-linux-musl a/x, x86_64-unknown-linux-musl b/x";
    check(
        &[twins],
        "[[docker]]\nname = 'x'\nbins = ['x']",
        "",
        "docker-invalid: the image `x` needs the bin `x`, and 2 packages have one",
    );
    check(
        &[twins],
        "[[docker]]\nname = 'x'\nbins = ['a/x', 'b/x']",
        "",
        "docker-clash: the image `x` has two bins at `/usr/local/bin/x`",
    );
}

#[test]
fn two_images_of_one_platform_have_their_own_bins() {
    let both = "x86_64-unknown-linux-musl a/a, x86_64-unknown-linux-gnu a/a=2.34, \
                x86_64-unknown-linux-musl b/b, aarch64-unknown-linux-musl a/a";
    let table =
        |name: &str, more: &str| format!("[[docker]]\nname = '{name}'\nbins = ['a']\n{more}\n");
    let digest = format!(
        "base = 'r.example/x@sha256:{}'\nbase-glibc = '2.36'",
        "ab".repeat(32)
    );
    let gnu = table(
        "gnu",
        &format!("targets = ['x86_64-unknown-linux-gnu']\n{digest}"),
    );
    let musl = table(
        "musl",
        "targets = ['x86_64-unknown-linux-musl', 'aarch64-unknown-linux-musl']",
    );
    let other = "[[docker]]\nname = 'b'\nbins = ['b']\n";
    check(
        &[both],
        &(gnu + &musl + other),
        "",
        "gnu [linux/amd64/@gnu/a/a] [\"/usr/local/bin/a\"]; musl [linux/amd64/@musl/a/a | \
         linux/arm64/@musl/a/a] [\"/usr/local/bin/a\"]; b [linux/amd64/b/b] [\"/usr/local/bin/b\"]",
    );
}

#[test]
fn a_target_that_was_named_has_a_bin() {
    let one = "x86_64-unknown-linux-musl a/a";
    let missing =
        "docker-invalid: the tree has no bin for the requested target `aarch64-unknown-linux-musl`";
    check(
        &[one],
        "",
        "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl",
        missing,
    );
    let table = "[[docker]]\nname = 'a'\ntargets = ['x86_64-unknown-linux-musl', \
                 'aarch64-unknown-linux-musl']";
    check(
        &[one],
        table,
        "",
        "docker-invalid: the image `a` has no bin for the requested target \
         `aarch64-unknown-linux-musl`",
    );
    // A run with `--target` makes the requested part of a table.
    check(
        &[TWO],
        &table.replace("'a'", "'chat'"),
        "x86_64-unknown-linux-musl",
        "chat [linux/amd64/chat/chat] [\"/usr/local/bin/chat\"]",
    );
    let other = "[[docker]]\nname = 'a'\n[[docker]]\nname = 'b'\nbins = ['a']\ntargets = \
                 ['riscv64gc-unknown-linux-musl']";
    check(
        &[one],
        other,
        "x86_64-unknown-linux-musl",
        "a [linux/amd64/a/a] [\"/usr/local/bin/a\"]; the image `b` is skipped: it has none of \
         the requested targets and bins",
    );
}

#[test]
fn of_a_tree_counts_what_was_just_built() {
    let trees = [tree(
        "x86_64-unknown-linux-musl a/a, x86_64-unknown-linux-musl b/b, x86_64-unknown-linux-gnu \
         a/a=2.34",
    )];
    let built = |bins: &[&str], some: bool| ImageOptions {
        bins: Some(
            bins.iter()
                .map(|bin| ((*bin).to_owned(), (*bin).to_owned()))
                .collect(),
        ),
        some,
        ..options("x86_64-unknown-linux-musl")
    };
    assert_eq!(
        found(&trees, "", built(&["a"], true)),
        "a [linux/amd64/a/a] [\"/usr/local/bin/a\"]"
    );
    let tables = "[[docker]]\nname = 'a'\n[[docker]]\nname = 'x'\nbins = ['b']\n";
    assert_eq!(
        found(&trees, tables, built(&["a"], true)),
        "a [linux/amd64/a/a] [\"/usr/local/bin/a\"]; the image `x` is skipped: it has none of \
         the requested targets and bins"
    );
    // Nothing was selected, so a bin of a table that no member has is a mistake.
    assert_eq!(
        found(&trees, tables, built(&["a"], false)),
        "docker-invalid: the image `x` needs the bin `b`, and the tree has none"
    );
}

#[test]
fn a_layout_that_names_the_target_in_a_file_is_no_name_in_an_image() {
    let mut trees = [tree(TWO)];
    for artifact in &mut trees[0].artifacts {
        artifact.path = format!("chat/chat-{}", artifact.target);
    }
    let expected = "chat [linux/amd64/chat/chat | linux/arm64/chat/chat] [\"/usr/local/bin/chat\"]";
    assert_eq!(found(&trees, "", ImageOptions::default()), expected);
    // Alone, too; and a name that the package gives its bin stays.
    let mut one = [tree("x86_64-unknown-linux-musl chat/chat")];
    one[0].artifacts[0].path = "chat-x86_64".to_owned();
    assert_eq!(
        found(&one, "", ImageOptions::default()),
        "chat [linux/amd64/chat/chat] [\"/usr/local/bin/chat\"]"
    );
    one[0].artifacts[0].path = "x/served".to_owned();
    assert_eq!(
        found(&one, "", ImageOptions::default()),
        "chat [linux/amd64/chat/served] [\"/usr/local/bin/served\"]"
    );
}

#[test]
fn a_base_has_what_a_bin_needs() {
    let bin = "x86_64-unknown-linux-gnu a/a=2.34";
    let digest = format!("sha256:{}", "ab".repeat(32));
    let table = |base: &str, glibc: &str| {
        format!("[[docker]]\nname = 'a'\nbins = ['a']\nbase = '{base}'\nbase-glibc = '{glibc}'")
    };
    check(
        &[bin],
        &table(&format!("r.example/x@{digest}"), "2.36"),
        "",
        "a [linux/amd64/a/a] [\"/usr/local/bin/a\"]",
    );
    check(
        &[bin],
        &table(&format!("r.example/x@{digest}"), "2.31"),
        "",
        "base-unfit: `x86_64-unknown-linux-gnu/a/a` needs glibc 2.34, and the base of `a` has 2.31",
    );
    check(
        &[bin],
        &table("r.example/x:1", "2.36"),
        "",
        "base-unfit: the base `r.example/x:1` has no digest",
    );
}

#[test]
fn trees_of_several_machines_are_one() {
    let (amd, arm) = TWO.split_once(", ").unwrap();
    check(
        &[amd, arm],
        "",
        "",
        "chat [linux/amd64/chat/chat | linux/arm64/chat/chat] [\"/usr/local/bin/chat\"]",
    );
    check(
        &[amd, amd],
        "",
        "",
        "chat [linux/amd64/chat/chat] [\"/usr/local/bin/chat\"]",
    );
}

#[test]
fn a_version_becomes_a_tag() {
    let check =
        |version: &str, expected: &str| assert_eq!(versioned(version).tag(), expected, "{version}");
    check("1.2.3", "1.2.3");
    check("1.2.3-rc.1", "1.2.3-rc.1");
    check("1.2.3+build.5", "1.2.3-build.5");
    check("1.0.0-a.-b--c_d", "1.0.0-a.b-c-d");
    check("..v1/é ", "v1");
    check("", "latest");
    check("+", "latest");
    check(&"1.".repeat(100), &"1.".repeat(64)[..127]);
    assert_eq!(chat().tag(), "latest");
}

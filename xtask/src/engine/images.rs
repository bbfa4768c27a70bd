//! The images that the tests run, made of Debian's packages and kept by the registry that `engine
//! up` starts.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::state::{file, podman, write};
use crate::command::{ask, step};
use crate::debian::{self, KEYRING};

pub const REGISTRY: &str = "127.0.0.1:5055";

/// Every file is from then: the same packages make the same digest.
const EPOCH: &str = "1700000000";

struct Image {
    name: &'static str,
    arch: &'static str,
    /// `rootfs.tar`: suite, packages (unpacked, not configured), and what is left to do by hand in
    /// the new root.
    debian: Option<(&'static str, &'static str, &'static str)>,
    /// One `FROM` another image stands after that.
    containerfile: &'static str,
}

const IMAGES: &[Image] = &[
    Image {
        name: "gcc12:1",
        arch: "amd64",
        debian: Some((
            "bookworm",
            "base-files,dash,coreutils,gcc,libc6-dev,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross,libasound2-dev,pkg-config,protobuf-compiler",
            "ln -s gcc usr/bin/cc; chmod 1777 tmp",
        )),
        containerfile: CROSS,
    },
    // The same under another digest: a tag can be moved.
    Image {
        name: "gcc12:2",
        arch: "amd64",
        debian: None,
        containerfile: "FROM 127.0.0.1:5055/xpkg/gcc12:1\nLABEL xpkg.moved=yes\n",
    },
    // Has GCC bug 95189, native and across.
    Image {
        name: "gcc9:1",
        arch: "amd64",
        debian: Some((
            "bullseye",
            "base-files,dash,coreutils,gcc-9,libc6-dev,gcc-9-aarch64-linux-gnu,libc6-dev-arm64-cross",
            "cd usr/bin; ln -s gcc-9 gcc; ln -s gcc cc; ln -s aarch64-linux-gnu-gcc-9 \
             aarch64-linux-gnu-gcc; chmod 1777 ../../tmp",
        )),
        containerfile: CROSS,
    },
    Image {
        name: "bare:1",
        arch: "amd64",
        debian: BARE,
        containerfile: PLAIN,
    },
    Image {
        name: "foreign:1",
        arch: "arm64",
        debian: BARE,
        containerfile: PLAIN,
    },
    // Under the name of one of its commands busybox is that command only.
    Image {
        name: "shell-less:1",
        arch: "amd64",
        debian: None,
        containerfile: "FROM 127.0.0.1:5055/xpkg/bare:1 AS bare\nFROM scratch\nCOPY --from=bare \
                        /bin/busybox /true\n",
    },
];

/// The variables are those of cross's images.
const CROSS: &str = "FROM scratch\nADD rootfs.tar /\n\
    ENV CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc\n";
const PLAIN: &str = "FROM scratch\nADD rootfs.tar /\n";
const BARE: Option<(&str, &str, &str)> = Some((
    "bookworm",
    "base-files,busybox-static",
    "for command in sh cat env false ls sleep true; do ln -s busybox bin/$command; done; chmod \
     1777 tmp",
));

/// Makes what the registry does not have.
pub fn make() -> Result<(), String> {
    IMAGES
        .iter()
        .try_for_each(|image| one(image).map_err(|problem| format!("{}: {problem}", image.name)))
}

/// What the registry has: reference and digest.
pub fn digests() -> BTreeMap<String, String> {
    IMAGES
        .iter()
        .filter_map(|image| Some((reference(image.name), digest(image.name)?)))
        .collect()
}

pub fn reference(name: &str) -> String {
    format!("{REGISTRY}/xpkg/{name}")
}

/// The registry keeps each image under its recipe, too: one whose recipe is there is not made
/// again.
fn one(image: &Image) -> Result<(), String> {
    let base = IMAGES.iter().find(|base| {
        image
            .containerfile
            .starts_with(&format!("FROM {}", reference(base.name)))
    });
    let mut recipe = DefaultHasher::new();
    for part in [Some(image), base].into_iter().flatten() {
        (unpacking(part), build(part), part.containerfile).hash(&mut recipe);
    }
    let (name, _) = image.name.split_once(':').unwrap_or((image.name, ""));
    let kept = format!("{name}:recipe-{:016x}", recipe.finish());
    if digest(&kept).is_some_and(|kept| digest(image.name) == Some(kept)) {
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(file("work"));
    write("work/Containerfile", image.containerfile)?;
    if let (Some((suite, packages, _)), Some(arguments)) = (image.debian, unpacking(image)) {
        step(&format!(
            "{}: unpacking {packages} of {suite}, {}",
            image.name, image.arch
        ));
        let archive = debian::archive().ok_or("no Debian archive is configured here")?;
        let source = format!("deb [signed-by={KEYRING}] {archive} {suite} main");
        ask(Command::new("mmdebstrap")
            .args(arguments)
            .args([suite, &file("work/rootfs.tar"), &source])
            .env("SOURCE_DATE_EPOCH", EPOCH))?;
    }
    step(&format!("{}: building and pushing", image.name));
    let local = reference(image.name);
    ask(podman()
        .args(build(image))
        .args(["--tag", &local, &file("work")]))?;
    for to in [&local, &reference(&kept)] {
        ask(podman().args(["push", "--quiet", &local, to]))?;
    }
    // What is run then is pulled.
    ask(podman().args(["rmi", "--force", &local]))?;
    std::fs::remove_dir_all(file("work")).map_err(|error| error.to_string())
}

fn unpacking(image: &Image) -> Option<[String; 5]> {
    let (_, packages, by_hand) = image.debian?;
    Some([
        "--quiet".to_owned(),
        "--variant=extract".to_owned(),
        format!("--architectures={}", image.arch),
        format!("--include={packages}"),
        format!("--extract-hook=set -e; cd \"$1\"; {by_hand}"),
    ])
}

fn build(image: &Image) -> [&str; 7] {
    [
        "build",
        "--quiet",
        "--pull-always",
        "--timestamp",
        EPOCH,
        "--arch",
        image.arch,
    ]
}

fn digest(name: &str) -> Option<String> {
    let head = http(&format!("/v2/xpkg/{}", name.replace(':', "/manifests/")))?;
    head.lines()
        .find_map(|line| line.strip_prefix("Docker-Content-Digest: "))
        .map(|digest| digest.trim().to_owned())
}

/// The head of the registry's answer, where it has what is asked for.
pub fn http(path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(REGISTRY).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let accept = "application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.docker.distribution.manifest.v2+json";
    write!(
        stream,
        "HEAD {path} HTTP/1.0\r\nHost: {REGISTRY}\r\nAccept: {accept}\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next()?.contains(" 200 ").then_some(answer)
}

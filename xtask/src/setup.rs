//! What the tests need of a machine. Idempotent; quiet when all is there.

use std::io::stderr;
use std::path::Path;
use std::process::Command;

use crate::command::{Go as _, cargo, root};
use crate::{compilers, npm, pypi};

/// A file or a program on PATH that shows the Debian package is there.
const PACKAGES: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("git", "git"),
    ("readelf", "binutils"),
    ("busybox", "busybox"),
    ("clang", "clang"),
    ("ld.lld", "lld"),
    // Reads PE, Mach-O and WebAssembly for the tests of what xpkg reads of them.
    ("llvm-readobj", "llvm"),
    ("x86_64-linux-musl-gcc", "musl-tools"),
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    (
        "/usr/aarch64-linux-gnu/lib/libc.so",
        "libc6-dev-arm64-cross",
    ),
    ("qemu-aarch64-static", "qemu-user-static"),
    // Other levels of processors, and what they do to a program.
    ("arm-linux-gnueabi-gcc", "gcc-arm-linux-gnueabi"),
    (
        "/usr/arm-linux-gnueabi/lib/libc.so",
        "libc6-dev-armel-cross",
    ),
    ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
    (
        "/usr/arm-linux-gnueabihf/lib/libc.so",
        "libc6-dev-armhf-cross",
    ),
    ("i686-linux-gnu-gcc", "gcc-i686-linux-gnu"),
    ("/usr/i686-linux-gnu/lib/libc.so", "libc6-dev-i386-cross"),
    ("powerpc64-linux-gnu-gcc", "gcc-powerpc64-linux-gnu"),
    (
        "/usr/powerpc64-linux-gnu/lib/libc.so",
        "libc6-dev-ppc64-cross",
    ),
    ("powerpc64le-linux-gnu-gcc", "gcc-powerpc64le-linux-gnu"),
    (
        "/usr/powerpc64le-linux-gnu/lib/libc.so",
        "libc6-dev-ppc64el-cross",
    ),
    ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
    (
        "/usr/riscv64-linux-gnu/lib/libc.so",
        "libc6-dev-riscv64-cross",
    ),
    // Windows.
    ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
    ("x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
    ("g++", "g++"),
    ("make", "make"),
    // perl-base is not enough to build OpenSSL.
    ("splain", "perl"),
    ("cmake", "cmake"),
    ("protoc", "protobuf-compiler"),
    // Reads image layouts as registries do, and copies them.
    ("skopeo", "skopeo"),
    // Completions and man pages are tried in what reads them.
    ("fish", "fish"),
    ("zsh", "zsh"),
    // Shells that `/bin/sh` may be, for install.sh.
    ("dash", "dash"),
    ("mksh", "mksh"),
    ("ksh93", "ksh93u+m"),
    ("yash", "yash"),
    ("shellcheck", "shellcheck"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("man", "man-db"),
    ("mandoc", "mandoc"),
    // Fences programs off.
    ("bwrap", "bubblewrap"),
    ("script", "bsdutils"),
    // Trees and archives of the tests.
    ("zstd", "zstd"),
    ("xz", "xz-utils"),
    ("bzip2", "bzip2"),
    ("zip", "zip"),
    ("unzip", "unzip"),
    // The store that builds share compiled code through.
    ("redis-server", "redis-server"),
    // Runs the lines of `matrix`.
    ("parallel", "parallel"),
    // Signs releases.
    ("minisign", "minisign"),
    // Says where two files differ.
    ("diffoscope", "diffoscope-minimal"),
    // Reads packages of Debian as their maintainers do.
    ("lintian", "lintian"),
    // Makes archives as on BSD.
    ("llvm-ar-14", "llvm-14"),
    // C for WASI, beside the host's headers.
    ("/usr/include/wasm32-wasi/stdio.h", "wasi-libc"),
    // Runs pipelines of GitLab, and what wasm-bindgen writes.
    ("node", "nodejs"),
    ("npm", "npm"),
    ("rsync", "rsync"),
    // Brings zig and a grammar of PowerShell.
    ("pip3", "python3-pip"),
    // The schemas of OCI's image specification.
    (
        "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema/config-schema.json",
        "golang-github-opencontainers-image-spec-dev",
    ),
];

const TARGETS: &[&str] = &[
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-gnullvm",
    "x86_64-pc-windows-msvc",
    "wasm32-unknown-unknown",
    "wasm32-wasip1",
    "wasm32-wasip1-threads",
    "wasm32-wasip2",
];

pub fn run() -> Result<(), String> {
    packages(PACKAGES)?;
    targets(TARGETS)?;
    // What is only read, never compiled (serde-sarif, for SARIF's schema), no build brings.
    cargo(&["fetch", "--locked"]).go()?;
    // Nor what the fixtures stand on: which test is the first to bring it would hear cargo say so.
    let fixtures =
        std::fs::read_dir(root().join("fixtures")).map_err(|error| format!("fixtures: {error}"))?;
    for manifest in fixtures
        .flatten()
        .map(|fixture| fixture.path().join("Cargo.toml"))
        .filter(|manifest| manifest.exists())
    {
        cargo(&["fetch", "--locked", "--quiet", "--manifest-path"])
            .arg(manifest)
            .go()?;
    }
    for beside in [compilers::run(), pypi::run(), npm::run()] {
        if let Err(problem) = beside {
            eprintln!("xtask: {problem}");
        }
    }
    Ok(())
}

pub fn packages(wanted: &[(&str, &str)]) -> Result<(), String> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(shows, _)| !there(shows))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    if !(there("apt-get") && is_root()) {
        return Err(format!("more is needed than is here; as root, run: {line}"));
    }
    // Talk; what a task says on stdout is data.
    Command::new("apt-get")
        .args(["update", "--quiet"])
        .stdout(stderr())
        .go()?;
    Command::new("apt-get")
        .args(line.split(' ').skip(1))
        .stdout(stderr())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .go()
}

pub fn targets(wanted: &[&str]) -> Result<(), String> {
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()
        .map_err(|error| format!("rustup: {error}"))?;
    let installed = String::from_utf8_lossy(&installed.stdout).into_owned();
    let missing: Vec<&&str> = wanted
        .iter()
        .filter(|target| !installed.lines().any(|line| line == **target))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Command::new("rustup")
            .args(["target", "add"])
            .args(missing)
            .go()
    }
}

fn there(shows: &str) -> bool {
    if shows.starts_with('/') {
        return Path::new(shows).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(shows).is_file())
}

pub fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

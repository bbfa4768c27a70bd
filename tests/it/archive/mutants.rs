//! Programs, archives, manifests, lists, configuration and messages with bytes changed at random: whatever comes out, xpkg says
//! something of it, in bounded time.
//!
//! A test run takes a few thousand with a fixed seed. `cargo xtask fuzz` goes on for
//! XPKG_FUZZ_SECONDS from XPKG_FUZZ_SEED on, and leaves an input that fails in target/fuzz.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cargo_xpkg::archive::entry::EntryKind;
use cargo_xpkg::archive::limits::Limits;
use cargo_xpkg::archive::look::read;
use cargo_xpkg::build::look::reports;
use cargo_xpkg::host::machine::Host;
use cargo_xpkg::host::shell::Shell;
use cargo_xpkg::inspect::{comments, inspect};
use cargo_xpkg::project::config::Config;
use cargo_xpkg::project::config::parse::{ConfigFile, ConfigFiles};
use cargo_xpkg::project::cross_toml;
use cargo_xpkg::project::cross_toml::source::CrossSources;
use cargo_xpkg::ship::oci::documents;
use cargo_xpkg::toolchain::image::lockfile::Lockfile;
use cargo_xpkg::tree::manifest::Manifest;
use cargo_xpkg::verify::listing;
use cargo_xpkg::verify::listing::lines::PGP_MESSAGE;

use crate::archive::read::{made, small};
use crate::support::{repository, tool};

/// Mutants of a plain test run.
const CASES: u64 = 6000;
/// One mutant may take so long, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound.max(1)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Changes a few bytes, more often near the start, where headers are.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        if bytes.is_empty() {
            return;
        }
        let reach = if random.below(2) == 0 {
            bytes.len()
        } else {
            bytes.len().min(512)
        };
        let at = random.below(reach);
        match random.below(9) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = random.one(&[0, 1, 0x7f, 0x80, 0xff]),
            // Numbers that overflow, and such as lie just inside or outside of the file.
            3..=5 => {
                let length = bytes.len() as u64;
                let near = length
                    .wrapping_add(random.below(32) as u64)
                    .wrapping_sub(16);
                let number = random.one(&[
                    0,
                    1,
                    u64::MAX,
                    u64::MAX - 1,
                    i64::MAX as u64,
                    1 << 31,
                    u64::from(u32::MAX),
                    length,
                    near,
                    random.0 % length,
                ]);
                let width = random.one(&[2, 4, 8]).min(bytes.len() - at);
                let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
                bytes[at..at + width].copy_from_slice(if random.below(4) > 0 {
                    &little[..width]
                } else {
                    &big[8 - width..]
                });
            }
            6 => bytes.truncate(at),
            7 => {
                let end = at + random.below(64).min(bytes.len() - at);
                bytes.drain(at..end);
            }
            _ => {
                let end = at + random.below(64).min(bytes.len() - at);
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
}

/// Puts right the checksums of headers in a tar, so that what they say is read.
fn mend(tar: &mut [u8]) {
    for block in tar
        .chunks_exact_mut(512)
        .filter(|block| block[257..262] == *b"ustar")
    {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// A PE of two DLLs.
fn pe() -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(0, b"MZ");
    put(0x3c, &[0x80]);
    put(0x80, b"PE\0\0\x64\x86\x01\0");
    put(0x94, &[240, 0, 0x22, 0]);
    // The optional header of 64 bits: alignments, and the import directory at 0x1000.
    put(0x98, &[0x0b, 0x02]);
    put(0x98 + 24, &0x1_4000_0000_u64.to_le_bytes());
    put(0x98 + 32, &[0, 0x10, 0, 0, 0, 2, 0, 0]);
    put(0x98 + 108, &[16]);
    put(0x98 + 120, &[0, 0x10, 0, 0, 60]);
    put(0x188, b".idata\0\0\0\x02\0\0\0\x10\0\0\0\x02\0\0\0\x02\0\0");
    put(0x200 + 12, &[0x80, 0x10]);
    put(0x200 + 20 + 12, &[0x90, 0x10]);
    put(0x280, b"KERNEL32.dll");
    put(0x290, b"bcrypt.dll");
    bytes
}

/// A Mach-O with a library and an rpath.
fn macho() -> Vec<u8> {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let segment = [
        words(&[0x19, 72]),
        b"__TEXT\0\0\0\0\0\0\0\0\0\0".to_vec(),
        vec![0; 48],
    ]
    .concat();
    let library = [
        words(&[0xc, 56, 24, 0, 0, 0]),
        b"/usr/lib/libSystem.B.dylib\0\0\0\0\0\0".to_vec(),
    ]
    .concat();
    let rpath = [
        words(&[0x8000_001c, 32, 12]),
        b"@loader_path/lib\0\0\0\0".to_vec(),
    ]
    .concat();
    let main = words(&[0x8000_0028, 24, 0, 0, 0, 0]);
    let symbols = words(&[2, 24, 32, 1, 64, 16]);
    let commands = [segment, library, rpath, main, symbols].concat();
    [
        words(&[
            0xfeed_facf,
            0x0100_000c,
            0,
            2,
            5,
            commands.len() as u32,
            0x0020_0085,
            0,
        ]),
        commands,
    ]
    .concat()
}

/// A universal file of one slice, with a code signature.
fn universal() -> Vec<u8> {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_be_bytes()).collect() };
    let mut slice = macho();
    // One more load command, LC_CODE_SIGNATURE, for a signature of no pages.
    let commands = u32::from_le_bytes(slice[20..24].try_into().unwrap());
    slice[16] += 1;
    slice[20..24].copy_from_slice(&(commands + 16).to_le_bytes());
    let (end, size) = (slice.len() as u32 + 16, 20 + 44);
    slice.extend([0x1d, 16, end, size].iter().flat_map(|it| it.to_le_bytes()));
    slice.extend(words(&[0xfade_0cc0, size, 1, 0, 20]));
    slice.extend(words(&[0xfade_0c02, 44, 0x20100, 2, 44, 0, 0, 0, 0]));
    slice.extend([32, 2, 0, 12, 0, 0, 0, 0]);
    let table = words(&[0xcafe_babe, 1, 0x0100_000c, 0, 28, slice.len() as u32, 0]);
    [table, slice].concat()
}

/// A small program of this machine, with glibc's versions, a build-id and a section of comments.
pub fn elf(flags: &[&str]) -> Vec<u8> {
    let temp = tempfile::tempdir().unwrap();
    let (source, out) = (temp.path().join("a.c"), temp.path().join("a"));
    std::fs::write(
        &source,
        "#include <stdio.h>\nint main(void) { return puts(\"x\"); }\n",
    )
    .unwrap();
    let mut command = std::process::Command::new(tool("cc"));
    assert!(
        command
            .arg(&source)
            .arg("-o")
            .arg(&out)
            .args(flags)
            .status()
            .unwrap()
            .success()
    );
    std::fs::read(out).unwrap()
}

const MANIFEST: &str = r#"{"$schema": "urn:cargo-xpkg:manifest:1", "schema_version": 1, "tool": {"name": "cargo-xpkg", "version": "0.1.0"},
"targets": [], "artifacts": [{"path": "t/p/b", "target": "t", "package": "p", "version": "1.0.0", "bin": "b", "profile": "release",
"features": [], "built_by": "0123", "size": 1, "mode": "0755", "sha256": "00", "binary": null, "waivers": []}]}"#;

/// How a mutant comes to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Inspect,
    Manifest,
    Archive,
    /// A tar that is changed before it is packed.
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    /// Control files of a `.deb`, and the same tar as its data.
    Deb,
    /// A cpio that is changed before it is put into an `.rpm`.
    Rpm,
    /// `xpkg.toml`.
    Config,
    /// `Cross.toml`.
    Cross,
    /// `xpkg.lock`.
    ImageLock,
    /// Documents of an OCI layout.
    Oci,
    /// A list of digests beside a file.
    List,
    /// A line of cargo's output.
    Message,
}

const CONFIG: &str = r#"targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu.2.17"]
layout = "{target}/{package}/{bin}"
[target.x86_64-unknown-linux-musl]
image = "registry.example/a/b:1"
pre-build = ["apt-get update"]
features = ["a"]
profile = { strip = "symbols" }
[policy]
base = "strict"
glibc = "2.31"
rules = { home-leak = false }
[[docker]]
name = "a"
bins = ["b"]
base = "scratch"
ports = [80]
"#;

const CROSS: &str = r#"[build]
default-target = "aarch64-unknown-linux-gnu"
build-std = ["core"]
zig = { enable = true, version = "2.17" }
[build.env]
passthrough = ["A", "B=c"]
[target.aarch64-unknown-linux-gnu]
image = { name = ":edge", toolchain = ["linux/amd64"] }
pre-build = ["dpkg --add-architecture $CROSS_DEB_ARCH"]
dockerfile = { file = "D", context = ".", build-args = { A = "b" } }
runner = "qemu-user"
[target.x86_64-unknown-linux-musl.env]
volumes = ["V=/w"]
"#;

const IMAGE_LOCK: &str = r#"version = 1

[[image]]
target = "x86_64-unknown-linux-musl"
reference = "registry.example/a/b:1"
digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
"#;

const INDEX: &str = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{"mediaType":
"application/vnd.oci.image.manifest.v1+json", "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
"size": 2, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}, "annotations": {"org.opencontainers.image.ref.name": "1"}}],
"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest":
"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "size": 2}, "layers": null, "architecture": "arm64",
"os": "linux", "rootfs": {"type": "layers", "diff_ids": null}}"#;

const LIST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  a\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef *b c\n\
    SHA256 (a) = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

const MESSAGE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///w#a@0.1.0","manifest_path":"/w/Cargo.toml","target":{"kind":["bin"],"crate_types":["bin"],"name":"a","src_path":"/w/src/main.rs","edition":"2024","doc":true,"doctest":false,"test":true},"profile":{"opt_level":"0","debuginfo":2,"debug_assertions":true,"overflow_checks":true,"test":false},"features":["x"],"filenames":["/w/target/t/debug/a"],"executable":"/w/target/t/debug/a","fresh":false}"#;

fn seeds() -> Vec<(&'static str, Way, Vec<u8>)> {
    let tar = [
        made::block("bin/", b'5', b"", 0),
        made::block("bin/tool", b'0', &macho(), macho().len() as u64),
        made::block("L", b'L', b"a/long/name\0", 12),
        made::block("x", b'0', b"hello", 5),
        made::block(
            "pax",
            b'x',
            &made::pax("path", "p"),
            made::pax("path", "p").len() as u64,
        ),
        made::block(
            "manifest.json",
            b'0',
            MANIFEST.as_bytes(),
            MANIFEST.len() as u64,
        ),
        made::block("link", b'2', b"", 0),
        vec![0; 1024],
    ]
    .concat();
    let cpio = made::cpio(&[
        ("./bin", 0o040_755, 1, 2, b""),
        ("./bin/tool", 0o100_755, 2, 2, &macho()),
        ("./bin/same", 0o100_755, 2, 2, b""),
        ("./link", 0o120_777, 3, 1, b"bin/tool"),
    ]);
    let zip = made::zip(&[
        made::zipped("bin/", b"", false),
        made::zipped("bin/tool", &pe(), true),
        made::zipped("x", b"hello", false),
    ]);
    vec![
        ("elf", Way::Inspect, elf(&["-Wl,-z,now"])),
        (
            "elf-stripped",
            Way::Inspect,
            elf(&["-s", "-no-pie", "-Wl,-rpath,/opt/lib"]),
        ),
        ("pe", Way::Inspect, pe()),
        ("macho", Way::Inspect, macho()),
        ("universal", Way::Inspect, universal()),
        ("wasm", Way::Inspect, b"\0asm\x01\0\0\0".to_vec()),
        ("manifest.json", Way::Manifest, MANIFEST.as_bytes().to_vec()),
        ("tar", Way::Archive, tar.clone()),
        ("tar.gz", Way::Gzip, tar.clone()),
        ("tar.gz", Way::Archive, made::gzip(&tar)),
        ("tar.zst", Way::Zstd, tar.clone()),
        ("tar.zst", Way::Archive, made::zstd(&tar)),
        ("tar.xz", Way::Xz, tar.clone()),
        ("tar.xz", Way::Archive, made::xz(&tar)),
        ("tar.bz2", Way::Bzip2, tar.clone()),
        ("tar.bz2", Way::Archive, made::bzip2(&tar)),
        ("gz", Way::Archive, made::gzip(&pe())),
        ("deb", Way::Deb, tar.clone()),
        (
            "deb",
            Way::Archive,
            made::deb(&[("./usr/bin/tool", &macho())]),
        ),
        ("rpm", Way::Rpm, cpio.clone()),
        ("rpm", Way::Archive, made::rpm(&cpio)),
        ("rpm", Way::Archive, include_bytes!("gzip.rpm").to_vec()),
        ("zip", Way::Archive, zip),
        ("xpkg.toml", Way::Config, CONFIG.into()),
        ("Cross.toml", Way::Cross, CROSS.into()),
        ("xpkg.lock", Way::ImageLock, IMAGE_LOCK.into()),
        ("index.json", Way::Oci, INDEX.into()),
        ("SHA256SUMS", Way::List, LIST.into()),
        (
            "signed",
            Way::List,
            format!("{PGP_MESSAGE}\n\n{LIST}").into(),
        ),
        (
            "signature",
            Way::List,
            b"\xc2\xc0\x04\x04\x88\x05\x04\x00\x00\xff".to_vec(),
        ),
        ("message", Way::Message, MESSAGE.into()),
    ]
}

fn file(name: &str, bytes: &[u8]) -> ConfigFile {
    ConfigFile {
        path: name.into(),
        text: String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Reads one mutant in every way that it may come to be read.
fn take(host: &Host, way: Way, bytes: &[u8], path: &Utf8Path, limits: &Limits) {
    match way {
        Way::Inspect => {
            if let Ok(binary) = inspect(bytes) {
                // EntryKind is told of a file is not much longer than the file.
                assert!(serde_json::to_string(&binary).unwrap().len() < 100_000 + 10 * bytes.len());
            }
            let _ = comments(bytes);
        }
        Way::Manifest => drop(Manifest::parse(
            &String::from_utf8_lossy(bytes),
            "manifest.json",
        )),
        Way::Config => drop(Config::parse(&ConfigFiles {
            xpkg_toml: Some(file("xpkg.toml", bytes)),
            ..ConfigFiles::default()
        })),
        Way::Cross => {
            let sources = CrossSources {
                cross_toml: Some(file("Cross.toml", bytes)),
                ..CrossSources::default()
            };
            let _ = cross_toml::possible_scripts(&sources);
            if let Ok(migration) = cross_toml::read(&sources) {
                for target in migration.targets() {
                    let _ = migration.target(&target);
                }
            }
        }
        Way::ImageLock => drop(Lockfile::parse(
            Utf8Path::new("xpkg.lock"),
            &String::from_utf8_lossy(bytes),
        )),
        Way::Oci => {
            let _ = documents::parse::<oci_spec::image::ImageIndex>(bytes);
            let _ = documents::parse::<oci_spec::image::ImageManifest>(bytes);
            let _ = documents::parse::<oci_spec::image::ImageConfiguration>(bytes);
            let _ = documents::is_ours(bytes);
        }
        Way::List => {
            let directory = path.with_extension("d");
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("a"), "text").unwrap();
            for name in [
                "SHA256SUMS",
                "SHA256SUMS.gpg",
                "a.sha256",
                "a.sigstore.json",
                "data",
            ] {
                std::fs::write(directory.join(name), bytes).unwrap();
            }
            let bar = Shell::default().bar("Reading");
            let subject = read(host, &directory, limits, &bar).unwrap();
            let mut findings = Vec::new();
            let _ = listing::find(&subject, &mut findings);
        }
        Way::Message => {
            for line in String::from_utf8_lossy(bytes).lines() {
                let _ = reports::executable(line);
                let _ = serde_json::from_str::<cargo_metadata::Message>(line);
            }
        }
        Way::Archive | Way::Gzip | Way::Zstd | Way::Xz | Way::Bzip2 | Way::Deb | Way::Rpm => {
            std::fs::write(path, bytes).unwrap();
            let subject = read(host, path, limits, &Shell::default().bar("Reading")).unwrap();
            assert!(subject.entries.is_sorted_by(|a, b| a.path <= b.path));
            assert!(subject.entries.len() <= limits.entries + 1);
            let sizes = subject.entries.iter().map(|entry| {
                if let EntryKind::File(file) = &entry.what {
                    file.size
                } else {
                    0
                }
            });
            assert!(sizes.sum::<u64>() <= limits.unpacked + bytes.len() as u64);
        }
    }
}

#[test]
fn no_mutant_makes_a_panic() {
    let variable = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|value| value.parse::<u64>().unwrap())
    };
    let seconds = variable("XPKG_FUZZ_SECONDS");
    let seed = variable("XPKG_FUZZ_SEED").unwrap_or(1);
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut seeds = seeds();
    let only = std::env::var("XPKG_FUZZ_ONLY").unwrap_or_default();
    seeds.retain(|(name, ..)| only.is_empty() || only.split(',').any(|wanted| wanted == *name));
    assert!(!seeds.is_empty(), "no seed is called {only}");
    for (name, way, bytes) in &seeds {
        if *way == Way::Inspect {
            assert!(inspect(bytes).is_ok(), "{name}: {:?}", inspect(bytes));
        }
    }
    assert_eq!(
        inspect(&pe()).unwrap().needed,
        ["KERNEL32.dll", "bcrypt.dll"]
    );
    assert_eq!(inspect(&macho()).unwrap().rpath, ["@loader_path/lib"]);
    let (host, limits) = (Host::new(Shell::default()).unwrap(), small());
    let temp = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(temp.path()).unwrap();
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut case = 0;
    while end.map_or(case < CASES, |end| Instant::now() < end) {
        let (name, way, original) = &seeds[case as usize % seeds.len()];
        // Each case has its own numbers, so that one can be repeated alone.
        let mut random = Random((seed << 32 | case).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            random.next();
        }
        let mut bytes = original.clone();
        mutate(&mut bytes, &mut random);
        let is_tar = matches!(way, Way::Gzip | Way::Zstd | Way::Xz | Way::Bzip2 | Way::Deb);
        if *name == "tar" || is_tar && random.below(4) > 0 {
            mend(&mut bytes);
        }
        match way {
            Way::Gzip => bytes = made::gzip(&bytes),
            Way::Zstd => bytes = made::zstd(&bytes),
            Way::Xz => bytes = made::xz(&bytes),
            Way::Bzip2 => bytes = made::bzip2(&bytes),
            Way::Deb => {
                bytes = made::ar(&[
                    ("debian-binary", b"2.0\n"),
                    ("control.tar", &bytes),
                    ("data.tar.gz", &made::gzip(&bytes)),
                ]);
            }
            Way::Rpm => bytes = made::rpm(&bytes),
            _ => {}
        }
        let path = directory.join(format!("mutant.{name}"));
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            take(&host, *way, &bytes, &path, &limits)
        }));
        slowest = slowest.max(began.elapsed());
        if outcome.is_err() || began.elapsed() > PATIENCE {
            let kept = keep(&format!("{seed}-{case}.{name}"), &bytes);
            panic!(
                "{way:?} of `{}` took {:?} and {}",
                kept.display(),
                began.elapsed(),
                if outcome.is_err() { "failed" } else { "ended" }
            );
        }
        case += 1;
    }
    let elapsed = started.elapsed().as_secs_f64();
    println!(
        "{case} mutants of seed {seed} in {elapsed:.1} s, {:.0} a second, the slowest took \
         {slowest:?}",
        case as f64 / elapsed
    );
}

fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let directory = repository().join("target/fuzz");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(name), bytes).unwrap();
    directory.join(name)
}

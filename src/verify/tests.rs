//! Tables of subjects, each described in a few attributes, and their findings.

mod installed;

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, File, Inside};
use crate::archive::packing::ARCHIVE_UNFIT;
use crate::digest::Algorithm;
use crate::inspect::binary::{
    Binary, EndianName, Floor, FormatName, Linkage, MachO, Signature, SignatureState,
};
use crate::inspect::{InspectError, inspect};
use crate::problem::code::Code;
use crate::project::config::PolicyConfig;
use crate::target::Target;
use crate::target::arch::Arch;
use crate::target::level;
use crate::verify::integrity::FILE_UNLISTED;
use crate::verify::judge::{VerifyOptions, check_artifacts};
use crate::verify::report::{RUN_FAILED, Report};
use crate::verify::rules::hardening::HOME_LEAK;
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::waiver::{AcceptRule, report_unused};

const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Returns a program without findings: static, for x86_64 (`x86`) or aarch64 (`arm`).
fn program(arch: &str) -> Binary {
    let mut bytes = vec![0_u8; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    bytes[16..20].copy_from_slice(if arch == "arm" {
        &[2, 0, 183, 0]
    } else {
        &[2, 0, 62, 0]
    });
    bytes[20] = 1;
    bytes[52] = 64;
    Binary {
        nx: Some(true),
        ..inspect(&bytes).unwrap()
    }
}

/// Parses `PATH ATTRIBUTE…`: `x86` or `arm` for a program and then its properties, `text:…` for a
/// list's text, `link:…`, `hard:…`, `pipe`, `unread:…`.
fn entry(line: &str) -> Entry {
    let (path, attributes) = line.split_once(' ').unwrap_or((line, ""));
    let at = |what: EntryKind| Entry {
        path: path.to_owned(),
        what,
    };
    if let Some(to) = attributes.strip_prefix("link:") {
        return at(EntryKind::Link(to.to_owned()));
    }
    if let Some(to) = attributes.strip_prefix("hard:") {
        return at(EntryKind::HardLink(to.to_owned()));
    }
    if let Some(why) = attributes.strip_prefix("unread:") {
        return at(EntryKind::Unread {
            code: ARCHIVE_UNFIT,
            why: why.to_owned(),
        });
    }
    if attributes == "dir" {
        return at(EntryKind::Directory);
    }
    if attributes == "pipe" {
        return at(EntryKind::Special("a pipe"));
    }
    let mut file = File {
        size: 3,
        sha256: SUM.to_owned(),
        mode: Some(0o755),
        digests: Vec::new(),
        binary: Err(InspectError::Unknown(vec![0])),
        list: None,
        inode: None,
        homes: Vec::new(),
    };
    if let Some(text) = attributes.strip_prefix("text:") {
        file.list = Some(text.replace("SUM", SUM).replace('|', "\n").into_bytes());
        file.mode = Some(0o644);
        return at(EntryKind::File(file));
    }
    let mut binary = None;
    for attribute in attributes.split_whitespace() {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let current: Option<&mut Binary> = binary.as_mut();
        match (key, current) {
            ("x86" | "arm", _) => binary = Some(program(key)),
            ("component", _) => binary = Some(inspect(b"\0asm\x0d\0\x01\0").unwrap()),
            ("sum", _) => file.sha256 = value.repeat(64),
            ("sha512", _) => file.digests.push((Algorithm::Sha512, value.repeat(128))),
            ("sha1", _) => file.digests.push((Algorithm::Sha1, value.repeat(40))),
            ("inode", _) => file.inode = Some((0, value.parse().unwrap())),
            ("first", _) => file.binary = Err(InspectError::Unknown(value.into())),
            ("script", _) => file.binary = Err(InspectError::Script),
            ("debug", _) => file.binary = Err(InspectError::DebugSymbols),
            ("machine", Some(binary)) => binary.machine = value.to_owned(),
            ("i386", Some(binary)) => {
                binary.class = 32;
                binary.machine = "EM_386".to_owned();
            }
            ("elfv2", Some(binary)) => {
                let arch = Arch::of_prefix("powerpc64le").unwrap();
                binary.level = level::of(arch, None);
            }
            ("mips", Some(binary)) => {
                binary.class = 32;
                binary.machine = "EM_MIPS".to_owned();
            }
            ("minos", Some(binary)) => {
                let is_arm = binary.machine == "EM_AARCH64";
                binary.format = FormatName::MachO;
                binary.machine = format!("CPU_TYPE_{}", if is_arm { "ARM64" } else { "X86_64" });
                binary.kind = "MH_EXECUTE".to_owned();
                binary.mach_o = Some(MachO {
                    minos: Some(value.to_owned()),
                    sdk: None,
                    install_name: None,
                    no_heap_execution: false,
                    signature: Some(Signature {
                        ad_hoc: true,
                        certificate: false,
                        linker_signed: true,
                        hardened_runtime: false,
                        state: SignatureState::Intact,
                        pages: 1,
                        bad_pages: 0,
                    }),
                });
            }
            ("wasm", _) => binary = Some(inspect(b"\0asm\x01\0\0\0").unwrap()),
            ("empty", _) => file.binary = Err(InspectError::Empty),
            ("library", Some(binary)) => {
                binary.kind = "ET_DYN".to_owned();
                binary.executable = false;
            }
            ("kind", Some(binary)) => {
                binary.kind = value.replace('_', " ");
                binary.executable = false;
            }
            ("big", Some(binary)) => binary.endian = EndianName::Big,
            ("dll", Some(binary)) => {
                binary.format = FormatName::Pe;
                binary.kind = "DLL".to_owned();
                binary.machine = "IMAGE_FILE_MACHINE_X86_64".to_owned();
                binary.executable = false;
            }
            ("universal", Some(binary)) => {
                let slice = |machine: &str| Binary {
                    format: FormatName::MachO,
                    machine: format!("CPU_TYPE_{machine}"),
                    kind: "MH_EXECUTE".to_owned(),
                    ..binary.clone()
                };
                let slices: Vec<Binary> = value.split(',').map(slice).collect();
                let machines: Vec<&str> = slices.iter().map(|it| it.machine.as_str()).collect();
                *binary = Binary {
                    machine: machines.join(", "),
                    slices: slices.clone(),
                    ..slice("")
                };
            }
            ("size", _) => file.size = value.parse().unwrap(),
            ("mode", _) => file.mode = u32::from_str_radix(value, 8).ok(),
            ("home", _) => file.homes.push(value.to_owned()),
            ("damaged", _) => {
                file.binary = Err(InspectError::Damaged(
                    "its ELF headers cannot be read: x".to_owned(),
                ))
            }
            ("loader", Some(binary)) => {
                binary.interpreter = Some(value.to_owned());
                binary.linkage = Linkage::Dynamic;
            }
            ("needs", Some(binary)) => {
                binary.needed.push(value.to_owned());
                binary.linkage = Linkage::Dynamic;
            }
            ("glibc", Some(binary)) => {
                binary.glibc_floor = Some(Floor {
                    version: value.to_owned(),
                    symbol: Some("stat".to_owned()),
                })
            }
            ("system", Some(binary)) => {
                binary.system = serde_json::from_value(value.into()).unwrap();
            }
            ("rpath", Some(binary)) => binary.rpath.push(value.to_owned()),
            ("runpath", Some(binary)) => binary.runpath.push(value.to_owned()),
            ("stack", Some(binary)) => binary.nx = Some(false),
            ("textrel", Some(binary)) => binary.text_relocations = Some(true),
            ("private", Some(binary)) => binary.glibc_private = true,
            ("object", Some(binary)) => {
                binary.kind = "ET_REL".to_owned();
                binary.executable = false;
            }
            ("id", Some(binary)) => binary.build_id = Some(value.to_owned()),
            other => panic!("{other:?}"),
        }
    }
    if let Some(binary) = binary {
        file.binary = Ok(Box::new(binary));
    }
    at(EntryKind::File(file))
}

fn report(
    kind: ArtifactsKind,
    lines: &[&str],
    policy: PolicyName,
    targets: &[&str],
    accept: &[AcceptRule],
) -> Report {
    let subject = Artifacts {
        kind,
        name: "tree".to_owned(),
        entries: lines.iter().map(|line| entry(line)).collect(),
        inside: Vec::new(),
    };
    check_artifacts(&subject, &options(policy, targets, accept))
}

fn options(policy: PolicyName, targets: &[&str], accept: &[AcceptRule]) -> VerifyOptions {
    let target =
        |name: &&str| Target::parse(name, &[name.split('.').next().unwrap().to_owned()]).unwrap();
    VerifyOptions {
        targets: targets.iter().map(target).collect(),
        policy: Policy {
            name: policy,
            config: PolicyConfig::default(),
        },
        accept: accept.to_vec(),
        require_list: false,
    }
}

/// Returns the findings as `PATH CODE: FOUND / EXPECTED`.
fn rendered(report: &Report) -> Vec<String> {
    let findings = report.findings.iter();
    findings
        .map(|finding| {
            format!(
                "{} {}: {} / {}",
                finding.path.as_deref().unwrap_or("-"),
                finding.code.name(),
                finding.found,
                finding.expected
            )
        })
        .collect()
}

/// Checks the findings of a directory under the default policy.
fn check(lines: &[&str], expected: &[&str]) {
    assert_eq!(
        rendered(&report(
            ArtifactsKind::Directory,
            lines,
            PolicyName::Default,
            &[],
            &[]
        )),
        expected,
        "{lines:?}"
    );
}

/// Returns what was not checked as `PATH WHAT: WHY`, and the numbers of compared files.
fn unchecked(lines: &[&str]) -> (Vec<String>, (usize, usize)) {
    let report = report(
        ArtifactsKind::Directory,
        lines,
        PolicyName::Default,
        &[],
        &[],
    );
    assert_eq!(rendered(&report), [""; 0], "{lines:?}");
    let skipped = report.skipped.iter();
    let skipped =
        skipped.map(|skipped| format!("{} {}: {}", skipped.path, skipped.what, skipped.why));
    (
        skipped.collect(),
        (report.digests.compared, report.digests.files),
    )
}

const LISTED: &str = "SHA256SUMS text:SUM  x86_64/a|";

#[test]
fn listed_files_pass() {
    check(&[LISTED, "x86_64/a x86"], &[]);
    check(
        &["SHA256SUMS text:# 2024|x86_64/a  SUM|", "x86_64/a x86"],
        &[],
    );
    let report = report(
        ArtifactsKind::Directory,
        &["x86_64/a x86"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert!(report.findings.is_empty());
    assert_eq!(report.skipped[0].what, "digests");
}

#[test]
fn files_that_are_not_as_listed_are_reported() {
    check(
        &[LISTED, "x86_64/a x86 sum=0"],
        &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    check(
        &[LISTED],
        &["x86_64/a file-missing: nothing / the listed file"],
    );
    check(
        &[LISTED, "x86_64/a link:b"],
        &["x86_64/a file-missing: a link to `b` / the listed file"],
    );
    check(
        &[LISTED, "x86_64/a x86", "x86_64/b.txt sum=1"],
        &["x86_64/b.txt file-unlisted: a file that is not listed / only what `SHA256SUMS` lists"],
    );
    check(
        &["SHA256SUMS text:SUM  ../a|SUM  x86_64/a|", "x86_64/a x86"],
        &["SHA256SUMS path-unsafe: `../a`, which has a `..` component / a path below the tree"],
    );
    check(
        &["SHA256SUMS text:SUM|", "x86_64/a x86"],
        &[
            "SHA256SUMS list-unreadable: line 1 has a digest, but no path / a line `<digest>  <path>` for each file",
        ],
    );
}

/// Lists by the names and in the forms that projects publish: what is added to a directory with
/// `x86_64/a`, and a changed file is found by each.
#[rustfmt::skip]
const PUBLISHED: &[&str] = &[
    "SHA256SUMS text:SUM  x86_64/a|",
    "sha256.sum text:SUM *x86_64/a|",
    "app_1.0.0_checksums.txt text:SUM  x86_64/a|",
    "app-1.0.0-SHA256SUMS text:SUM  x86_64/a|",
    "SHASUMS256.txt text:SUM  x86_64/a|",
    "CHECKSUM text:SHA256 (x86_64/a) = SUM|",
    "checksums text:SHA2-256(x86_64/a)= SUM|",
    "hashes.dat text:SUM  x86_64/a|",
    "x86_64/SHA256SUMS text:SUM  a|",
    "x86_64/a.sha256 text:SUM  a|",
    "x86_64/a.sha256 text:SUM",
    "x86_64/a.sha256 text:SUM  -|",
    "x86_64/a.SHA256 text:SHA2-256(stdin)= SUM|",
    "x86_64/a.sha256sum text:SUM *a|",
    "x86_64/a.sha256.txt text:SUM  a|",
    "MANIFEST.txt text:SUM  x86_64/a|",
    "SHA256SUMS text:SUM  x86_64\\a|",
    "SHA256SUMS text:\u{feff}SUM  ./x86_64/a\r|",
    "SHA256SUMS.asc text:-----BEGIN PGP SIGNED MESSAGE-----|Hash: SHA512||SUM  x86_64/a|-----BEGIN PGP SIGNATURE-----||iQ|-----END PGP SIGNATURE-----|",
];

#[test]
fn a_changed_file_is_found_by_every_published_list() {
    for list in PUBLISHED {
        let name = list.split(' ').next().unwrap();
        check(&[list, "x86_64/a x86"], &[]);
        check(
            &[list, "x86_64/a x86 sum=0"],
            &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
        );
        let (_, counts) = unchecked(&[list, "x86_64/a x86"]);
        assert_eq!(counts, (1, 1), "{name}");
    }
    // In an archive's own directory, and beside an archive of another target.
    check(
        &[
            "app-1.0/sha256.sum text:SUM  x86_64/a|",
            "app-1.0/x86_64/a x86 sum=0",
        ],
        &["app-1.0/x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    check(
        &[
            "app.tar.gz.sha256 text:SUM",
            "app.tar.gz sum=0",
            "x86_64/a x86",
            "SHA256SUMS text:SUM  x86_64/a|",
        ],
        &["app.tar.gz digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
}

#[test]
fn other_digests_are_compared_too() {
    let sum = |digit: &str, digits: usize| digit.repeat(digits);
    let long = format!("SHA512SUMS text:{}  x86_64/a|", sum("1", 128));
    check(&[&long, "x86_64/a x86 sha512=1"], &[]);
    check(
        &[&long, "x86_64/a x86 sha512=2"],
        &["x86_64/a digest-mismatch: SHA-512 digest 222222222222… / 111111111111…"],
    );
    // Not asked for, as the list was not there before.
    check(
        &[&long, "x86_64/a x86"],
        &["x86_64/a digest-mismatch: SHA-512 digest unknown… / 111111111111…"],
    );
    let sha1 = format!("x86_64/a.sha1 text:{}", sum("1", 40));
    check(&[&sha1, "x86_64/a x86 sha1=1"], &[]);
    check(
        &[LISTED, &sha1, "x86_64/a x86 sha1=2"],
        &["x86_64/a digest-mismatch: SHA-1 digest 222222222222… / 111111111111…"],
    );
    // Each list alone is right or wrong.
    check(
        &[LISTED, &long, "x86_64/a x86 sum=0 sha512=1"],
        &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    // CRLF, BSD's and openssl's lines of both.
    let mixed = format!(
        "CHECKSUMS text:SHA256 (x86_64/a) = SUM|SHA512(x86_64/a)= {}|",
        sum("1", 128)
    );
    check(&[&mixed, "x86_64/a x86 sha512=1"], &[]);
}

#[test]
fn digests_that_prove_nothing_are_named() {
    let md5 = format!("MD5SUMS text:{}  x86_64/a|", "0".repeat(32));
    check(
        &[&md5, "x86_64/a x86"],
        &[
            "MD5SUMS list-weak: MD5 as the only digest of `x86_64/a` / SHA-256, or another digest that \
             cannot be made for a changed file",
        ],
    );
    assert_eq!(
        unchecked(&[&md5, LISTED, "x86_64/a x86"]),
        (
            vec![
                "MD5SUMS digests of MD5: they are too weak; another list has the same files"
                    .to_owned()
            ],
            (1, 1)
        )
    );
    check(
        &["a.b3 text:SUM", "a sum=1", "x86_64/p x86 sum=2"],
        &[
            "a.b3 list-unreadable: its digests are BLAKE3, which is not supported / a line `<digest>  <path>` for each file",
        ],
    );
}

#[test]
fn a_line_that_is_not_understood_drops_no_list() {
    check(
        &[
            "SHA256SUMS text:SHA256 sums|SUM  x86_64/a|",
            "x86_64/a x86 sum=0",
        ],
        &[
            "SHA256SUMS list-unreadable: line 1 has no digest and path: `SHA256 sums` / a line `<digest>  <path>` for each file",
            "x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…",
        ],
    );
    let many = format!("SHA256SUMS text:{}SUM  x86_64/a|", "x|".repeat(7));
    let each = |number: usize| {
        format!(
            "SHA256SUMS list-unreadable: line {number} has no digest and path: `x` / a line `<digest>  <path>` for each file"
        )
    };
    let mut expected: Vec<String> = vec![
        "SHA256SUMS list-unreadable: 2 lines more like these / a line `<digest>  <path>` for each file".to_owned(),
    ];
    expected.extend((1..=5).map(each));
    check(
        &[&many, "x86_64/a x86"],
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn what_looks_like_a_list_and_is_none_is_a_finding() {
    let rest = "/ a line `<digest>  <path>` for each file";
    for (list, why) in [
        (
            "sha256.sum text:Not Found",
            "none of its lines has a digest; line 1 has no digest and path: `Not Found`",
        ),
        (
            "checksums.json text:{}",
            "none of its lines has a digest; line 1 has no digest and path: `{}`",
        ),
        ("x86_64/a.sha256 text:|", "none of its lines has a digest"),
        (
            "SHA256SUMS text:SUM  a\0",
            "it is not a text: it has NUL bytes",
        ),
        ("SHA256SUMS size=0", "it is empty"),
        (
            "SHA256SUMS size=9",
            "it is longer than lists may be (8388608 bytes each, and eight times as much together)",
        ),
    ] {
        let name = list.split(' ').next().unwrap();
        check(
            &[list, "x86_64/a x86"],
            &[&format!("{name} list-unreadable: {why} {rest}")],
        );
    }
    // Programs and their pages have such names, too.
    check(
        &[
            "x86_64/sha256sum x86",
            "man/sha256sum.1",
            "x86_64/checksum script",
        ],
        &[],
    );
    // What another list vouches for may be data that looks like a list.
    assert_eq!(
        unchecked(&[
            "SHA256SUMS text:SUM  data/checksums.txt|SUM  x86_64/a|",
            "data/checksums.txt text:SUM  gone|",
            "x86_64/a x86"
        ]),
        (vec![], (2, 2))
    );
    check(
        &["data/checksums.txt text:SUM  gone|", "x86_64/a x86"],
        &[
            "data/gone file-missing: nothing / the listed file",
            "x86_64/a file-unlisted: a file that is not listed / a digest in a list, as `data/checksums.txt` has others",
        ],
    );
}

/// Returns an archive in a directory.
fn inside(path: &str, kind: ArtifactsKind, lines: &[&str]) -> Inside {
    Inside {
        path: path.to_owned(),
        contents: Artifacts {
            kind,
            name: format!("tree/{path}"),
            entries: lines.iter().map(|line| entry(line)).collect(),
            inside: Vec::new(),
        },
    }
}

/// Returns the report of a directory with archives in it.
fn report_of(lines: &[&str], inside: Vec<Inside>) -> Report {
    let subject = Artifacts {
        kind: ArtifactsKind::Directory,
        name: "tree".to_owned(),
        entries: lines.iter().map(|line| entry(line)).collect(),
        inside,
    };
    check_artifacts(&subject, &options(PolicyName::Default, &[], &[]))
}

#[test]
fn an_archive_in_a_directory_is_checked_as_one_alone() {
    use ArtifactsKind::{Archive, Package};
    let report = report_of(
        &[
            "SHA256SUMS text:SUM  app-linux-arm64.tar.gz|SUM  app-linux-amd64.deb|SUM  bad.zip|",
            "app-linux-amd64.deb",
            "app-linux-arm64.tar.gz",
            "bad.zip",
        ],
        vec![
            inside("app-linux-amd64.deb", Package, &["usr/bin/app x86"]),
            inside(
                "app-linux-arm64.tar.gz",
                Archive,
                &["../out", "SHA256SUMS text:SUM  app|", "app x86", "in.zip"],
            ),
            inside("bad.zip", Archive, &[" unread:it is truncated"]),
        ],
    );
    assert_eq!(
        rendered(&report),
        [
            "app-linux-arm64.tar.gz!/../out file-unlisted: a file that is not listed / only what `SHA256SUMS` lists",
            "app-linux-arm64.tar.gz!/../out path-unsafe: a path that has a `..` component / a path below the tree",
            "app-linux-arm64.tar.gz!/app wrong-machine: elf for EM_X86_64 (64 bit, little endian) / elf for EM_AARCH64 (64 bit, little endian)",
            "app-linux-arm64.tar.gz!/in.zip file-unlisted: a file that is not listed / only what `SHA256SUMS` lists",
            "bad.zip archive-unfit: it is truncated / a readable entry",
        ]
    );
    let paths: Vec<&str> = report.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "app-linux-amd64.deb!/usr/bin/app",
            "app-linux-arm64.tar.gz!/app"
        ]
    );
    assert!(report.files.iter().all(|file| file.is_packed));
    assert_eq!(
        report.lists,
        ["SHA256SUMS", "app-linux-arm64.tar.gz!/SHA256SUMS"]
    );
    // The files of an archive with a list of its own are counted, too.
    assert_eq!((report.digests.compared, report.digests.files), (4, 6));
    let skipped: Vec<String> = report
        .skipped
        .iter()
        .map(|skipped| format!("{} {}: {}", skipped.path, skipped.what, skipped.why))
        .collect();
    assert_eq!(
        skipped,
        [
            "app-linux-arm64.tar.gz!/in.zip contents: archives in an archive are not looked into; unpack it to verify them"
        ]
    );
}

#[test]
fn archives_that_are_not_looked_into_are_named_up_to_a_number() {
    let names: Vec<String> = (0..12).map(|number| format!("d/{number:02}.gz")).collect();
    let lines: Vec<&str> = names.iter().map(String::as_str).collect();
    let archive = inside("a.deb", ArtifactsKind::Package, &lines);
    let report = check_artifacts(&archive.contents, &options(PolicyName::Default, &[], &[]));
    let said: Vec<&str> = report
        .skipped
        .iter()
        .map(|skipped| skipped.path.as_str())
        .collect();
    assert_eq!(said[..2], ["d/00.gz", "d/01.gz"]);
    assert_eq!(
        report.skipped[9].why,
        "archives in an archive are not looked into; unpack it to verify them; 2 more like this"
    );
    assert_eq!(said.len(), 11);
}

#[test]
fn a_package_is_installed_below_the_root() {
    let check = |kind, lines: &[&str], expected: &[&str]| {
        let report = report(kind, lines, PolicyName::Default, &[], &[]);
        assert_eq!(rendered(&report), expected, "{lines:?}");
    };
    let lines = [
        "usr/bin/x86_64 x86 rpath=/usr/libexec/app:$ORIGIN/lib",
        "usr/bin/link link:/usr/bin/x86_64",
        "usr/bin/other link:/bin/sh",
        "usr/lib/a\\x2db.mount",
        "usr/share/E",
        "usr/share/e",
        "DEBIAN/md5sums text:ba7816bf8f01cfea414140de5dae2223  usr/bin/x86_64|",
    ];
    check(ArtifactsKind::Package, &lines, &[]);
    let outside = "usr/bin/up link-outside: a link to `../../../x` / a link that stays in the tree";
    check(
        ArtifactsKind::Package,
        &[lines[0], "usr/bin/up link:../../../x"],
        &[outside],
    );
    check(
        ArtifactsKind::Package,
        &["usr/bin/x86_64 x86 rpath=/home/ci/lib"],
        &["usr/bin/x86_64 rpath-set: search path `/home/ci/lib` / no RPATH other than `$ORIGIN`"],
    );
    check(
        ArtifactsKind::Archive,
        &lines[..2],
        &[
            "usr/bin/link link-outside: a link to `/usr/bin/x86_64` / a link that stays in the tree",
            "usr/bin/x86_64 rpath-set: search path `/usr/libexec/app` / no RPATH other than `$ORIGIN`",
        ],
    );
}

#[test]
fn the_record_of_a_wheel_is_its_list() {
    // The digest of each file that `entry` makes, in base64.
    let sum = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    let record = |lines: &str| {
        let lines = lines.replace("SUM", &format!("sha256={sum}"));
        format!("a-1.dist-info/RECORD text:{lines}")
    };
    let check = |kind, lines: &[&str], expected: &[&str]| {
        let report = report(kind, lines, PolicyName::Default, &[], &[]);
        assert_eq!(rendered(&report), expected, "{lines:?}");
        report
    };
    let good = record("a/x86_64.so,SUM,|a-1.dist-info/RECORD,,|a-1.dist-info/RECORD.jws,,|");
    let lines = [good.as_str(), "a/x86_64.so x86", "a-1.dist-info/RECORD.jws"];
    let report = check(ArtifactsKind::Archive, &lines, &[]);
    assert_eq!(report.lists, ["a-1.dist-info/RECORD"]);
    assert_eq!((report.digests.compared, report.digests.files), (1, 1));
    check(
        ArtifactsKind::Archive,
        &[&good, "a/x86_64.so x86 sum=0", "a/more.py"],
        &[
            "a/more.py file-unlisted: a file that is not listed / only what `a-1.dist-info/RECORD` lists",
            "a/x86_64.so digest-mismatch: digest 000000000000… / ba7816bf8f01…",
        ],
    );
    let bad = record("a/x86_64.so,,|../b,SUM,|c|");
    check(
        ArtifactsKind::Archive,
        &[&bad],
        &[
            "a-1.dist-info/RECORD list-unreadable: line 1 has no digest / a line `<digest>  <path>` for each file",
            "a-1.dist-info/RECORD list-unreadable: line 3 does not have a path, a digest and a size / a line `<digest>  <path>` for each file",
            "a-1.dist-info/RECORD path-unsafe: `../b`, which has a `..` component / a path below the tree",
        ],
    );
    // Of an installed wheel, which is one of many in its directory.
    check(ArtifactsKind::Directory, &[&bad, "x86_64/b x86"], &[]);
}

#[test]
fn a_list_beside_one_file_says_nothing_of_others() {
    let beside = "x86_64/a.tar.gz.sha256 text:SUM  a.tar.gz|";
    let (skipped, counts) =
        unchecked(&[beside, "x86_64/a.tar.gz", "README.md", "x86_64/install.txt"]);
    assert_eq!(
        skipped,
        [
            "README.md digest: no list has it",
            "x86_64/install.txt digest: no list has it",
            "x86_64/a.tar.gz contents: archives of its format are not looked into",
        ]
    );
    assert_eq!(counts, (1, 3));
    let many: Vec<String> = (0..11)
        .map(|number| format!("share/{number}.txt"))
        .collect();
    let many = many.iter().map(String::as_str);
    let lines: Vec<&str> = [beside, "x86_64/a.tar.gz"]
        .into_iter()
        .chain(many)
        .collect();
    assert_eq!(
        unchecked(&lines).0[0],
        "tree digest: no list has 11 of the files"
    );
    check(
        &[beside, "x86_64/a.tar.gz", "x86_64/b.tar.gz"],
        &[
            "x86_64/b.tar.gz file-unlisted: a file that is not listed / a digest in a list, as `x86_64/a.tar.gz.sha256` has others",
        ],
    );
    check(
        &["a.tar.gz.sha256 text:SUM  dist/a.tar.gz|", "a.tar.gz sum=0"],
        &[
            "a.tar.gz digest-mismatch: digest 000000000000… / ba7816bf8f01…",
            "a.tar.gz.sha256 list-unreadable: line 1 lists `dist/a.tar.gz`, but `a.tar.gz` is beside it / a line `<digest>  <path>` for each file",
        ],
    );
    check(&["a.sha256 text:SUM", "a.tar.gz"], &[]);
    check(
        &["a.sha256 text:SUM", "b.tar.gz", "x86_64/p x86"],
        &[
            "a file-missing: nothing / the listed file",
            "b.tar.gz file-unlisted: a file that is not listed / a digest in a list, as `a.sha256` has others",
            "x86_64/p file-unlisted: a file that is not listed / a digest in a list, as `a.sha256` has others",
        ],
    );
}

const PGP: &str = "text:-----BEGIN PGP SIGNATURE-----||iQ|-----END PGP SIGNATURE-----|";

#[test]
fn what_belongs_to_a_list_is_known_by_its_contents() {
    let asc = format!("SHA256SUMS.asc {PGP}");
    assert_eq!(
        unchecked(&[
            LISTED,
            "x86_64/a x86",
            &asc,
            r#"metadata.json text:{"project_name":"app","tag":"v1","version":"1"}"#,
            r#"multiple.intoto.jsonl text:{"payloadType":"x","payload":"","signatures":[]}"#,
        ]),
        (
            vec![
                "SHA256SUMS.asc contents: it is a PGP signature, which is not checked".to_owned(),
                "metadata.json contents: it is a document of a release tool, which is not checked"
                    .to_owned(),
                "multiple.intoto.jsonl contents: it is an attestation, which is not checked"
                    .to_owned(),
            ],
            (1, 1)
        )
    );
    let unlisted = |path: &str| {
        format!("{path} file-unlisted: a file that is not listed / only what `SHA256SUMS` lists")
    };
    for file in [
        "x86_64/a.sig x86 sum=1",
        "x86_64/a.asc",
        "x86_64/a.pem text:-----BEGIN PRIVATE KEY-----|x|-----END PRIVATE KEY-----",
        "artifacts.json text:[]",
        "x.intoto.jsonl text:{}",
        &format!("other.asc {PGP}"),
    ] {
        let path = file.split(' ').next().unwrap();
        let report = report(
            ArtifactsKind::Directory,
            &[LISTED, "x86_64/a x86", file],
            PolicyName::Default,
            &[],
            &[],
        );
        assert_eq!(rendered(&report), [unlisted(path)], "{file}");
    }
    // Other digests of the same files, and a signature of one of the lists.
    let long = format!("SHA512SUMS text:{}  x86_64/a|", "1".repeat(128));
    check(
        &[
            LISTED,
            &long,
            "x86_64/a x86 sha512=1",
            &format!("SHA512SUMS.gpg {PGP}"),
        ],
        &[],
    );
}

#[test]
fn a_manifest_of_another_program_is_a_file() {
    let foreign = r#"manifest.json text:{"schema_version":2,"layers":[]}"#;
    check(&[foreign, "x86_64/a x86"], &[]);
    check(
        &[foreign, LISTED, "x86_64/a x86"],
        &["manifest.json file-unlisted: a file that is not listed / only what `SHA256SUMS` lists"],
    );
    check(
        &[
            r#"manifest.json text:{"$schema":"urn:cargo-xpkg:manifest:1","schema_version":7}"#,
            "x86_64/a x86",
        ],
        &[
            "manifest.json list-unreadable: cannot read `manifest.json`: it has schema version 7, this xpkg reads 1 / a line `<digest>  <path>` for each file",
        ],
    );
    check(
        &["MANIFEST.txt text:these are the files|", "x86_64/a x86"],
        &[],
    );
    check(&["share/manifest.json text:x", "x86_64/a x86"], &[]);
}

#[test]
fn a_gate_that_looked_at_nothing_does_not_pass() {
    let nothing =
        "- nothing-checked: no program that could be read, and no list / at least one of them";
    check(&["README.md mode=644"], &[nothing]);
    check(&["app-aarch64-linux.tar.gz mode=644"], &[nothing]);
    check(&["app.deb"], &[nothing]);
    check(&["SHA256SUMS.asc"], &[nothing]);
    check(&[], &[nothing]);
    check(
        &[
            "SHA256SUMS text:SUM  app-aarch64-linux.tar.gz|",
            "app-aarch64-linux.tar.gz",
        ],
        &[],
    );
}

#[test]
fn what_is_no_program_is_no_false_alarm() {
    let passes = |lines: &[&str]| check(&[&["x86_64/p x86 sum=1"], lines].concat(), &[]);
    passes(&[
        "x86_64/LICENSE first=MIT",
        "x86_64/LICENSE-APACHE first=Apa",
        "x86_64/COPYING first=GNU",
    ]);
    passes(&["x86_64/_app first=#com"]);
    passes(&["x86_64/p.debug debug mode=644", "x86_64/p.dbg debug"]);
    passes(&["x86_64-pc-windows-msvc/p.dll x86 sum=2 dll"]);
    passes(&["wasm32-wasip2/app.wasm component mode=644"]);
    passes(&[
        "x86_64/git x86 sum=2 inode=7",
        "x86_64/git-add x86 sum=2 inode=7",
    ]);
    check(
        &["x86_64/a x86 inode=7", "x86_64/b x86 inode=8"],
        &["x86_64/b same-file-twice: the same bytes as `x86_64/a` / a different program"],
    );
    check(
        &["x86_64/p x86 sum=1", "x86_64/app first=Not"],
        &[
            "x86_64/app unreadable-binary: it begins with [4e, 6f, 74], which is none of ELF, Mach-O, PE and wasm / a program",
        ],
    );
}

#[test]
fn paths_that_are_two_things_are_reported() {
    let archive = |lines: &[&str]| {
        let lines = [&["x86_64/p x86 sum=1"], lines].concat();
        rendered(&report(
            ArtifactsKind::Archive,
            &lines,
            PolicyName::Default,
            &[],
            &[],
        ))
    };
    let twice = "one entry per path, on every system";
    assert_eq!(
        archive(&["a", "a/b"]),
        [format!(
            "a path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    assert_eq!(
        archive(&["A", "a/b"]),
        [format!(
            "A path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    assert_eq!(
        archive(&["a", "a dir"]),
        [format!(
            "a path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    let portable = "a path that is the same on every system";
    assert_eq!(
        archive(&["d/NUL.txt"]),
        [format!(
            "d/NUL.txt path-unportable: a path that is a device on Windows / {portable}"
        )]
    );
    assert_eq!(
        archive(&["d\\a"]),
        [format!(
            "d\\a path-unportable: a path that has a `\\`, which Windows reads as a `/` / {portable}"
        )]
    );
    assert_eq!(
        archive(&["x.sh script mode=4755"]),
        ["x.sh mode-unfit: mode 4755 / no setuid or setgid bit"]
    );
    check(&["x86_64/p x86", "nul", "a\\b"], &[]);
}

#[test]
fn entries_that_do_not_belong_are_reported() {
    check(
        &["a link:../x"],
        &["a link-outside: a link to `../x` / a link that stays in the tree"],
    );
    check(&["aarch64/b link:../c", "c", "x86_64/p x86 sum=1"], &[]);
    check(
        &["a link:/etc/passwd"],
        &["a link-outside: a link to `/etc/passwd` / a link that stays in the tree"],
    );
    check(&["a pipe"], &["a special-file: a pipe / a file"]);
    check(
        &["Readme", "README"],
        &[
            "README path-twice: `Readme`, which differs only by case / one entry per path, on \
             every system",
        ],
    );
    let archive = report(
        ArtifactsKind::Archive,
        &["../a", "b", "b"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert_eq!(
        rendered(&archive),
        [
            "../a path-unsafe: a path that has a `..` component / a path below the tree",
            "b path-twice: two entries of this path / one entry per path, on every system"
        ]
    );
}

#[test]
fn links_are_followed_and_stay_in_the_tree() {
    // Each link stays in the tree by itself, but the chain does not.
    check(
        &["d/e/l link:../..", "o link:d/e/l/../app", "x86_64/p x86"],
        &["o link-outside: a link to `d/e/l/../app` / a link that stays in the tree"],
    );
    check(
        &["d link:real", "d/f", "real/f"],
        &["d/f link-outside: a path through the link `d` / a link that stays in the tree"],
    );
    check(
        &["a link:b", "b link:a"],
        &[
            "a link-outside: a link to `b` / a link that stays in the tree",
            "b link-outside: a link to `a` / a link that stays in the tree",
        ],
    );
    // The path of a link must not name another target.
    check(
        &["aarch64/app link:../x86_64/app", "x86_64/app x86"],
        &[
            "aarch64/app wrong-machine: elf for EM_X86_64 (64 bit, little endian) / elf for \
             EM_AARCH64 (64 bit, little endian)",
        ],
    );
    check(&["x86_64/app x86", "x86_64/tool link:app"], &[]);
    check(
        &[
            "SHA256SUMS text:SUM  x86_64/app|SUM  x86_64/tool|",
            "x86_64/app x86",
            "x86_64/tool link:app",
        ],
        &[],
    );
    check(
        &[
            LISTED,
            "x86_64/a x86",
            "x86_64/tool link:a",
            &format!("SHA256SUMS.asc {PGP}"),
            &format!("x86_64/a.sig {PGP}"),
        ],
        &[],
    );
    let archive = |lines: &[&str]| {
        rendered(&report(
            ArtifactsKind::Archive,
            lines,
            PolicyName::Default,
            &[],
            &[],
        ))
    };
    assert_eq!(
        archive(&["x86_64/a x86", "x86_64/b hard:x86_64/a"]),
        [""; 0]
    );
    assert_eq!(
        archive(&["x86_64/a x86", "x86_64/b hard:../etc/hostname"]),
        [
            "x86_64/b link-outside: a hard link to `../etc/hostname`, which is not a file of the \
             archive / a link that stays in the tree"
        ]
    );
}

#[test]
fn what_is_there_and_was_not_checked_is_reported() {
    check(
        &["SHA256SUMS", "x86_64/a x86"],
        &[
            "SHA256SUMS list-unreadable: it is longer than lists may be (8388608 bytes each, and eight \
             times as much together) / a line `<digest>  <path>` for each file",
        ],
    );
    check(
        &["x86_64/app", "x86_64/notes.txt mode=644"],
        &[
            "x86_64/app unreadable-binary: it begins with [00], which is none of ELF, Mach-O, PE \
             and wasm / a program",
        ],
    );
    check(
        &["x86_64/a x86 mode=4755"],
        &["x86_64/a mode-unfit: mode 4755 / no setuid, setgid or sticky bit"],
    );
    check(&["x86_64/a x86 mode=775"], &[]);
}

#[test]
fn programs_are_checked_against_their_targets() {
    check(
        &["aarch64/a x86"],
        &[
            "aarch64/a wrong-machine: elf for EM_X86_64 (64 bit, little endian) / elf for \
             EM_AARCH64 (64 bit, little endian)",
        ],
    );
    check(
        &["a x86"],
        &[
            "a target-unknown: a program for EM_X86_64 / a target in its path, in a list or in \
             `--target`",
        ],
    );
    check(
        &["x86_64/a damaged"],
        &["x86_64/a unreadable-binary: its ELF headers cannot be read: x / a program"],
    );
    check(
        &["x86_64-unknown-linux-musl/a x86 loader=/lib64/ld-linux-x86-64.so.2"],
        &[
            "x86_64-unknown-linux-musl/a interpreter-unfit: `/lib64/ld-linux-x86-64.so.2` / \
             /lib/ld-musl-x86_64.so.1",
            "x86_64-unknown-linux-musl/a not-static: needs the interpreter \
             `/lib64/ld-linux-x86-64.so.2` / a static program",
        ],
    );
    check(
        &["linux/amd64/a x86 loader=/nix/store/x/ld-linux-x86-64.so.2"],
        &[
            "linux/amd64/a interpreter-unfit: `/nix/store/x/ld-linux-x86-64.so.2` / \
             /lib64/ld-linux-x86-64.so.2 or /lib/ld-musl-x86_64.so.1",
        ],
    );
    check(
        &["x86_64/a x86 object"],
        &["x86_64/a not-executable: type ET_REL / an executable"],
    );
    check(
        &["x86_64/a x86 mode=644"],
        &["x86_64/a mode-unfit: mode 0644 / executable by everyone"],
    );
    check(
        &["x86_64/a x86 mode=777"],
        &["x86_64/a mode-unfit: mode 0777 / writable by its owner only"],
    );
    check(
        &["x86_64/a x86 rpath=/home/ci/lib runpath=$ORIGIN/lib"],
        &["x86_64/a rpath-set: search path `/home/ci/lib` / no RPATH other than `$ORIGIN`"],
    );
    check(
        &["x86_64/a x86 stack"],
        &["x86_64/a executable-stack: an executable stack / a stack that is not executable"],
    );
    check(
        &["x86_64/a x86 textrel"],
        &["x86_64/a text-relocations: DT_TEXTREL / position-independent code"],
    );
    check(
        &["x86_64/a x86 private"],
        &[
            "x86_64/a private-glibc: `GLIBC_PRIVATE` symbols / none: they are specific to one build of \
             glibc",
        ],
    );
}

#[test]
fn a_floor_comes_from_the_target_or_the_policy() {
    let lines = &[
        "x86_64-unknown-linux-gnu/a x86 loader=/lib64/ld-linux-x86-64.so.2 glibc=2.34 \
         needs=libc.so.6",
    ];
    let findings = |policy: PolicyName, targets: &[&str]| {
        rendered(&report(
            ArtifactsKind::Directory,
            lines,
            policy,
            targets,
            &[],
        ))
    };
    assert!(findings(PolicyName::Default, &[]).is_empty());
    let above = "x86_64-unknown-linux-gnu/a above-glibc-floor: needs glibc 2.34 (for `stat`) / \
                 glibc 2.17 or older";
    assert_eq!(
        findings(PolicyName::Default, &["x86_64-unknown-linux-gnu.2.17"]),
        [above]
    );
    assert_eq!(findings(PolicyName::PortableLinux, &[]), [above]);
    // The name of the archive promises it, where its directories do not.
    let mut subject = Artifacts {
        kind: ArtifactsKind::Archive,
        name: "dist/app-1.0-x86_64-unknown-linux-gnu.2.17.tar.gz".to_owned(),
        entries: vec![entry(lines[0])],
        inside: Vec::new(),
    };
    let options = options(PolicyName::Default, &[], &[]);
    assert_eq!(rendered(&check_artifacts(&subject, &options)), [above]);
    subject.name = "app-1.0-x86_64-unknown-linux-gnu.tar.gz".to_owned();
    assert_eq!(rendered(&check_artifacts(&subject, &options)), [""; 0]);
}

#[test]
fn portable_linux_knows_every_library_of_glibc() {
    let needs = |library: &str| {
        let program = format!(
            "x86_64-unknown-linux-gnu/a x86 loader=/lib64/ld-linux-x86-64.so.2 needs={library}"
        );
        rendered(&report(
            ArtifactsKind::Directory,
            &[&program],
            PolicyName::PortableLinux,
            &[],
            &[],
        ))
    };
    for library in ["libc.so.6", "libmvec.so.1", "libanl.so.1"] {
        assert_eq!(needs(library), [""; 0], "{library}");
    }
    assert_eq!(needs("libssl.so.3").len(), 1);
}

#[test]
fn strict_checks_more() {
    let lines = &[
        "x86_64-unknown-linux-gnu/a x86 loader=/lib64/ld-linux-x86-64.so.2 needs=libssl.so.3 \
         home=/home/ci",
    ];
    assert_eq!(
        rendered(&report(
            ArtifactsKind::Directory,
            lines,
            PolicyName::Default,
            &[],
            &[]
        )),
        [""; 0]
    );
    let codes: Vec<&str> = report(
        ArtifactsKind::Directory,
        lines,
        PolicyName::Strict,
        &[],
        &[],
    )
    .findings
    .iter()
    .map(|finding| finding.code.name())
    .collect();
    assert_eq!(
        codes,
        ["home-leak", "library-unfit", "not-pie", "relro-partial"]
    );
}

#[test]
fn what_shows_between_programs_is_reported() {
    check(
        &["x86_64/a x86", "x86_64/b x86"],
        &["x86_64/b same-file-twice: the same bytes as `x86_64/a` / a different program"],
    );
    check(
        &["aarch64/a arm sum=1 id=ab", "x86_64/a x86 id=ab"],
        &[
            "x86_64/a build-id-twice: the build ID of `aarch64/a`, which is for aarch64 / a \
             unique build ID",
        ],
    );
}

#[test]
fn what_is_accepted_is_listed_with_its_reason() {
    let rules = |path: Option<&str>| {
        [AcceptRule {
            code: FILE_UNLISTED,
            path: path.map(str::to_owned),
            reason: "signatures come later".to_owned(),
        }]
    };
    let lines = &[
        LISTED,
        "x86_64/a x86",
        "x86_64/a.md sum=1",
        "x86_64/b.md sum=2",
    ];
    let all = report(
        ArtifactsKind::Directory,
        lines,
        PolicyName::Default,
        &[],
        &rules(None),
    );
    assert_eq!(
        (
            all.findings.len(),
            all.accepted.len(),
            all.accepted[0].reason.as_str()
        ),
        (0, 2, "signatures come later")
    );
    let one = report(
        ArtifactsKind::Directory,
        lines,
        PolicyName::Default,
        &[],
        &rules(Some("x86_64/a.md")),
    );
    assert_eq!((one.findings.len(), one.accepted.len()), (1, 1));
}

/// Returns what a report says of rules that accept: each a code with a path or none.
fn unused(rules: &[(Code, Option<&str>)]) -> Vec<String> {
    let rule = |(code, path): &(Code, Option<&str>)| AcceptRule {
        code: *code,
        path: path.map(str::to_owned),
        reason: "later".to_owned(),
    };
    let rules: Vec<AcceptRule> = rules.iter().map(rule).collect();
    let lines = &[LISTED, "x86_64/a x86", "x86_64/a.md sum=1"];
    let kind = ArtifactsKind::Directory;
    let mut all = report(kind, lines, PolicyName::Default, &[], &rules);
    report_unused(&rules, &mut all);
    let skipped = all.skipped.iter();
    skipped
        .map(|skipped| format!("{} {}: {}", skipped.path, skipped.what, skipped.why))
        .collect()
}

#[test]
fn what_accepts_nothing_is_reported() {
    assert_eq!(unused(&[(FILE_UNLISTED, None)]), [""; 0]);
    assert_eq!(unused(&[(FILE_UNLISTED, Some("x86_64/a.md"))]), [""; 0]);
    assert_eq!(
        unused(&[(FILE_UNLISTED, Some("tree/x86_64/a.md"))]),
        [
            "tree/x86_64/a.md `--accept file-unlisted`: there was no such finding there, but one at \
          `x86_64/a.md`"
        ]
    );
    assert_eq!(
        unused(&[(HOME_LEAK, Some("x86_64/a")), (RUN_FAILED, None)]),
        [
            "x86_64/a `--accept home-leak`: there was no such finding",
            "tree `--accept run-failed`: there was no such finding",
        ]
    );
}

#[test]
fn a_universal_file_is_for_each_of_its_processors() {
    let universal = |path: &str| format!("{path} x86 universal=X86_64,X86");
    check(&[&universal("app-darwin-x86_64")], &[]);
    check(&[&universal("app-macos-universal")], &[]);
    check(
        &[&universal("app-darwin-arm64")],
        &[
            "app-darwin-arm64 wrong-machine: mach-o for CPU_TYPE_X86_64, CPU_TYPE_X86 (64 bit, \
             little endian) / mach-o for CPU_TYPE_ARM64 (64 bit, little endian)",
        ],
    );
    check(
        &[&universal("app-linux-x86_64")],
        &[
            "app-linux-x86_64 wrong-machine: mach-o for CPU_TYPE_X86_64, CPU_TYPE_X86 (64 bit, \
             little endian) / elf for EM_X86_64 (64 bit, little endian)",
        ],
    );
    check(
        &[&universal("app")],
        &[
            "app target-unknown: a program for CPU_TYPE_X86_64, CPU_TYPE_X86 / a target in its \
             path, in a list or in `--target`",
        ],
    );
    // A slice for arm64 needs a signature; the one for Intel does not.
    check(
        &["app-macos x86 universal=X86_64,ARM64"],
        &[
            "app-macos signature-invalid: no code signature (slice CPU_TYPE_ARM64) / a code \
             signature whose hashes are the file's",
        ],
    );
}

#[test]
fn one_file_needs_a_target_too() {
    let of_file = |path: &str, targets: &[&str]| {
        rendered(&report(
            ArtifactsKind::File,
            &[path],
            PolicyName::Default,
            targets,
            &[],
        ))
    };
    assert_eq!(
        of_file("a x86", &[]),
        [
            "a target-unknown: a program for EM_X86_64 / a target in its path, in a list or in `--target`"
        ]
    );
    assert_eq!(of_file("a x86", &["x86_64-unknown-linux-musl"]), [""; 0]);
    assert!(of_file("a x86", &["aarch64-unknown-linux-musl"])[0].starts_with("a wrong-machine: "));
}

#[test]
fn the_system_that_a_file_names_is_held_to_its_name() {
    // esbuild's package of OpenBSD, and ones without a system in their names.
    check(
        &[
            "openbsd-amd64/a x86 system=openbsd loader=/usr/libexec/ld.so",
            "amd64/a x86 sum=1 system=solaris loader=/lib/amd64/ld.so.1",
            "illumos-amd64/a x86 sum=2 system=solaris",
            "linux-amd64/a x86 sum=3 system=linux",
            "freebsd-amd64/b x86 sum=4",
        ],
        &[],
    );
    check(
        &[
            "x86_64-unknown-freebsd/a x86 system=linux",
            "linux-amd64/b x86 sum=5 system=freebsd",
            "linux-amd64/c x86 sum=6 system=android",
            "aix/d x86 sum=7",
        ],
        &[
            "aix/d target-unknown: a program for EM_X86_64 / a target in its path, in a list or in \
             `--target`",
            "aix/d wrong-machine: elf for EM_X86_64 / a program for aix",
            "linux-amd64/b wrong-machine: a program for freebsd / a program for linux",
            "linux-amd64/c wrong-machine: a program for android / a program for linux",
            "x86_64-unknown-freebsd/a wrong-machine: a program for linux / a program for freebsd",
        ],
    );
}

//! Tables of subjects, each described in a few attributes, and their findings.

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, File};
use crate::inspect::binary::{Binary, Floor, Linkage};
use crate::inspect::{InspectError, inspect};
use crate::project::config::PolicyConfig;
use crate::target::Target;
use crate::verify::integrity::FILE_UNLISTED;
use crate::verify::judge::{VerifyOptions, check_artifacts};
use crate::verify::report::Report;
use crate::verify::rules::machine::WRONG_MACHINE;
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::waiver::AcceptRule;

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
        nx: true,
        ..inspect(&bytes).unwrap()
    }
}

/// Parses `PATH ATTRIBUTE…`: `x86` or `arm` for a program and then its properties, `text:…` for a
/// list's text, `link:…`, `hard:…`, `pipe`.
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
    if attributes == "pipe" {
        return at(EntryKind::Special("a pipe"));
    }
    let mut file = File {
        size: 3,
        sha256: SUM.to_owned(),
        mode: Some(0o755),
        binary: Err(InspectError::Unknown(vec![0])),
        list: None,
        homes: Vec::new(),
    };
    if let Some(text) = attributes.strip_prefix("text:") {
        file.list = Some(text.replace("SUM", SUM).replace('|', "\n").into_bytes());
        return at(EntryKind::File(file));
    }
    let mut binary = None;
    for attribute in attributes.split_whitespace() {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let current: Option<&mut Binary> = binary.as_mut();
        match (key, current) {
            ("x86" | "arm", _) => binary = Some(program(key)),
            ("sum", _) => file.sha256 = value.repeat(64),
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
            ("rpath", Some(binary)) => binary.rpath.push(value.to_owned()),
            ("runpath", Some(binary)) => binary.runpath.push(value.to_owned()),
            ("stack", Some(binary)) => binary.nx = false,
            ("textrel", Some(binary)) => binary.text_relocations = true,
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
    };
    let target =
        |name: &&str| Target::parse(name, &[name.split('.').next().unwrap().to_owned()]).unwrap();
    let options = VerifyOptions {
        targets: targets.iter().map(target).collect(),
        policy: Policy {
            name: policy,
            config: PolicyConfig::default(),
        },
        accept: accept.to_vec(),
        require_list: false,
    };
    check_artifacts(&subject, &options)
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
            "SHA256SUMS list-unreadable: line 1 has no digest and path: \
             `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200` / a line `<sha256>  \
             <path>` for each file",
        ],
    );
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
            "SHA256SUMS.asc",
            "x86_64/a.sig",
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
            "SHA256SUMS list-unreadable: it is empty, too long or not a regular file / a line \
             `<sha256>  <path>` for each file",
        ],
    );
    check(
        &["README.md mode=644"],
        &["- unreadable-binary: no program / at least one"],
    );
    check(
        &["x86_64/app", "x86_64/notes.txt mode=644"],
        &[
            "x86_64/app unreadable-binary: it begins with [00], which is none of ELF, Mach-O, PE \
             and wasm / a program",
        ],
    );
    let release = report(
        ArtifactsKind::Directory,
        &["app-aarch64-linux.tar.gz mode=644"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert!(
        release.findings.is_empty()
            && release
                .skipped
                .iter()
                .any(|skipped| skipped.what == "contents")
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

#[test]
fn one_file_without_a_target_is_reported_as_skipped() {
    let one = report(
        ArtifactsKind::File,
        &["a x86"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert!(one.findings.is_empty());
    assert!(one.skipped.iter().any(|skipped| skipped.what == "target"));
    let named = report(
        ArtifactsKind::File,
        &["a x86"],
        PolicyName::Default,
        &["aarch64-unknown-linux-musl"],
        &[],
    );
    assert_eq!(named.findings[0].code, WRONG_MACHINE);
}

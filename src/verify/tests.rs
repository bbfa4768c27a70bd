//! Tables of subjects, each described in a few attributes, and their findings.

mod entries;
mod installed;
mod lists;

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
use crate::verify::waiver::{AcceptRule, Accepts, report_unused};

const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const PGP: &str = "text:-----BEGIN PGP SIGNATURE-----||iQ|-----END PGP SIGNATURE-----|";

const LISTED: &str = "SHA256SUMS text:SUM  x86_64/a|";

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
        packages: None,
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
        version: None,
        taken: None,
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
fn what_is_accepted_is_listed_with_its_reason() {
    let rules = |path: Option<&str>| {
        [AcceptRule {
            accepts: Accepts::Code(FILE_UNLISTED),
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
        accepts: Accepts::Code(*code),
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

//! Findings about programs of Windows and macOS.

use crate::inspect::binary::{Binary, FormatName, Linkage, MachO, Pe, Signature, SignatureState};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::PolicyConfig;
use crate::target::Target;
use crate::target::macos::MacOs;
use crate::verify::expected::Expected;
use crate::verify::rules::context::RuleInput;
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::rules::table;

/// Returns the findings against a program as `CODE: FOUND / EXPECTED`.
fn findings(policy: PolicyName, triple: &str, binary: &Binary) -> Vec<String> {
    let target = Target::of_triple(triple).unwrap();
    let input = RuleInput {
        mode: None,
        homes: &[],
        built: None,
        binary,
        expected: Some(&Expected::from_target(&target)),
        linked_by: None,
        policy: &Policy {
            name: policy,
            config: PolicyConfig::default(),
        },
    };
    let findings = table::check("app", &input).into_iter();
    findings
        .map(|it| format!("{}: {} / {}", it.code.name(), it.found, it.expected))
        .collect()
}

/// Returns a program for Windows without findings, as rustc links it.
fn exe() -> Binary {
    Binary {
        linkage: Linkage::Dynamic,
        needed: vec!["KERNEL32.dll".to_owned()],
        nx: Some(true),
        pie: Some(true),
        stripped: Some(true),
        debug_info: Some(false),
        pe: Some(Pe {
            subsystem: "IMAGE_SUBSYSTEM_WINDOWS_CUI".to_owned(),
            dynamic_base: true,
            relocations: true,
            high_entropy_va: true,
            nx_compat: true,
            guard_cf: false,
            force_integrity: false,
            delay_needed: Vec::new(),
            pdb: Some("app.pdb".to_owned()),
            signed: false,
        }),
        ..Binary::plain(
            FormatName::Pe,
            "IMAGE_FILE_MACHINE_X86_64".to_owned(),
            64,
            "EXE".to_owned(),
            true,
        )
    }
}

/// Returns a program for macOS without findings, as rustc links it.
fn macho() -> Binary {
    Binary {
        linkage: Linkage::Dynamic,
        needed: vec!["/usr/lib/libSystem.B.dylib".to_owned()],
        nx: Some(true),
        pie: Some(true),
        stripped: Some(true),
        debug_info: Some(false),
        mach_o: Some(MachO {
            minos: Some("11.0".to_owned()),
            sdk: None,
            install_name: None,
            no_heap_execution: false,
            signature: Some(signature(SignatureState::Intact)),
        }),
        ..Binary::plain(
            FormatName::MachO,
            "CPU_TYPE_ARM64".to_owned(),
            64,
            "MH_EXECUTE".to_owned(),
            true,
        )
    }
}

fn signature(state: SignatureState) -> Signature {
    Signature {
        ad_hoc: true,
        certificate: false,
        linker_signed: true,
        hardened_runtime: false,
        state,
        pages: 9,
        bad_pages: 2,
    }
}

const WINDOWS: &str = "x86_64-pc-windows-msvc";
const MACOS: &str = "aarch64-apple-darwin";

/// Checks the findings of the strict policy against a program for Windows.
fn check_exe(edit: impl Fn(&mut Binary, &mut Pe), expected: &[&str]) {
    let mut binary = exe();
    let mut pe = binary.pe.take().unwrap();
    edit(&mut binary, &mut pe);
    binary.pe = Some(pe);
    let triple = match binary.class {
        32 => "i686-pc-windows-msvc",
        _ => WINDOWS,
    };
    assert_eq!(findings(PolicyName::Strict, triple, &binary), expected);
}

/// Checks the findings of the strict policy against a program for macOS.
fn check_macho(edit: impl Fn(&mut Binary), expected: &[&str]) {
    let mut binary = macho();
    edit(&mut binary);
    assert_eq!(findings(PolicyName::Strict, MACOS, &binary), expected);
}

#[test]
fn strict_asks_of_windows_what_its_linkers_can_do() {
    check_exe(|_, _| (), &[]);
    check_exe(
        |_, pe| pe.high_entropy_va = false,
        &["not-pie: no HIGH_ENTROPY_VA / DYNAMIC_BASE with relocations, and HIGH_ENTROPY_VA"],
    );
    check_exe(
        |_, pe| (pe.dynamic_base, pe.relocations) = (false, false),
        &[
            "not-pie: no DYNAMIC_BASE, no relocations / DYNAMIC_BASE with relocations, and \
             HIGH_ENTROPY_VA",
        ],
    );
    // 32 bits have no addresses above 4 GiB.
    check_exe(
        |binary, pe| {
            binary.class = 32;
            binary.machine = "IMAGE_FILE_MACHINE_X86".to_owned();
            pe.high_entropy_va = false;
        },
        &[],
    );
    check_exe(
        |binary, _| binary.nx = Some(false),
        &["data-executable: no NX_COMPAT / NX_COMPAT"],
    );
    check_exe(
        |binary, _| binary.stripped = Some(false),
        &["not-stripped: a symbol table / none"],
    );
}

#[test]
fn the_path_of_a_pdb_names_the_builder() {
    check_exe(
        |_, pe| pe.pdb = Some(r"D:\a\app\target\release\app.pdb".to_owned()),
        &[r"home-leak: names `D:\a\app\target\release\app.pdb` / no path of the builder's home"],
    );
    check_exe(|_, pe| pe.pdb = None, &[]);
}

#[test]
fn a_library_is_fit_if_its_system_brings_it() {
    let expected = "only DLLs of Windows itself";
    check_exe(
        |binary, pe| {
            binary.needed.push("VCRUNTIME140.dll".to_owned());
            pe.delay_needed.push("foo.dll".to_owned());
        },
        &[&format!(
            "library-unfit: needs `VCRUNTIME140.dll`, `foo.dll` / {expected}"
        )],
    );
    check_macho(
        |binary| {
            binary
                .needed
                .push("/opt/homebrew/lib/libz.dylib".to_owned())
        },
        &["library-unfit: needs `/opt/homebrew/lib/libz.dylib` / only libraries of macOS itself"],
    );
    let mut binary = exe();
    binary.needed.push("VCRUNTIME140.dll".to_owned());
    assert_eq!(findings(PolicyName::Default, WINDOWS, &binary), [""; 0]);
}

#[test]
fn what_apple_silicon_kills_is_found_in_every_policy() {
    let found = |edit: &dyn Fn(&mut Option<Signature>)| {
        let mut binary = macho();
        edit(&mut binary.mach_o.as_mut().unwrap().signature);
        findings(PolicyName::Default, MACOS, &binary)
    };
    let expected = "a code signature whose hashes are the file's";
    let check = |state: SignatureState, text: &str| {
        let is = found(&|it| *it = Some(signature(state)));
        assert_eq!(is, [format!("signature-invalid: {text} / {expected}")]);
    };
    assert_eq!(
        found(&|it| *it = None),
        [format!("signature-invalid: no code signature / {expected}")]
    );
    check(
        SignatureState::Changed,
        "2 of 9 pages changed after it was signed",
    );
    check(
        SignatureState::Incomplete,
        "a code signature that does not cover the whole file",
    );
    check(
        SignatureState::Damaged,
        "a code signature that cannot be read",
    );
    let unknown = Some(signature(SignatureState::UnknownHash));
    assert_eq!(found(&|it| *it = unknown.clone()), [""; 0]);
    // Intel's processors start unsigned programs.
    let mut intel = macho();
    intel.machine = "CPU_TYPE_X86_64".to_owned();
    intel.mach_o.as_mut().unwrap().signature = None;
    let found = findings(PolicyName::Default, "x86_64-apple-darwin", &intel);
    assert_eq!(found, [""; 0]);
}

#[test]
fn search_paths_relative_to_a_program_of_macos_are_fine() {
    let rpaths = |binary: &mut Binary, paths: &[&str]| {
        binary.rpath = paths.iter().map(|path| (*path).to_owned()).collect();
    };
    check_macho(
        |it| {
            rpaths(
                it,
                &["@executable_path/../lib", "@loader_path", "/usr/lib/swift"],
            )
        },
        &[],
    );
    check_macho(
        |it| rpaths(it, &["/Users/ann/lib", "@loader_path/lib", "lib"]),
        &[
            "rpath-set: search path `/Users/ann/lib`, `lib` / no LC_RPATH other than \
             `@loader_path` and `@executable_path`",
        ],
    );
}

#[test]
fn strict_asks_of_macos_what_its_linkers_can_do() {
    check_macho(|_| (), &[]);
    check_macho(
        |it| it.pie = Some(false),
        &["not-pie: a program without MH_PIE / MH_PIE"],
    );
    check_macho(
        |it| it.nx = Some(false),
        &[
            "data-executable: an executable stack, or a segment that is writable and executable / \
             data that cannot be executed",
        ],
    );
    check_macho(
        |it| it.stripped = Some(false),
        &["not-stripped: a symbol table / none"],
    );
}

#[test]
fn dyld_is_told_of_each_library_once() {
    check_macho(
        |it| it.needed.push("/usr/lib/libSystem.B.dylib".to_owned()),
        &["library-twice: needs `/usr/lib/libSystem.B.dylib` twice / each library once"],
    );
}

#[test]
fn a_build_stages_no_program_that_a_mac_does_not_start() {
    let expected = Expected::from_target(&Target::of_triple(MACOS).unwrap());
    let expected = expected.starting_on(MacOs::parse("11.0"));
    let check = |edit: &dyn Fn(&mut MachO), code: &[&str]| {
        let mut binary = macho();
        edit(binary.mach_o.as_mut().unwrap());
        let found = table::check_built("app", ArtifactKind::Bin, &binary, &expected).into_iter();
        assert_eq!(found.map(|it| it.code.name()).collect::<Vec<_>>(), code);
    };
    check(&|_| (), &[]);
    check(
        &|it| it.minos = Some("15.0".to_owned()),
        &["above-macos-floor"],
    );
    check(&|it| it.minos = Some("10.12".to_owned()), &[]);
    check(&|it| it.signature = None, &["signature-invalid"]);
}

#[test]
fn bsds_have_loaders_and_base_systems_of_their_own() {
    let found = |triple: &str, loader: &str, library: &str| {
        let binary = Binary {
            linkage: Linkage::Dynamic,
            interpreter: Some(loader.to_owned()),
            needed: vec![library.to_owned()],
            pie: Some(true),
            ..Binary::plain(
                FormatName::Elf,
                "EM_X86_64".to_owned(),
                64,
                "ET_DYN".to_owned(),
                true,
            )
        };
        findings(PolicyName::PortableLinux, triple, &binary)
    };
    for (triple, loader, library) in [
        (
            "x86_64-unknown-freebsd",
            "/libexec/ld-elf.so.1",
            "libthr.so.3",
        ),
        (
            "x86_64-unknown-netbsd",
            "/libexec/ld.elf_so",
            "libpthread.so.1",
        ),
        (
            "x86_64-unknown-netbsd",
            "/usr/libexec/ld.elf_so",
            "libc.so.12",
        ),
        ("x86_64-linux-android", "/system/bin/linker64", "libc.so"),
    ] {
        assert_eq!(found(triple, loader, library), [""; 0], "{triple}");
    }
    assert_eq!(
        found(
            "x86_64-unknown-freebsd",
            "/lib64/ld-linux-x86-64.so.2",
            "libssl.so.3"
        ),
        [
            "interpreter-unfit: `/lib64/ld-linux-x86-64.so.2` / /libexec/ld-elf.so.1 or \
             /usr/libexec/ld-elf.so.1",
            "library-unfit: needs `libssl.so.3` / only libraries that every system has",
        ]
    );
}

#[test]
fn what_was_not_read_breaks_no_rule() {
    check_macho(
        |it| {
            (it.pie, it.nx, it.stripped, it.debug_info) = (None, None, None, None);
        },
        &[],
    );
}

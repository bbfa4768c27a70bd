//! Which kind of linker `auto` takes, and what a choice binds.

use super::*;
use crate::toolchain::kinds::KINDS;

#[test]
fn the_hosts_own_triple_takes_the_hosts_cc() {
    check(
        "cc=x86_64-linux-gnu x86_64-linux-gnu-gcc=x86_64-linux-gnu",
        X86_GNU,
        "native",
    );
}

#[test]
fn a_compiler_for_the_very_libc_comes_before_rust_lld() {
    check(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu aarch64-linux-gnu-ar",
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
         AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar",
    );
    check(
        "lld self-contained aarch64-linux-musl-gcc=aarch64-linux-musl aarch64-linux-musl-g++",
        ARM_MUSL,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-musl-gcc \
         CC_aarch64_unknown_linux_musl=aarch64-linux-musl-gcc \
         CXX_aarch64_unknown_linux_musl=aarch64-linux-musl-g++",
    );
}

/// Debian's gcc-multilib, and no compiler for i686 beside it.
#[test]
fn the_hosts_own_compiler_serves_a_target_that_an_argument_chooses() {
    let host = "gcc=x86_64-linux-gnu g++=x86_64-linux-gnu";
    check(
        &format!("{host} multilib"),
        "i686-unknown-linux-gnu",
        "gcc CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=xpkg-gcc \
         CC_i686_unknown_linux_gnu=xpkg-gcc CXX_i686_unknown_linux_gnu=xpkg-g++",
    );
    check(
        &format!("{host} multilib i686-linux-gnu-gcc=i686-linux-gnu"),
        "i686-unknown-linux-gnu",
        "gcc CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc \
         CC_i686_unknown_linux_gnu=i686-linux-gnu-gcc",
    );
    check(
        host,
        "i686-unknown-linux-gnu",
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `i686-linux-gnu-gcc` is not on PATH | clang    `clang` is not on PATH | rust-lld links for \
         musl only: for gnu it needs a sysroot | zig      not on PATH, and `python3 -m ziglang` \
         failed | image    none is configured for this target | install a cross compiler (`apt-get \
         install gcc-i686-linux-gnu`) or zig (`pip install ziglang`)",
    );
}

#[test]
fn pure_rust_for_musl_needs_no_compiler() {
    check(
        "lld self-contained",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
}

#[test]
fn what_stands_before_rust_lld_is_a_name_on_path() {
    let (mut facts, mut target_facts, c, ..) = machine("lld self-contained");
    let target = Target::parse(ARM_MUSL, &[ARM_MUSL.to_owned()]).unwrap();
    target_facts.triple = ARM_MUSL.to_owned();
    facts.targets = vec![target_facts];
    let request = TargetRequest {
        target,
        choice: None,
        c_dependencies: None,
        image: None,
        sysroot: None,
        overrides: TargetOverrides::default(),
        accept: Vec::new(),
    };
    let chosen = choose(&request, &facts, &c, Utf8Path::new("/tools")).unwrap();
    let candidate = chosen.candidate;
    assert_eq!(
        candidate.variables,
        [Variable::ours(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER".to_owned(),
            "rust-lld-1"
        )]
    );
    assert_eq!(candidate.path.as_deref(), Some(Utf8Path::new("/tools/bin")));
    assert_eq!(
        candidate.files,
        [
            ToolFile {
                path: "/tools/bin/xpkg-self-0.1.0".into(),
                text: "#!/bin/sh\n# Written by cargo xpkg.\nexec '/my bin/cargo-xpkg' \"$@\"\n"
                    .to_owned(),
                program: true,
                starts: None,
            },
            ToolFile {
                path: "/tools/bin/rust-lld-1".into(),
                text:
                    "#!/bin/sh\n# Written by cargo xpkg.\nexec \"${0%/*}/xpkg-self-0.1.0\" __lld \
                       \"$@\"\n"
                        .to_owned(),
                program: true,
                starts: None,
            },
        ]
    );
}

#[test]
fn a_wrapper_of_the_hosts_gcc_compiles_c_for_musl_but_never_links() {
    check(
        "c lld self-contained x86_64-linux-musl-gcc=x86_64-linux-gnu",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=x86_64-linux-musl-gcc",
    );
    check(
        "c lld self-contained musl-gcc=x86_64-linux-gnu ar",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn the_users_own_compiler_stays_and_counts() {
    check(
        "c lld self-contained CC:my-cc my-cc",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 TARGET_CC=my-cc (user)",
    );
    check(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu linker:my-ld my-ld",
        ARM_GNU,
        "configured CARGO_TARGET_LINKER=my-ld (user)",
    );
}

#[test]
fn clang_serves_where_it_finds_all_it_needs() {
    check(
        "clang=x86_64-pc-linux-gnu clang-finds",
        ARM_GNU,
        "clang CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=xpkg-aarch64-linux-gnu-clang \
         CC_aarch64_unknown_linux_gnu=xpkg-aarch64-linux-gnu-clang",
    );
}

#[test]
fn each_reason_is_listed_if_nothing_links() {
    check(
        "lld clang clang-lost",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-gcc` is not on PATH | clang    finds no C library with \
         `--target=aarch64-linux-gnu`: it needs a sysroot | rust-lld links for musl only: for gnu \
         it needs a sysroot | zig      not on PATH, and `python3 -m ziglang` failed | image    \
         none is configured for this target | install a cross compiler (`apt-get install \
         gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
    check(
        "c lld self-contained",
        ARM_MUSL,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-musl-gcc` is not on PATH | clang    would use the host's C \
         library for aarch64-linux-musl: it needs a sysroot | rust-lld can link, but no C \
         compiler for musl was found: `aarch64-linux-musl-gcc` is not on PATH | zig      not on \
         PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         ring 0.17.0 (by `cc`) | install zig (`pip install ziglang`) | or set a musl cross \
         compiler of your own in `CC_aarch64_unknown_linux_musl` | or, if that C is never \
         compiled for the target, set `c-dependencies = false` in xpkg's configuration",
    );
    check(
        "lld self-contained zig rustflags:-Clink-arg=-fuse-ld=mold",
        X86_MUSL,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `x86_64-linux-musl-gcc` is not on PATH | clang    would use the host's C \
         library for x86_64-linux-musl: it needs a sysroot | rust-lld the effective rustflags \
         contain `-Clink-arg=-fuse-ld=mold`, which it does not support | zig      links \
         with its own lld only, but the effective rustflags contain \
         `-Clink-arg=-fuse-ld=mold` | image    none is configured for this target | remove \
         `-Clink-arg=-fuse-ld=mold` from the rustflags",
    );
}

#[test]
fn a_compiler_for_another_machine_is_rejected() {
    check(
        "aarch64-linux-gnu-gcc=x86_64-linux-gnu clang clang-lost",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-gcc` compiles for `x86_64-linux-gnu`, not for \
         `aarch64-linux-gnu` | clang    finds no C library with `--target=aarch64-linux-gnu`: it \
         needs a sysroot | rust-lld links for musl only: for gnu it needs a sysroot | zig      \
         not on PATH, and `python3 -m ziglang` failed | image    none is configured for this \
         target | install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip \
         install ziglang`)",
    );
}

#[test]
fn a_compiler_without_its_c_library_is_rejected() {
    let gcc = "aarch64-linux-gnu-gcc=aarch64-linux-gnu without-libc:aarch64-linux-gnu-gcc";
    let reason = "`aarch64-linux-gnu-gcc` has no C library: it finds no `crt1.o` (`apt-get \
                  install libc6-dev-arm64-cross`)";
    check(
        gcc,
        ARM_GNU,
        &format!(
            "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
             gcc      {reason} | clang    `clang` is not on PATH | rust-lld links for musl only: \
             for gnu it needs a sysroot | zig      not on PATH, and `python3 -m ziglang` failed | \
             image    none is configured for this target | install the compiler's C library \
             (`apt-get install libc6-dev-arm64-cross`) or zig (`pip install ziglang`)"
        ),
    );
    check(
        &format!("{gcc} aarch64-linux-gnu-gcc-12=aarch64-linux-gnu"),
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc-12 \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc-12",
    );
    check(
        &format!("{gcc} linker:aarch64-linux-gnu-gcc"),
        ARM_GNU,
        &format!(
            "linker-unfit: {reason} | correct or remove `CARGO_TARGET_LINKER` in the environment"
        ),
    );
    check_choice(
        "cc=x86_64-linux-gnu without-libc:cc",
        X86_GNU,
        Some(LinkerChoice::Native),
        "linker-unfit: `cc` has no C library: it finds no `crt1.o` (`apt-get install libc6-dev`) \
         | remove the choice, and xpkg uses the first linker that works",
    );
}

#[test]
fn a_shared_musl_is_refused_for_rust_lld_however_it_is_chosen() {
    let reason = "Rust links this target's musl as a shared library by default, which Rust does \
                  not include";
    check_choice(
        "lld self-contained shared-musl",
        X86_MUSL,
        Some(LinkerChoice::RustLld),
        &format!(
            "linker-unfit: {reason} | remove the choice, and xpkg uses the first linker that works"
        ),
    );
    check(
        "lld self-contained shared-musl linker:rust-lld",
        X86_MUSL,
        &format!(
            "linker-unfit: {reason} | correct or remove `CARGO_TARGET_LINKER` in the environment"
        ),
    );
    // zig brings a static one.
    check(
        "lld self-contained shared-musl zig ar",
        ARM_MUSL,
        "zig CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=xpkg-zigcc-zig-target \
         CC_aarch64_unknown_linux_musl=xpkg-zigcc-zig-target CXX_aarch64_unknown_linux_musl=xpkg-zigcxx-zig-target \
         AR_aarch64_unknown_linux_musl=ar",
    );
}

#[test]
fn a_choice_binds_or_fails() {
    check_choice(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu lld",
        ARM_GNU,
        Some(LinkerChoice::RustLld),
        "linker-unfit: links for musl only: for gnu it needs a sysroot | remove the choice, and \
         xpkg uses the first linker that works",
    );
    check_choice(
        "cc gcc=x86_64-linux-gnu",
        X86_GNU,
        Some(LinkerChoice::Gcc),
        "gcc CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc CC_x86_64_unknown_linux_gnu=gcc",
    );
    check(
        "linker:my-ld aarch64-linux-gnu-gcc=aarch64-linux-gnu",
        ARM_GNU,
        "linker-unfit: `my-ld` is not on PATH | correct or remove `CARGO_TARGET_LINKER` in the \
         environment",
    );
    check(
        "linker:cc cc=x86_64-linux-gnu",
        ARM_GNU,
        "linker-unfit: it compiles for `x86_64-linux-gnu` | correct or remove \
         `CARGO_TARGET_LINKER` in the environment",
    );
}

#[test]
fn a_choice_overrides_cargos_configuration_but_not_rustflags() {
    check_choice(
        "cc=x86_64-linux-gnu linker:mine mine",
        X86_GNU,
        Some(LinkerChoice::Native),
        "native CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=cc",
    );
    check_choice(
        "lld self-contained linker:mine mine",
        ARM_MUSL,
        Some(LinkerChoice::Auto),
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
    check_choice(
        "lld self-contained flag-linker:mine mine",
        ARM_MUSL,
        Some(LinkerChoice::RustLld),
        "linker-unfit: the effective rustflags contain `-C linker=mine`, which overrides every \
         other choice | remove the choice, and xpkg uses the first linker that works",
    );
}

#[test]
fn zig_links_where_nothing_else_does() {
    check(
        "zig ar",
        ARM_GNU,
        "zig CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=xpkg-zigcc-zig-target \
         CC_aarch64_unknown_linux_gnu=xpkg-zigcc-zig-target CXX_aarch64_unknown_linux_gnu=xpkg-zigcxx-zig-target \
         AR_aarch64_unknown_linux_gnu=ar",
    );
    check(
        "zig lld self-contained",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
    check("cc=x86_64-linux-gnu zig", X86_GNU, "native");
    // GNU's compiler links windows-gnu only, and the host's archiver does not index its objects.
    check(
        "zig ar x86_64-w64-mingw32-gcc=x86_64-w64-mingw32",
        "x86_64-pc-windows-gnullvm",
        "zig CARGO_TARGET_X86_64_PC_WINDOWS_GNULLVM_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_pc_windows_gnullvm=xpkg-zigcc-zig-target \
         CXX_x86_64_pc_windows_gnullvm=xpkg-zigcxx-zig-target \
         AR_x86_64_pc_windows_gnullvm=xpkg-zig-ar",
    );
}

#[test]
fn a_gcc_for_musl_compiles_the_c_and_zig_the_cxx() {
    let machine = "lld self-contained musl-gcc=x86_64-linux-gnu ar ranlib zig";
    check(
        &format!("c {machine}"),
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
    check(
        &format!("c++ {machine}"),
        X86_MUSL,
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_unknown_linux_musl=musl-gcc CXX_x86_64_unknown_linux_musl=xpkg-zigcxx-zig-target \
         AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn missing_cxx_compiler_is_reported_before_cargo_starts() {
    check(
        "c++ aarch64-linux-gnu-gcc=aarch64-linux-gnu",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-g++` is not on PATH, and ring 0.17.0 compiles C++ | clang    \
         `clang` is not on PATH | rust-lld links for musl only: for gnu it needs a sysroot | \
         zig      not on PATH, and `python3 -m ziglang` failed | image    none is configured for \
         this target | ring 0.17.0 (by `cc`) | install a cross compiler (`apt-get install \
         g++-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
    check(
        "c++ aarch64-linux-gnu-gcc=aarch64-linux-gnu aarch64-linux-gnu-g++",
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
         CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++",
    );
}

#[test]
fn the_explanation_of_no_linker_names_every_kind_in_the_order_of_auto() {
    let kinds: Vec<&str> = KINDS.iter().map(|entry| entry.kind.name()).collect();
    let detection = choose::NO_LINKER.info().detection;
    assert!(
        detection.contains(&format!("in this order: {}.", kinds.join(", "))),
        "{detection}"
    );
}

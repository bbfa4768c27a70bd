//! Which linkers serve a floor of glibc.

use super::*;

#[test]
fn a_floor_is_guaranteed_only_if_the_compilers_glibc_is_known() {
    check(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        "no-linker: native   cannot guarantee the glibc floor 2.17: the glibc that it links \
         against is unknown | gcc      `x86_64-linux-gnu-gcc` is not on PATH | clang    `clang` \
         is not on PATH | rust-lld links for musl only: for gnu it needs a sysroot | zig      not \
         on PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         install zig (`pip install ziglang`), which links for any glibc | choose the linker \
         yourself; then only the finished binaries are checked against the floor: `--linker \
         native` | or build on a system whose glibc is as old as the floor",
    );
    check_choice(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "native",
    );
}

#[test]
fn a_compiler_with_an_older_glibc_guarantees_the_floor() {
    check(
        "cc=x86_64-linux-gnu glibc:2.36 zig",
        "x86_64-unknown-linux-gnu.2.17",
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_unknown_linux_gnu=xpkg-zigcc-zig-target CXX_x86_64_unknown_linux_gnu=xpkg-zigcxx-zig-target \
         AR_x86_64_unknown_linux_gnu=xpkg-zig-ar",
    );
    check(
        "cc=x86_64-linux-gnu glibc:2.31 zig",
        "x86_64-unknown-linux-gnu.2.31",
        "native",
    );
    check_choice(
        "cc=x86_64-linux-gnu glibc:2.36",
        "x86_64-unknown-linux-gnu.2.35",
        Some(LinkerChoice::Native),
        "native",
    );
    check_choice(
        "cc=x86_64-linux-gnu glibc:2.36",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "linker-unfit: links against glibc 2.36, above the floor of 2.17: each program that it \
         links needs 2.34 to start | remove the choice, and xpkg uses the first linker that works",
    );
    // cargo's own configuration is a choice, too.
    check(
        "linker:aarch64-linux-gnu-gcc aarch64-linux-gnu-gcc=aarch64-linux-gnu glibc:2.36",
        "aarch64-unknown-linux-gnu.2.17",
        "linker-unfit: links against glibc 2.36, above the floor of 2.17: each program that it \
         links needs 2.34 to start | correct or remove `CARGO_TARGET_LINKER` in the environment",
    );
}

#[test]
fn a_floor_outside_zigs_range_is_rejected() {
    check_choice(
        "zig",
        "aarch64-unknown-linux-gnu.2.99",
        Some(LinkerChoice::Zig),
        "linker-unfit: zig 0.17.0 links for glibc 2.17 to 2.44, not for 2.99 | remove the choice, \
         and xpkg uses the first linker that works",
    );
}

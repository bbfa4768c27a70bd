//! Processors and systems that need more than a compiler of their name.

use super::*;

/// Debian's compiler for hard-float Arm, whose C library is for ARMv7.
const DEBIANS_ARMHF: &str =
    "arm-linux-gnueabihf-gcc=arm-linux-gnueabihf armv7-start:arm-linux-gnueabihf-gcc";

#[test]
fn a_c_library_for_newer_processors_is_not_linked() {
    check(
        DEBIANS_ARMHF,
        "arm-unknown-linux-gnueabihf",
        "cpu-level: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | gcc \
         \u{20}    `arm-linux-gnueabihf-gcc` links a C library for ARMv7, but the target promises \
         ARMv6 only; compiler flags do not change that | clang    `clang` is not on PATH | \
         rust-lld links for musl only: for gnu it needs a sysroot | zig      not on PATH, and \
         `python3 -m ziglang` failed | image    none is configured for this target | install zig \
         (`pip install ziglang`), which has a C library for it | or name an image whose C library \
         is for it (`cargo xpkg help cross-images`) | or, if it will only run on newer \
         processors: `--accept cpu-level`",
    );
    check(
        &format!("{DEBIANS_ARMHF} zig"),
        "arm-unknown-linux-gnueabihf",
        "zig CARGO_TARGET_ARM_UNKNOWN_LINUX_GNUEABIHF_LINKER=xpkg-zigcc-zig-target \
         CC_arm_unknown_linux_gnueabihf=xpkg-zigcc-zig-target CXX_arm_unknown_linux_gnueabihf=xpkg-zigcxx-zig-target \
         AR_arm_unknown_linux_gnueabihf=xpkg-zig-ar",
    );
    check(
        DEBIANS_ARMHF,
        "armv7-unknown-linux-gnueabihf",
        "gcc CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc \
         CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc",
    );
    check_choice(
        DEBIANS_ARMHF,
        "arm-unknown-linux-gnueabihf",
        Some(LinkerChoice::Gcc),
        "cpu-level: `arm-linux-gnueabihf-gcc` links a C library for ARMv7, but the target promises \
         ARMv6 only; compiler flags do not change that | install zig (`pip install ziglang`), \
         which has a C library for it | or name an image whose C library is for it (`cargo xpkg \
         help cross-images`) | or, if it will only run on newer processors: `--accept cpu-level`",
    );
}

#[test]
fn the_help_for_armv6_names_no_compiler_for_armv7() {
    let tried = |gcc: &str| {
        format!(
            "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
             gcc      `{gcc}` is not on PATH | clang    `clang` is not on PATH | rust-lld links \
             for musl only: for gnu it needs a sysroot | zig      not on PATH, and `python3 -m \
             ziglang` failed | image    none is configured for this target | install "
        )
    };
    check(
        "",
        "arm-unknown-linux-gnueabihf",
        &format!(
            "{}zig (`pip install ziglang`)",
            tried("arm-linux-gnueabihf-gcc")
        ),
    );
    check(
        "",
        "arm-unknown-linux-gnueabi",
        &format!(
            "{}a cross compiler (`apt-get install gcc-arm-linux-gnueabi`) or zig (`pip install \
             ziglang`)",
            tried("arm-linux-gnueabi-gcc")
        ),
    );
}

const MAC: &str = "aarch64-apple-darwin";

#[test]
fn frameworks_need_an_sdk() {
    // An archiver of Linux writes no index of objects for macOS.
    let linked = "zig CARGO_TARGET_AARCH64_APPLE_DARWIN_LINKER=xpkg-zigcc-zig-target \
                  CC_aarch64_apple_darwin=xpkg-zigcc-zig-target \
                  CXX_aarch64_apple_darwin=xpkg-zigcxx-zig-target \
                  AR_aarch64_apple_darwin=xpkg-zig-ar";
    check("zig ar", MAC, linked);
    check("zig framework:CoreFoundation sdk:15.5", MAC, linked);
    let set = "set Apple's SDK in xpkg's configuration, \
               `[workspace.metadata.xpkg.target.aarch64-apple-darwin]` with `sysroot = \
               \"…/MacOSX.sdk\"`, or build on a Mac | or, if they are not linked: `--accept \
               sdk-missing`";
    let reason = "links without an SDK, but packages need Security, objc \
                  (core-foundation-sys 0.8.7)";
    let reason = reason.replace(
        "Security, objc",
        "Security (core-foundation-sys 0.8.7), objc",
    );
    check_choice(
        "zig framework:Security framework:objc",
        MAC,
        Some(LinkerChoice::Zig),
        &format!("sdk-missing: {reason} | {set}"),
    );
    check_choice(
        "zig no-sdk",
        MAC,
        Some(LinkerChoice::Zig),
        "linker-unfit: cannot link with the SDK: `/x` is no SDK of Apple's | set `sysroot` to the \
         directory of an SDK for macOS: `…/MacOSX.sdk`",
    );
}

#[test]
fn an_ndk_links_for_android() {
    check(
        "ndk:aarch64-linux-android21-clang zig",
        "aarch64-linux-android",
        "clang CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER=xpkg-aarch64-linux-android21-clang \
         CC_aarch64_linux_android=xpkg-aarch64-linux-android21-clang \
         CXX_aarch64_linux_android=xpkg-aarch64-linux-android21-clang++ \
         AR_aarch64_linux_android=xpkg-llvm-ar",
    );
    check(
        "zig",
        "aarch64-linux-android",
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-android-gcc` is not on PATH | clang    needs Android's NDK, and neither \
         `ANDROID_NDK_HOME` nor `ANDROID_NDK_ROOT` is set | rust-lld links for musl only | zig      \
         includes no C library for linux-android | image    none is configured for this target | \
         install Android's NDK, and set `ANDROID_NDK_HOME` to its directory | or set a linker for it \
         in `CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER`",
    );
}

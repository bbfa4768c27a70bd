//! What is known to go wrong with toolchains, and the place where xpkg deals with each.
//!
//! The guide's table is made of these rows. A mistake that is dealt with in one place is not
//! probed in another.

/// A mistake of a toolchain, by what the user sees.
pub struct CatalogueRow {
    /// Symptom or cause, short.
    pub what: &'static str,
    /// How xpkg deals with it.
    pub dealt: Dealt,
    /// Issue in which people met it.
    pub source: &'static str,
}

/// How xpkg deals with a mistake.
pub enum Dealt {
    /// A code reports it, before the build or in what it made.
    Code(&'static str),
    /// Several codes do, by the place.
    Codes(&'static [&'static str]),
    /// It is avoided without a message; a sentence that says how.
    Avoided(&'static str),
    /// It is not found; a sentence that says why not.
    Open(&'static str),
}

use Dealt::{Avoided, Code, Codes, Open};

/// Makes a row.
const fn row(what: &'static str, dealt: Dealt, source: &'static str) -> CatalogueRow {
    CatalogueRow {
        what,
        dealt,
        source,
    }
}

/// All rows: compilers, then assemblers, linkers, the environment, Rust.
pub const CATALOGUE: &[CatalogueRow] = &[
    row(
        "`memcmp` stops at a NUL (GCC 9)",
        Code("gcc-95189"),
        "aws/aws-lc-rs#1093",
    ),
    row(
        "`__isoc23_strtol` is undefined",
        Codes(&["isoc23", "symbol-missing"]),
        "foxglove/foxglove-sdk#638",
    ),
    row(
        "`__memcpy_chk` is undefined: glibc's headers for musl",
        Codes(&["no-linker", "symbol-missing"]),
        "briansmith/ring#2127",
    ),
    row(
        "`__aarch64_ldadd4_relax` is undefined",
        Code("symbol-missing"),
        "rust-lang/git2-rs#706",
    ),
    row(
        "`__cpu_model` is undefined: zig cannot ask for the processor's extensions",
        Code("symbol-missing"),
        "measured",
    ),
    row(
        "no C compiler for the target",
        Code("no-linker"),
        "briansmith/ring#1414",
    ),
    row(
        "objects for another machine",
        Codes(&["no-linker", "wrong-machine"]),
        "rust-lang/cc-rs#1469",
    ),
    row(
        "`-flto` in `CFLAGS`, and a linker that cannot read it",
        Code("lto-objects"),
        "briansmith/ring#1444",
    ),
    row(
        "C and Rust disagree about `time_t`",
        Code("time64"),
        "rust-lang/libc#1848",
    ),
    row(
        "gcc 15 compiles for C23",
        Code("old-c"),
        "p11-glue/p11-kit#664",
    ),
    row(
        "gcc 14 rejects implicit declarations",
        Open(
            "the compiler's own error names the function; which packages are too old is not known",
        ),
        "gcc.gnu.org/gcc-14/porting_to.html",
    ),
    row(
        "zig: `unable to parse target query`",
        Avoided("xpkg's wrapper of zig translates `--target`"),
        "ziglang/zig#25314",
    ),
    row(
        "zig: `duplicate symbol: _start` with musl",
        Avoided("xpkg's wrapper of zig drops Rust's start files, or its own"),
        "ziglang/zig#5320",
    ),
    row(
        "zig: `unsupported linker arg`",
        Code("zig-argument"),
        "rust-lang/rust#161486",
    ),
    row(
        "zig traps undefined behavior of C",
        Avoided("xpkg's wrapper of zig switches the sanitizer off"),
        "ziglang/zig#5163",
    ),
    row(
        "jitter entropy must not be optimized",
        Code("jitter-entropy"),
        "aws/aws-lc-rs#1097",
    ),
    row(
        "aws-lc-sys' own test of the compiler fails to link",
        Code("aws-lc-test"),
        "aws/aws-lc-rs#1132",
    ),
    row(
        "another machine's assembler",
        Code("assembler-wrong"),
        "measured",
    ),
    row(
        "the assembler is older than ring",
        Code("assembler-old"),
        "briansmith/ring#2461",
    ),
    row(
        "musl-gcc as the linker: the program crashes at start",
        Codes(&["linker-unfit", "not-static"]),
        "rust-lang/rust#95926",
    ),
    row(
        "a static program with a loader (mold, musl)",
        Code("not-static"),
        "rui314/mold#858",
    ),
    row(
        "the linker is older than `.relr.dyn`",
        Code("relr-unread"),
        "measured",
    ),
    row("gold", Code("gold"), "rust-lang/rust#141748"),
    row(
        "`-fuse-ld` names a linker that is not there",
        Code("linker-absent"),
        "cross-rs/cross#1496",
    ),
    row(
        "a linker rejects a build script's version script of a library",
        Open(
            "rustc passes one of its own, with `--no-undefined-version`: lld names the missing symbol, \
             which `-Wl,--undefined-version` accepts, and GNU ld takes no second one with versions",
        ),
        "rust-lang/rust#105967",
    ),
    row(
        "an archive without an index",
        Code("archive-format"),
        "cross-rs/cross#137",
    ),
    row(
        "`-lunwind`, `-lgcc_s` are not found for musl",
        Code("library-missing"),
        "measured",
    ),
    row(
        "an executable stack, which `dlopen` of glibc 2.41 refuses",
        Code("executable-stack"),
        "sourceware.org/glibc 2.41",
    ),
    row(
        "symbols that are newer than the promised glibc",
        Code("above-glibc-floor"),
        "rust-lang/rust#113680",
    ),
    row(
        "`GLIBC_ABI_DT_RELR` is needed",
        Code("above-glibc-floor"),
        "measured",
    ),
    row(
        "`GLIBC_ABI_GNU2_TLS` is needed",
        Open(
            "distributions have added the name to older versions of glibc, so it tells no version",
        ),
        "measured",
    ),
    row(
        "flags for the host reach the target",
        Code("flags-leak"),
        "rust-lang/cc-rs#1469",
    ),
    row(
        "pkg-config finds the host's libraries",
        Codes(&["pkg-config-leak", "system-library-missing"]),
        "rust-cross/rust-musl-cross#44",
    ),
    row(
        "bindgen does not find `stddef.h`",
        Avoided("xpkg passes the headers of the C compiler to bindgen"),
        "rust-lang/rust-bindgen#1229",
    ),
    row(
        "protoc is missing, or for another machine",
        Code("tool-missing"),
        "tokio-rs/prost#929",
    ),
    row("protoc is too old", Code("tool-old"), "tokio-rs/prost#929"),
    row(
        "build scripts of one container run in an older one",
        Avoided("each image has a target directory of its own"),
        "cross-rs/cross#724",
    ),
    row(
        "rustc under emulation",
        Code("emulated"),
        "rust-lang/rust#96479",
    ),
    row(
        "Rust 1.98.0, 1.97.0 and 1.96.0 miscompile",
        Code("rust-release"),
        "rust-lang/rust#161441",
    ),
    row(
        "`open64` is undefined: an old libc crate and Rust 1.93's musl",
        Code("symbol-missing"),
        "rust-lang/rust#125692",
    ),
];

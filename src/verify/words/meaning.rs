//! Words that names of files promise a target by, with their meanings.

use crate::target::arch::{Arch, FloatAbi};
use crate::target::system::{Libc, Os};

/// Processor that a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// One processor.
    One(&'static Arch),
    /// Several in one file, as on Apple's systems.
    Universal,
}

/// Meaning of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    System(Os),
    /// Prefix of a row of the processors.
    Arch(&'static str),
    /// A processor that holds unless another is named: `win64` beside `arm64`.
    Implied(&'static str),
    /// Several processors.
    Universal,
    Libc(Libc),
    Float(FloatAbi),
    Floor(u32, u32),
    /// Oldest macOS.
    MacFloor(u32, u32),
    /// Vendor of a triple: what surrounds it is one.
    Vendor,
    /// A word without a meaning of its own that does not separate its neighbors.
    Glue,
}

use Meaning::{Arch as A, Floor, Glue, Implied, Libc as L, System as S, Universal, Vendor};

pub const HARD: Meaning = Meaning::Float(FloatAbi::Hard);
const SOFT: Meaning = Meaning::Float(FloatAbi::Soft);

/// Words with their meanings. The pieces of one are separated by anything: `x86_64` is `x86-64`, too.
#[rustfmt::skip]
pub const WORDS: &[(&str, &[Meaning])] = &[
    // Systems
    ("linux", &[S(Os::Linux)]), ("linux32", &[S(Os::Linux), Implied("i686")]), ("linux64", &[S(Os::Linux), Implied("x86_64")]),
    ("ubuntu", &[S(Os::Linux)]), ("debian", &[S(Os::Linux)]), ("fedora", &[S(Os::Linux)]), ("centos", &[S(Os::Linux)]), ("rhel", &[S(Os::Linux)]),
    ("alpine", &[S(Os::Linux), L(Libc::Musl)]), ("musllinux", &[S(Os::Linux), L(Libc::Musl)]), ("manylinux", &[S(Os::Linux), L(Libc::Gnu)]),
    ("manylinux1", &[S(Os::Linux), L(Libc::Gnu), Floor(2, 5)]), ("manylinux2010", &[S(Os::Linux), L(Libc::Gnu), Floor(2, 12)]),
    ("manylinux2014", &[S(Os::Linux), L(Libc::Gnu), Floor(2, 17)]),
    ("darwin", &[S(Os::Darwin)]), ("macos", &[S(Os::Darwin)]), ("macosx", &[S(Os::Darwin)]), ("osx", &[S(Os::Darwin)]), ("mac", &[S(Os::Darwin)]),
    ("macos64", &[S(Os::Darwin), Implied("x86_64")]), ("osx64", &[S(Os::Darwin), Implied("x86_64")]), ("mac64", &[S(Os::Darwin), Implied("x86_64")]),
    ("apple-silicon", &[S(Os::Darwin), A("aarch64")]), ("applesilicon", &[S(Os::Darwin), A("aarch64")]),
    ("windows", &[S(Os::Windows)]), ("win", &[S(Os::Windows)]), ("win32", &[S(Os::Windows), Implied("i686")]), ("win64", &[S(Os::Windows), Implied("x86_64")]),
    ("windows32", &[S(Os::Windows), Implied("i686")]), ("windows64", &[S(Os::Windows), Implied("x86_64")]),
    ("mingw", &[S(Os::Windows)]), ("mingw32", &[S(Os::Windows)]), ("mingw64", &[S(Os::Windows)]), ("msvc", &[S(Os::Windows)]), ("cygwin", &[S(Os::Windows)]),
    ("freebsd", &[S(Os::FreeBsd)]), ("netbsd", &[S(Os::NetBsd)]), ("openbsd", &[S(Os::OpenBsd)]), ("dragonfly", &[S(Os::Dragonfly)]), ("dragonflybsd", &[S(Os::Dragonfly)]),
    ("android", &[S(Os::Android)]), ("androideabi", &[S(Os::Android)]), ("solaris", &[S(Os::Solaris)]), ("sunos", &[S(Os::Solaris)]), ("illumos", &[S(Os::Illumos)]),
    ("aix", &[S(Os::Aix)]), ("plan9", &[S(Os::Plan9)]), ("ios", &[S(Os::Ios)]), ("js", &[S(Os::Js)]),
    ("wasi", &[S(Os::Wasi)]), ("wasip1", &[S(Os::WasiP1)]), ("wasip2", &[S(Os::WasiP2)]),
    // Processors
    ("x86_64", &[A("x86_64")]), ("amd64", &[A("x86_64")]), ("x64", &[A("x86_64")]), ("x8664", &[A("x86_64")]), ("64bit", &[Implied("x86_64")]), ("64-bit", &[Implied("x86_64")]), ("64bit-arm", &[A("aarch64")]),
    ("intel", &[Implied("x86_64")]), ("intel64", &[A("x86_64")]),
    ("amd64v1", &[A("x86_64")]), ("amd64v2", &[A("x86_64")]), ("amd64v3", &[A("x86_64")]), ("amd64v4", &[A("x86_64")]),
    ("aarch64", &[A("aarch64")]), ("aarch_64", &[A("aarch64")]), ("arm64", &[A("aarch64")]), ("arm64v8", &[A("aarch64")]), ("armv8", &[A("aarch64")]), ("arm64e", &[A("aarch64")]),
    ("armv7", &[A("armv7")]), ("armv7l", &[A("armv7")]), ("armv7a", &[A("armv7")]), ("arm7", &[A("armv7")]), ("arm32v7", &[A("armv7")]), ("arm/v7", &[A("armv7")]),
    ("armv7hf", &[A("armv7"), HARD]), ("armv7hl", &[A("armv7"), HARD]), ("armv7hnl", &[A("armv7"), HARD]), ("arm32-v7a", &[A("armv7")]), ("arm64-v8a", &[A("aarch64")]), ("armeabi-v7a", &[A("armv7")]), ("thumbv7neon", &[A("thumbv7neon")]),
    ("armv6", &[A("arm")]), ("armv6l", &[A("arm")]), ("arm6", &[A("arm")]), ("arm32v6", &[A("arm")]), ("arm/v6", &[A("arm")]), ("armv6hf", &[A("arm"), HARD]), ("armv6hl", &[A("arm"), HARD]), ("arm32-v6", &[A("arm")]),
    // ARMv7 and ARMv5TE in Debian, ARMv6 in the releases of others: the version is open.
    ("armhf", &[A("arm"), HARD]), ("armel", &[A("arm"), SOFT]),
    ("arm", &[A("arm")]), ("arm32", &[A("arm")]),
    ("armv5te", &[A("armv5te")]), ("armv5", &[A("armv5te")]), ("armv5l", &[A("armv5te")]), ("arm5", &[A("armv5te")]), ("arm32v5", &[A("armv5te")]), ("arm/v5", &[A("armv5te")]),
    ("arm32-v5", &[A("armv5te")]),
    ("i686", &[A("i686")]), ("i586", &[A("i586")]), ("i486", &[A("i586")]), ("i386", &[A("i686")]), ("386", &[A("i686")]), ("x86", &[A("i686")]), ("x86_32", &[A("i686")]), ("ia32", &[A("i686")]),
    ("32bit", &[Implied("i686")]), ("32-bit", &[Implied("i686")]),
    ("riscv64", &[A("riscv64gc")]), ("riscv64gc", &[A("riscv64gc")]),
    ("ppc64le", &[A("powerpc64le")]), ("ppc64el", &[A("powerpc64le")]), ("powerpc64le", &[A("powerpc64le")]), ("ppcle_64", &[A("powerpc64le")]),
    ("ppc64", &[A("powerpc64")]), ("powerpc64", &[A("powerpc64")]), ("powerpc", &[A("powerpc")]),
    ("s390x", &[A("s390x")]), ("s390_64", &[A("s390x")]),
    ("loongarch64", &[A("loongarch64")]), ("loong64", &[A("loongarch64")]), ("sparc64", &[A("sparc64")]),
    ("mips", &[A("mips")]), ("mips32", &[A("mips")]), ("mips32le", &[A("mipsel")]), ("mipsel", &[A("mipsel")]), ("mipsle", &[A("mipsel")]), ("mips64", &[A("mips64")]), ("mips64el", &[A("mips64el")]), ("mips64le", &[A("mips64el")]),
    ("wasm32", &[A("wasm32")]), ("wasm", &[A("wasm32")]),
    ("universal", &[Universal]), ("universal2", &[Universal]),
    // C libraries and conventions
    ("gnu", &[L(Libc::Gnu)]), ("glibc", &[L(Libc::Gnu)]), ("gnueabihf", &[L(Libc::Gnu), HARD]), ("gnueabi", &[L(Libc::Gnu), SOFT]), ("gnux32", &[L(Libc::Gnu)]),
    ("musl", &[L(Libc::Musl)]), ("musleabihf", &[L(Libc::Musl), HARD]), ("musleabi", &[L(Libc::Musl), SOFT]),
    ("muslsf", &[L(Libc::Musl), SOFT]), ("linuxmusl", &[S(Os::Linux), L(Libc::Musl)]), ("mipsle-sf", &[A("mipsel"), SOFT]), ("mips-sf", &[A("mips"), SOFT]),
    ("eabihf", &[HARD]), ("softfloat", &[SOFT]), ("hardfloat", &[HARD]),
    // Parts of triples
    ("unknown", &[Vendor]), ("pc", &[Vendor]), ("apple", &[Vendor]), ("w64", &[Vendor]),
    ("gnullvm", &[Glue]), ("static", &[Glue]),
    // Machines that a cross compiler compiles for
    ("arm-none-eabi", &[]), ("arm-none-eabihf", &[]), ("aarch64-none-elf", &[]), ("riscv64-unknown-elf", &[]), ("riscv-none-elf", &[]),
];

/// Ends of file names that only one system has a use for.
pub const ENDS: &[(&str, Os)] = &[
    (".exe", Os::Windows),
    (".msi", Os::Windows),
    (".msix", Os::Windows),
    (".dll", Os::Windows),
    (".dmg", Os::Darwin),
    (".pkg", Os::Darwin),
    (".dylib", Os::Darwin),
    (".deb", Os::Linux),
    (".rpm", Os::Linux),
    (".appimage", Os::Linux),
    (".snap", Os::Linux),
    (".flatpak", Os::Linux),
];

/// End of the names of WebAssembly, which name its processor: there is one only.
pub const WASM: &str = ".wasm";

/// Last pieces of files' names, which name nothing else.
pub const FILE_ENDS: &[&str] = &[
    "so", "dll", "dylib", "pyd", "node", "bin", "tar", "tgz", "txz", "tbz", "gz", "xz", "bz2",
    "zst", "zip", "7z", "exe", "wasm",
];

/// Words for 32-bit Arm that leave its version open.
pub const OPEN: &[&str] = &["arm", "arm32", "armhf", "armel"];

/// Word that makes x86-64 x32.
pub const X32_WORD: &str = "gnux32";

//! The target that a name promises: `app-1.2-x86_64-unknown-linux-musl`, `app_linux_amd64`,
//! `dist/linux/arm/v7/app`, `app-cp39-manylinux_2_17_aarch64`.
//!
//! A name is cut into pieces of letters and digits. Neighboring pieces with a meaning are a group. A
//! whole triple beats a system beside a processor, which beats single words: a product may be called
//! `windows_exporter`. A single word that begins a file's name is taken for the product's.
//!
//! Pure.

use std::ops::Range;

use crate::target::arch::{self, Arch, FloatAbi};
use crate::target::glibc::Glibc;
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};

/// Processor that a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// One processor.
    One(&'static Arch),
    /// Several in one file, as on Apple's systems.
    Universal,
}

/// What a name promises. What it does not name is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Operating system.
    pub system: Option<Os>,
    /// Processor.
    pub processor: Option<Processor>,
    /// C library of Linux.
    pub libc: Option<Libc>,
    /// Float ABI of 32-bit Arm and MIPS.
    pub float: FloatAbi,
    /// glibc floor.
    pub floor: Option<Glibc>,
    /// Oldest macOS, as the tag of a wheel has it.
    pub macos: Option<MacOs>,
    /// True if the version of the processor is open: projects call every 32-bit Arm `arm`, ARMv7
    /// included.
    pub is_open: bool,
    /// True if a whole triple says so, as Rust's targets are named.
    pub is_triple: bool,
    /// The words that say so, as they are written, joined by hyphens.
    pub words: String,
}

/// Meaning of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
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

use Meaning::{
    Arch as A, Floor, Glue, Implied, Libc as L, MacFloor, System as S, Universal, Vendor,
};

const HARD: Meaning = Meaning::Float(FloatAbi::Hard);
const SOFT: Meaning = Meaning::Float(FloatAbi::Soft);

/// Words with their meanings. The pieces of one are separated by anything: `x86_64` is `x86-64`, too.
#[rustfmt::skip]
const WORDS: &[(&str, &[Meaning])] = &[
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
const ENDS: &[(&str, Os)] = &[
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
const WASM: &str = ".wasm";

/// A piece of a path: a run of letters and digits.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    /// Letter that separates it from the next piece of the component.
    separator: Option<char>,
    /// Place of its first byte in the path.
    start: usize,
    /// Number of its component in the path.
    component: usize,
}

impl Piece<'_> {
    fn is_number(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// A word found in a path: its pieces and its meanings.
#[derive(Debug, Clone)]
struct Word {
    pieces: Range<usize>,
    meanings: Vec<Meaning>,
}

impl Word {
    /// Returns the word as it is written.
    fn text<'a>(&self, path: &'a str, pieces: &[Piece]) -> &'a str {
        let (Some(first), Some(last)) = (
            pieces.get(self.pieces.start),
            pieces.get(self.pieces.end.saturating_sub(1)),
        ) else {
            return "";
        };
        &path[first.start..last.start + last.text.len()]
    }

    fn is_system(&self) -> bool {
        self.meanings.iter().any(|meaning| matches!(meaning, S(_)))
    }
}

/// How certain a group of words is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// A system and a processor with a vendor between them.
    Triple,
    /// A system beside a processor.
    Pair,
    /// Words on their own.
    Lone,
}

/// Neighboring words.
#[derive(Debug)]
struct Group {
    words: Vec<Word>,
}

impl Group {
    fn meanings(&self) -> impl Iterator<Item = Meaning> {
        self.words
            .iter()
            .flat_map(|word| word.meanings.iter().copied())
    }

    fn certainty(&self) -> Certainty {
        let has = |wanted: fn(&Meaning) -> bool| self.meanings().any(|meaning| wanted(&meaning));
        let system = has(|meaning| matches!(meaning, S(_)));
        let processor = has(|meaning| matches!(meaning, A(_) | Implied(_) | Universal));
        match (system, processor, has(|meaning| *meaning == Vendor)) {
            // `wasm32-unknown-unknown` names no system.
            (_, true, true) => Certainty::Triple,
            (true, true, false) => Certainty::Pair,
            _ => Certainty::Lone,
        }
    }

    /// Returns true for a single word that may be a product's name, or a part of one.
    fn is_ambiguous(&self, pieces: &[Piece]) -> bool {
        if self.certainty() != Certainty::Lone {
            return false;
        }
        let Some(first) = self.words.first() else {
            return true;
        };
        let start = first.pieces.start;
        // `js` and `wasm` are what many products are about.
        let text = pieces[start].text;
        let is_topic = self.words.len() == 1 && (text == "js" || text == "wasm");
        let component = pieces[start].component;
        let begins = start == 0 || pieces[start - 1].component != component;
        let end = self.words.last().map_or(start, |word| word.pieces.end);
        let is_followed = pieces
            .get(end)
            .is_some_and(|next| next.component == component && !FILE_ENDS.contains(&next.text));
        is_topic || begins && is_followed
    }
}

/// Last pieces of files' names, which name nothing else.
const FILE_ENDS: &[&str] = &[
    "so", "dll", "dylib", "pyd", "node", "bin", "tar", "tgz", "txz", "tbz", "gz", "xz", "bz2",
    "zst", "zip", "7z", "exe", "wasm",
];

/// Words for 32-bit Arm that leave its version open.
const OPEN: &[&str] = &["arm", "arm32", "armhf", "armel"];

/// Word that makes x86-64 x32.
const X32_WORD: &str = "gnux32";

/// Reads what a path promises; `None` if it promises neither a system nor a processor.
pub fn promise(path: &str) -> Option<Promise> {
    let path = path.to_lowercase();
    let pieces = pieces(&path);
    let mut groups = groups(&pieces, words(&pieces));
    groups.retain(|group| !group.is_ambiguous(&pieces));
    let end = ENDS
        .iter()
        .find(|(end, _)| path.ends_with(end))
        .map(|(_, system)| *system);
    let level = |certainty: Certainty| -> Vec<Meaning> {
        groups
            .iter()
            .filter(|group| group.certainty() == certainty)
            .flat_map(Group::meanings)
            .collect()
    };
    let [triple, pair, lone] = [Certainty::Triple, Certainty::Pair, Certainty::Lone].map(level);
    let is_wasm = path.ends_with(WASM);
    let of_end = end.map(S).into_iter();
    let ends: Vec<Meaning> = of_end.chain(is_wasm.then_some(A("wasm32"))).collect();
    let levels = [triple, pair, ends, lone];
    let system = first_of(&levels, |meaning| match meaning {
        S(system) => Some(system),
        _ => None,
    });
    let explicit = first_of(&levels, |meaning| match meaning {
        A(prefix) => Arch::of_prefix(prefix).map(Processor::One),
        Universal => Some(Processor::Universal),
        _ => None,
    });
    let implied = || {
        first_of(&levels, |meaning| match meaning {
            Implied(prefix) => Arch::of_prefix(prefix).map(Processor::One),
            _ => None,
        })
    };
    let processor = match explicit {
        Found::Nothing => implied(),
        found => found,
    };
    let is_linux = matches!(system, Found::One(Os::Linux) | Found::Nothing);
    let libc = first_of(&levels, |meaning| match meaning {
        L(libc) if is_linux => Some(libc),
        _ => None,
    });
    let float = first_of(&levels, |meaning| match meaning {
        Meaning::Float(float) => Some(float),
        _ => None,
    });
    let floor = first_of(&levels, |meaning| match meaning {
        Floor(major, minor) if is_linux => Some(Glibc {
            major,
            minor,
            patch: 0,
        }),
        _ => None,
    });
    let macos = first_of(&levels, |meaning| match meaning {
        MacFloor(major, minor) => Some(MacOs { major, minor }),
        _ => None,
    });
    let (system, processor) = (system.one(), processor.one());
    if system.is_none() && processor.is_none() {
        return None;
    }
    let triple = groups
        .iter()
        .find(|group| group.certainty() == Certainty::Triple);
    let named: Vec<&Group> = triple.map_or_else(|| groups.iter().collect(), |group| vec![group]);
    let mut words: Vec<&str> = Vec::new();
    for word in named.into_iter().flat_map(|group| &group.words) {
        let text = word.text(&path, &pieces);
        if !words.contains(&text) {
            words.push(text);
        }
    }
    if words.is_empty() && is_wasm {
        words.push("wasm32");
    }
    let is_x32 = |one: &Processor| {
        words.contains(&X32_WORD) && matches!(one, Processor::One(arch) if arch.prefix == "x86_64")
    };
    let processor = match processor.filter(is_x32) {
        Some(_) => Arch::of_prefix(arch::X32).map(Processor::One),
        None => processor,
    };
    let is_open = triple.is_none() && words.iter().any(|word| OPEN.contains(word));
    Some(Promise {
        system,
        processor,
        libc: libc.one(),
        float: float.one().unwrap_or(FloatAbi::Unspecified),
        floor: floor.one(),
        macos: macos.one(),
        is_open,
        is_triple: triple.is_some(),
        words: words.join("-"),
    })
}

/// Returns true if a path names a processor, be it several different ones.
pub fn names_processor(path: &str) -> bool {
    named(path).next().is_some()
}

/// Returns the processors that a path names, be they several different ones.
pub fn processors(path: &str) -> Vec<&'static Arch> {
    let arches = named(path).filter_map(|meaning| match meaning {
        A(prefix) => Arch::of_prefix(prefix),
        _ => None,
    });
    arches.collect()
}

/// Returns the meanings of all words for processors in a path.
fn named(path: &str) -> impl Iterator<Item = Meaning> {
    let path = path.to_lowercase();
    let meanings: Vec<Meaning> = words(&pieces(&path))
        .iter()
        .flat_map(|word| word.meanings.clone())
        .filter(|meaning| matches!(meaning, A(_) | Universal))
        .collect();
    meanings.into_iter()
}

/// Value of a property of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found<T> {
    Nothing,
    One(T),
    /// Words of the same certainty contradict each other.
    Several,
}

impl<T> Found<T> {
    fn one(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::Nothing | Self::Several => None,
        }
    }
}

/// Returns the value of a property from the most certain words that have one.
fn first_of<T: Specific>(
    levels: &[Vec<Meaning>],
    wanted: impl Fn(Meaning) -> Option<T>,
) -> Found<T> {
    for level in levels {
        let mut values = level.iter().filter_map(|meaning| wanted(*meaning));
        let Some(first) = values.next() else {
            continue;
        };
        return values
            .try_fold(first, T::more_specific)
            .map_or(Found::Several, Found::One);
    }
    Found::Nothing
}

/// Values of which one may include another.
trait Specific: Copy + PartialEq {
    /// Returns the value that both together mean; `None` if they contradict each other.
    fn more_specific(self, other: Self) -> Option<Self> {
        (self == other).then_some(self)
    }
}

impl Specific for Os {
    fn more_specific(self, other: Self) -> Option<Self> {
        match (self, other) {
            // `aarch64-linux-android`
            (Self::Linux, Self::Android) | (Self::Android, Self::Linux) => Some(Self::Android),
            (Self::Wasi, version) if version.may_be(self) => Some(version),
            (version, Self::Wasi) if version.may_be(other) => Some(version),
            _ => (self == other).then_some(self),
        }
    }
}

impl Specific for Processor {
    fn more_specific(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Universal, _) | (_, Self::Universal) => Some(Self::Universal),
            // `arm` beside `armv7`, `x86` beside `i386`: one family, of which one word says more.
            (Self::One(first), Self::One(second)) if first.name == second.name => {
                let is_general = first.prefix == "arm" || first.prefix == "i686";
                Some(if is_general { other } else { self })
            }
            _ => (self == other).then_some(self),
        }
    }
}

impl Specific for Libc {}

impl Specific for FloatAbi {}

impl Specific for Glibc {
    /// Of `manylinux_2_17` and `manylinux2014` the older one holds.
    fn more_specific(self, other: Self) -> Option<Self> {
        Some(self.min(other))
    }
}

impl Specific for MacOs {
    /// A wheel with several tags is installed on the oldest of them.
    fn more_specific(self, other: Self) -> Option<Self> {
        Some(self.min(other))
    }
}

/// Cuts a path into its pieces.
fn pieces(path: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (component, name) in path.split('/').enumerate() {
        let mut at = start;
        for text in name.split(|letter: char| !letter.is_alphanumeric()) {
            if !text.is_empty() {
                pieces.push(Piece {
                    text,
                    separator: path[at + text.len()..].chars().next(),
                    start: at,
                    component,
                });
            }
            // One separator, which may have several bytes.
            at += text.len();
            at += path[at..].chars().next().map_or(0, char::len_utf8);
        }
        start += name.len() + 1;
    }
    pieces
}

/// Finds the words. Where two overlap, the one with more pieces counts.
fn words(pieces: &[Piece]) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let is_after_system = found
            .last()
            .is_some_and(|word| word.pieces.end == at && word.is_system());
        match word_at(pieces, at, is_after_system) {
            Some(word) => {
                at = word.pieces.end;
                found.push(word);
            }
            None => at += 1,
        }
    }
    found
}

/// Returns the longest word that begins with a piece.
fn word_at(pieces: &[Piece], at: usize, is_after_system: bool) -> Option<Word> {
    let text = pieces[at].text;
    let number = |at: usize| pieces.get(at).and_then(|piece| piece.text.parse().ok());
    let number_of = |at: usize, wanted: &[&str]| {
        pieces
            .get(at)
            .is_some_and(|piece| wanted.contains(&piece.text))
    };
    let word = |length: usize, meanings: &[Meaning]| {
        Some(Word {
            pieces: at..at + length,
            meanings: meanings.to_vec(),
        })
    };
    // `linux-64`, `osx-64`, `win-32`: conda's names. In `linux-64-1.2` a version follows, and
    // `linux-64.1` is one.
    let is_word = number(at + 1).is_none() || pieces[at].separator == Some('-');
    if is_after_system && is_word {
        match text {
            "64" => return word(1, &[Implied("x86_64")]),
            // Not the ABI of Linux of this name.
            "32" | "x32" => return word(1, &[Implied("i686")]),
            // `darwin_all`
            "all" => return word(1, &[Universal]),
            _ => {}
        }
    }
    // `linux-arm-7`: GoReleaser's names. Elsewhere the number may be a version.
    if is_after_system && text == "arm" && number(at + 2).is_none() {
        let arms = [("5", "armv5te"), ("6", "arm"), ("7", "armv7")];
        let found = arms.iter().find(|(number, _)| number_of(at + 1, &[number]));
        if let Some((_, prefix)) = found {
            return word(2, &[A(prefix)]);
        }
    }
    // `macosx_11_0_arm64`
    if text == "macosx"
        && let (Some(major), Some(minor)) = (number(at + 1), number(at + 2))
        && number(at + 3).is_none()
    {
        return word(3, &[S(Os::Darwin), MacFloor(major, minor)]);
    }
    // `glibc2.28`, `glibc-2.28`, `gnu.2.17`, `manylinux_2_17`
    let floors = [
        ("manylinux", S(Os::Linux)),
        ("glibc", L(Libc::Gnu)),
        ("gnu", L(Libc::Gnu)),
        ("gnueabihf", L(Libc::Gnu)),
    ];
    for (base, meaning) in floors {
        let meanings = |minor| match base {
            "gnueabihf" => vec![meaning, HARD, Floor(2, minor)],
            _ => vec![meaning, L(Libc::Gnu), Floor(2, minor)],
        };
        // Three numbers are the version of something else: `app-linux-x64-glibc-2.4.1`.
        if text == base
            && number_of(at + 1, &["2"])
            && let Some(minor) = number(at + 2)
            && number(at + 3).is_none()
        {
            return word(3, &meanings(minor));
        }
        // `glibc-217`
        if text == base
            && let Some(joined @ 200..=299) = number(at + 1)
        {
            return word(2, &meanings(joined - 200));
        }
        if text.strip_prefix(base) == Some("2")
            && let Some(minor) = number(at + 1)
        {
            return word(2, &meanings(minor));
        }
    }
    let mut longest: Option<(usize, &[Meaning])> = None;
    for (name, meanings) in WORDS {
        let parts: Vec<&str> = name
            .split(|letter: char| !letter.is_alphanumeric())
            .collect();
        let fits = parts.iter().enumerate().all(|(index, part)| {
            pieces.get(at + index).is_some_and(|piece| {
                // Only Docker's platforms go over components: `linux/arm/v7`.
                let is_here = piece.component == pieces[at].component || name.contains('/');
                piece.text == *part && is_here
            })
        });
        if fits && longest.is_none_or(|(length, _)| parts.len() > length) {
            longest = Some((parts.len(), meanings));
        }
    }
    if let Some((length, meanings)) = longest {
        // `x86_64_v3`, `amd64_v1`
        let is_amd64 = meanings == [A("x86_64")];
        let levels = ["v1", "v2", "v3", "v4"];
        let level = usize::from(is_amd64 && number_of(at + length, &levels));
        return word(length + level, meanings);
    }
    // `winarm64`, `linuxx64`, `macaarch64`
    let is_system = |meanings: &[Meaning]| matches!(meanings, [S(_)]);
    let is_arch = |meanings: &[Meaning]| matches!(meanings, [A(_), ..]);
    let joined = WORDS.iter().find_map(|(system, first)| {
        let rest = text.strip_prefix(system).filter(|_| is_system(first))?;
        let (_, second) = WORDS
            .iter()
            .find(|(arch, second)| *arch == rest && is_arch(second))?;
        Some([*first, *second].concat())
    });
    if let Some(meanings) = joined {
        return word(1, &meanings);
    }
    // `freebsd13`, `macos11`, `ubuntu2204`
    let base = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let (_, meanings) = WORDS.iter().find(|(name, meanings)| {
        *name == base && base.len() > 2 && matches!(meanings, [S(_), ..])
    })?;
    word(1, meanings)
}

/// Puts neighbors together. Numbers behind a system are its version: `macosx_11_0_arm64`.
fn groups(pieces: &[Piece], words: Vec<Word>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for word in words {
        let previous = groups.last_mut().and_then(|group| {
            let last = group.words.last()?;
            let between = &pieces[last.pieces.end..word.pieces.start];
            let is_near =
                between.is_empty() || last.is_system() && between.iter().all(Piece::is_number);
            is_near.then_some(group)
        });
        match previous {
            Some(group) => group.words.push(word),
            None => groups.push(Group { words: vec![word] }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formats a reading as in the tables of names.
    fn shown(name: &str) -> [String; 5] {
        let none = || "-".to_owned();
        let Some(promise) = promise(name) else {
            return std::array::from_fn(|_| none());
        };
        let processor = promise.processor.map(|processor| match processor {
            Processor::One(arch) if arch.prefix == "i586" => "i686".to_owned(),
            Processor::One(arch) => arch.prefix.to_owned(),
            Processor::Universal => "universal".to_owned(),
        });
        [
            promise
                .system
                .map_or_else(none, |system| system.name().to_owned()),
            processor.unwrap_or_else(none),
            promise
                .libc
                .map_or_else(none, |libc| libc.name().to_owned()),
            match promise.float {
                FloatAbi::Unspecified => none(),
                FloatAbi::Soft => "soft".to_owned(),
                FloatAbi::Hard => "hard".to_owned(),
            },
            promise.floor.map_or_else(none, |floor| floor.to_string()),
        ]
    }

    /// Names that projects have published, with what each promises.
    const PUBLISHED: &str = include_str!("published-names.tsv");

    #[test]
    fn published_names_are_read_as_people_read_them() {
        let mut wrong = Vec::new();
        let mut count = 0;
        for line in PUBLISHED.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let [_, name, expected @ ..] = columns.as_slice() else {
                panic!("{line}");
            };
            count += 1;
            let found = shown(name);
            if found != *expected {
                wrong.push(format!(
                    "{name}: {} / {}",
                    found.join(" "),
                    expected.join(" ")
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {count}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    fn check(path: &str, expected: &str) {
        assert_eq!(shown(path).join(" "), expected, "{path}");
    }

    #[test]
    fn directories_promise_as_names_do() {
        check("x86_64-unknown-linux-musl/app/app", "linux x86_64 musl - -");
        check(
            "dist/x86_64-unknown-linux-gnu.2.17/app",
            "linux x86_64 gnu - 2.17",
        );
        check("x86_64-unknown-linux-gnux32/app", "linux x86_64x32 gnu - -");
        check("linux/amd64/app", "linux x86_64 - - -");
        check("linux/arm/v7/app", "linux armv7 - - -");
        check("musl/arm64/app", "- aarch64 musl - -");
        check("x86/app", "- i686 - - -");
        check("x86_64/app", "- x86_64 - - -");
        check("charm/alarm", "- - - - -");
    }

    #[test]
    fn words_of_the_same_certainty_that_differ_promise_nothing() {
        check("app-windows-or-linux.zip", "- - - - -");
        check(
            "x86_64-unknown-linux-gnu/aarch64-unknown-linux-gnu/app",
            "linux - gnu - -",
        );
        assert!(names_processor("x86_64-unknown-linux-gnu/aarch64-app"));
        assert!(!names_processor("app-linux"));
    }

    #[test]
    fn a_products_own_name_is_no_promise() {
        check("windows_exporter-0.25.1-linux-amd64", "linux x86_64 - - -");
        check("android-tools-35.0.2.tar.xz", "- - - - -");
        check("linux-6.12.tar.xz", "- - - - -");
        check("windows.zip", "windows - - - -");
        check("wasm-pack-0.13.0.tar.gz", "- - - - -");
    }
}

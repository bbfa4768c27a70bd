//! The target that a name promises: `app-1.2-x86_64-unknown-linux-musl`, `app_linux_amd64`,
//! `dist/linux/arm/v7/app`, `app-cp39-manylinux_2_17_aarch64`.
//!
//! A name is cut into pieces of letters and digits. Neighboring pieces with a meaning are a group. A
//! whole triple beats a system beside a processor, which beats single words: a product may be called
//! `windows_exporter`. A single word that begins a file's name is taken for the product's.
//!
//! Pure.

pub mod meaning;
mod pieces;
mod specific;

use crate::target::arch::{self, Arch, FloatAbi};
use crate::target::glibc::Glibc;
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};
use crate::verify::words::meaning::{ENDS, Meaning, OPEN, Processor, WASM, X32_WORD};
use crate::verify::words::pieces::{Certainty, Group, groups, pieces, words};
use crate::verify::words::specific::{Found, first_of};

use Meaning::{Arch as A, Floor, Implied, Libc as L, MacFloor, System as S, Universal};

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

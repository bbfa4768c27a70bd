//! One compile that tells what a compiler is: its version, the machine and the C library of its
//! headers, and habits that matter to a link.

use serde::{Deserialize, Serialize};

use crate::toolchain::probe::object::Object;

/// What is compiled. It includes two headers, so a compiler without a C library does not take it.
pub const FACTS_OBJECT: &str = include_str!("facts.c");

const MAGIC: [u32; 2] = [0x7870_6b67, 0x6661_6374];

/// What the object tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompilerFacts {
    /// The format's own name for the processor.
    pub machine: String,
    /// clang's major version; 0: it is none.
    pub clang: u32,
    /// What it says of itself as GCC (clang says 4.2.1).
    pub gcc: [u32; 3],
    /// The glibc of its headers, major and minor; `None`: they are not glibc's.
    pub glibc: Option<[u32; 2]>,
    /// Bytes of a pointer.
    pub pointer: u32,
    /// Bytes of `time_t`.
    pub time_t: u32,
    /// It writes LTO objects with the flags it was given.
    pub lto: bool,
    /// It checks for undefined behaviour, so its objects want a runtime.
    pub ubsan: bool,
    /// Its headers turn `strtol` into `__isoc23_strtol`, which is in glibc 2.38 and later only.
    pub isoc23: bool,
    /// It calls `__aarch64_…` for atomics, which Rust's own musl does not have.
    pub outline_atomics: bool,
}

impl CompilerFacts {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let object = Object::parse(bytes)?;
        let words = |read: fn([u8; 4]) -> u32| find(bytes, read);
        let numbers = words(u32::from_le_bytes).or_else(|| words(u32::from_be_bytes));
        let [clang, major, minor, patch, glibc, pointer, time_t] = match numbers {
            Some(numbers) => numbers,
            // Intermediate code: nothing to read but that.
            None if object.lto => [0; 7],
            None => return Err("its object does not hold the facts".to_owned()),
        };
        Ok(Self {
            machine: object.machine.clone(),
            clang,
            gcc: [major, minor, patch],
            glibc: (glibc > 0).then_some([glibc / 1000, glibc % 1000]),
            pointer,
            time_t,
            lto: object.lto,
            ubsan: object.wants_like("__ubsan_"),
            isoc23: object.wants_like("__isoc23_"),
            outline_atomics: object.wants_like("__aarch64_"),
        })
    }
}

/// The numbers behind the magic.
fn find(bytes: &[u8], read: fn([u8; 4]) -> u32) -> Option<[u32; 7]> {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|word| word.try_into().ok())
            .map(read)
    };
    let at = (0..bytes.len())
        .find(|at| word(*at) == Some(MAGIC[0]) && word(at + 4) == Some(MAGIC[1]))?;
    let mut numbers = [0; 7];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = word(at + 8 + index * 4)?;
    }
    Some(numbers)
}

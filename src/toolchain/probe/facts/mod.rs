//! One compile that reveals a compiler's properties: its version, the machine, the C library of its
//! headers, and habits that matter to a link.

use serde::{Deserialize, Serialize};

use crate::inspect;
use crate::target::level::{Level, X86Isa};
use crate::toolchain::probe::object::Object;

/// C source of the facts object. It includes two headers, so a compiler without a C library rejects
/// it.
pub const FACTS_OBJECT: &str = include_str!("facts.c");

/// Marker before the numbers in the object's data.
const MAGIC: [u32; 2] = [0x7870_6b67, 0x6661_6374];

/// Facts read from the object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompilerFacts {
    /// Name of the processor in the object's format: `EM_X86_64`.
    pub machine: String,
    /// clang's major version; 0 if it is another compiler.
    pub clang: u32,
    /// Version that it reports as GCC (clang reports 4.2.1).
    pub gcc: [u32; 3],
    /// Major and minor version of the glibc of its headers; `None` if they are another library's.
    pub glibc: Option<[u32; 2]>,
    /// Size of a pointer in bytes.
    pub pointer: u32,
    /// Size of `time_t` in bytes.
    pub time_t: u32,
    /// True if its objects contain intermediate code only, with the flags it was given.
    pub lto: bool,
    /// True if it checks for undefined behavior, so that its objects need a runtime.
    pub ubsan: bool,
    /// True if its headers turn `strtol` into `__isoc23_strtol`, which exists since glibc 2.38
    /// only.
    pub isoc23: bool,
    /// True if it calls `__aarch64_…` for atomics, which Rust's own musl does not have.
    pub outline_atomics: bool,
    /// Level of processor that its code needs; `None` if the object does not record it.
    pub level: Option<Level>,
    /// C standard that it compiles for without `-std`: 201710; 0 if it is unknown.
    #[serde(default)]
    pub standard: u32,
}

impl CompilerFacts {
    /// Reads the facts from the object's bytes.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not an object, or do not contain the numbers.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let object = Object::parse(bytes)?;
        let numbers_as = |read: fn([u8; 4]) -> u32| find(bytes, read);
        let numbers = numbers_as(u32::from_le_bytes).or_else(|| numbers_as(u32::from_be_bytes));
        let [
            clang,
            major,
            minor,
            patch,
            glibc,
            pointer,
            time_t,
            x86,
            standard,
        ] = match numbers {
            Some(numbers) => numbers,
            // Intermediate code: nothing else can be read from it.
            None if object.lto => [0; 9],
            None => return Err("its object does not contain the facts".to_owned()),
        };
        Ok(Self {
            machine: object.machine.clone(),
            clang,
            gcc: [major, minor, patch],
            glibc: (glibc > 0).then_some([glibc / 1000, glibc % 1000]),
            pointer,
            time_t,
            // `-ffat-lto-objects` adds machine code.
            lto: object.lto && numbers.is_none(),
            ubsan: object.imports_prefix("__ubsan_"),
            isoc23: object.imports_prefix("__isoc23_"),
            outline_atomics: object.imports_prefix("__aarch64_"),
            // Compilers do not mark their code for x86, so its macros tell.
            level: match X86_LEVELS.get(x86 as usize) {
                Some(Some(isa)) => Some(Level::X86 { isa: *isa }),
                _ => inspect::inspect(bytes).ok().and_then(|read| read.level),
            },
            standard,
        })
    }
}

/// Meanings of `XPKG_X86` in the source.
const X86_LEVELS: &[Option<X86Isa>] = &[
    None,
    Some(X86Isa::I586),
    Some(X86Isa::I686),
    Some(X86Isa::V1),
    Some(X86Isa::V2),
    Some(X86Isa::V3),
    Some(X86Isa::V4),
];

/// Returns the numbers after [`MAGIC`].
fn find(bytes: &[u8], read: fn([u8; 4]) -> u32) -> Option<[u32; 9]> {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|word| word.try_into().ok())
            .map(read)
    };
    let at = (0..bytes.len())
        .find(|at| word(*at) == Some(MAGIC[0]) && word(at + 4) == Some(MAGIC[1]))?;
    let mut numbers = [0; 9];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = word(at + 8 + index * 4)?;
    }
    Some(numbers)
}

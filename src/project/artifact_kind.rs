//! Kinds of files that xpkg builds, and their names on each system.

use serde::{Deserialize, Serialize};

use crate::target::Target;
use crate::target::system::Format;

/// Kind of a built file.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// Program.
    #[default]
    Bin,
    /// Shared library with a C interface, cargo's crate type `cdylib`; of WebAssembly, a module that
    /// others instantiate.
    Cdylib,
    /// File of a package for JavaScript, which wasm-bindgen made of a library.
    WasmBindgen,
}

impl ArtifactKind {
    /// Returns the name in messages and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Cdylib => "cdylib",
            Self::WasmBindgen => "wasm-bindgen",
        }
    }

    /// Returns the kind of what cargo builds, from which a file of this kind is made.
    pub fn built(self) -> Self {
        match self {
            Self::WasmBindgen => Self::Cdylib,
            built => built,
        }
    }

    /// Returns true for a program. `&self` is what serde asks with.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub fn is_bin(&self) -> bool {
        *self == Self::Bin
    }

    /// Returns what stands before and after the name in a file's name.
    pub fn affixes(self, target: &Target) -> (&'static str, &'static str) {
        match (self, target.system.format) {
            (Self::Bin, _) => ("", target.system.exe_suffix),
            (Self::WasmBindgen, _) => ("", ""),
            (Self::Cdylib, Format::Elf) => ("lib", ".so"),
            (Self::Cdylib, Format::MachO) => ("lib", ".dylib"),
            (Self::Cdylib, Format::Pe) => ("", ".dll"),
            (Self::Cdylib, Format::Wasm) => ("", ".wasm"),
        }
    }

    /// Returns the name of cargo's file.
    pub fn file_name(self, target: &Target, name: &str) -> String {
        let (prefix, suffix) = self.affixes(target);
        format!("{prefix}{name}{suffix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_names_of_their_systems() {
        let check = |triple: &str, expected: [&str; 2]| {
            let target = Target::of_triple(triple).unwrap();
            let kinds = [ArtifactKind::Bin, ArtifactKind::Cdylib];
            let names = kinds.map(|kind| kind.file_name(&target, "app"));
            assert_eq!(names, expected, "{triple}");
        };
        check("x86_64-unknown-linux-gnu", ["app", "libapp.so"]);
        check("aarch64-apple-darwin", ["app", "libapp.dylib"]);
        check("x86_64-pc-windows-gnu", ["app.exe", "app.dll"]);
        check("x86_64-pc-windows-msvc", ["app.exe", "app.dll"]);
        check("wasm32-wasip1", ["app.wasm", "app.wasm"]);
        check("wasm32-unknown-unknown", ["app.wasm", "app.wasm"]);
    }
}

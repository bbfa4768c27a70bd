//! Inspection of WebAssembly: core modules, and the components of WASI 0.2 and later.
//!
//! The format names no processor and no system. What a file can be started as follows from its
//! exports: `_start` of a module (WASI 0.1's command), `wasi:cli/run` of a component.
//!
//! Sources: <https://webassembly.github.io/spec/core/binary/modules.html#binary-module>,
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};

use crate::inspect::binary::{Binary, FormatName};
use crate::inspect::system::SystemName;

/// Name used for the processor: the format has none.
pub const MACHINE: &str = "wasm32";

/// Type of a file for WASI 0.2 and later.
pub const COMPONENT: &str = "component";

/// Export by which a module is started.
const START: &str = "_start";

/// Start of the name of the export by which a component is started; a version follows.
const RUN: &str = "wasi:cli/run@";

/// Reads the facts of a module or a component.
///
/// # Errors
/// It is truncated, damaged, or of an unknown version, with the reason as a clause.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    match bytes.get(4..8) {
        Some([1 | 0x0d, 0, 0 | 1, 0]) => {}
        Some(other) => {
            return Err(format!(
                "it is wasm of a version that xpkg does not know ({other:02x?})"
            ));
        }
        None => return Err("it is wasm, cut off after its magic".to_owned()),
    }
    let contents = Contents::read(bytes)
        .map_err(|error| format!("its wasm sections cannot be read ({})", error.message()))?;
    let kind = if contents.is_component {
        COMPONENT
    } else {
        "module"
    };
    let is_wasi = |module: &String| module.starts_with("wasi:") || module.starts_with("wasi_");
    let system = contents
        .imports
        .iter()
        .any(is_wasi)
        .then_some(SystemName::Wasi);
    Ok(Binary {
        system,
        needed: contents.imports.into_iter().collect(),
        stripped: Some(!contents.has_names),
        debug_info: Some(contents.debug_info),
        auditable: contents.auditable,
        ..Binary::plain(
            FormatName::Wasm,
            MACHINE.to_owned(),
            32,
            kind.to_owned(),
            contents.starts,
        )
    })
}

/// Returns the contents of the first custom section of a name, of the file or of a module inside it; `None`
/// if the file cannot be read, or has none.
pub fn custom_section<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Parser::new(0)
        .parse_all(bytes)
        .map_while(Result::ok)
        .find_map(|payload| match payload {
            Payload::CustomSection(section) if section.name() == name => Some(section.data()),
            _ => None,
        })
}

/// What the sections of a file tell. Modules inside a component count for debug information only.
#[derive(Default)]
struct Contents {
    is_component: bool,
    /// True if a runtime finds the export that it starts.
    starts: bool,
    /// Modules and interfaces that it imports from.
    imports: BTreeSet<String>,
    has_names: bool,
    debug_info: bool,
    auditable: bool,
}

impl Contents {
    fn read(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut contents = Self::default();
        // Modules and components inside of others.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::Version { encoding, .. } if depth == 0 => {
                    contents.is_component = *encoding == Encoding::Component;
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) => contents.custom(section.name()),
                _ if depth > 0 => {}
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        contents.imports.insert(import?.module.to_owned());
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        contents.starts |= export?.name == START;
                    }
                }
                Payload::ComponentImportSection(imports) => {
                    for import in imports.clone() {
                        contents.imports.insert(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) => {
                    for export in exports.clone() {
                        contents.starts |= export?.name.name.starts_with(RUN);
                    }
                }
                _ => {}
            }
        }
        Ok(contents)
    }

    /// Takes note of a custom section. cargo-auditable's has the name that it has in ELF files.
    fn custom(&mut self, name: &str) {
        self.has_names |= name == "name";
        self.debug_info |= name.starts_with(".debug_");
        self.auditable |= name == ".dep-v0";
    }
}

//! The symbols of an object file in any format.

use std::collections::BTreeSet;

use goblin::Object as Parsed;
use goblin::elf::header::machine_to_str;

/// An object file, as far as probes read it.
pub struct Object {
    /// Name of the processor in the object's format.
    pub machine: String,
    /// True if it contains a compiler's intermediate code instead of machine code.
    pub lto: bool,
    /// Symbols that it defines.
    defined: BTreeSet<String>,
    /// Symbols that it imports.
    imported: BTreeSet<String>,
}

/// Returns true if the bytes are an ELF file with this section.
pub fn has_section(bytes: &[u8], name: &str) -> bool {
    goblin::elf::Elf::parse(bytes).is_ok_and(|elf| {
        elf.section_headers
            .iter()
            .any(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
    })
}

impl Object {
    /// Parses an ELF, COFF or Mach-O object, or LLVM bitcode.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are another format.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(b"BC\xc0\xde") || bytes.starts_with(&[0xde, 0xc0, 0x17, 0x0b]) {
            return Ok(Self {
                machine: "LLVM bitcode".to_owned(),
                lto: true,
                defined: BTreeSet::new(),
                imported: BTreeSet::new(),
            });
        }
        if bytes.is_empty() {
            return Err("it did not write an object".to_owned());
        }
        match Parsed::parse(bytes).map_err(|error| format!("its object cannot be read: {error}"))? {
            Parsed::Elf(elf) => {
                let named = |undefined: bool| {
                    let symbols = elf
                        .syms
                        .iter()
                        .filter(move |symbol| (symbol.st_shndx == 0) == undefined);
                    symbols
                        .filter_map(|symbol| elf.strtab.get_at(symbol.st_name))
                        .map(str::to_owned)
                        .collect()
                };
                let sections = elf
                    .section_headers
                    .iter()
                    .filter_map(|header| elf.shdr_strtab.get_at(header.sh_name));
                Ok(Self {
                    machine: format!("EM_{}", machine_to_str(elf.header.e_machine)),
                    lto: sections
                        .into_iter()
                        .any(|name| name.starts_with(".gnu.lto_")),
                    defined: named(false),
                    imported: named(true),
                })
            }
            Parsed::COFF(coff) => {
                let table = coff.symbols.as_ref().ok_or("its object has no symbols")?;
                let strings = coff.strings.as_ref();
                let mut object = Self {
                    machine: goblin::pe::header::machine_to_str(coff.header.machine).to_owned(),
                    lto: false,
                    defined: BTreeSet::new(),
                    imported: BTreeSet::new(),
                };
                for (_, inline, symbol) in table.iter() {
                    let name =
                        inline.or_else(|| strings.and_then(|strings| symbol.name(strings).ok()));
                    let list = if symbol.section_number == 0 {
                        &mut object.imported
                    } else {
                        &mut object.defined
                    };
                    list.extend(name.map(str::to_owned));
                }
                Ok(object)
            }
            Parsed::Mach(goblin::mach::Mach::Binary(macho)) => {
                let mut object = Self {
                    machine: format!("{:#x}", macho.header.cputype),
                    lto: false,
                    defined: BTreeSet::new(),
                    imported: BTreeSet::new(),
                };
                for (name, symbol) in macho.symbols().flatten() {
                    let list = if symbol.is_undefined() {
                        &mut object.imported
                    } else {
                        &mut object.defined
                    };
                    list.insert(name.strip_prefix('_').unwrap_or(name).to_owned());
                }
                Ok(object)
            }
            _ => Err("its output is not an object file".to_owned()),
        }
    }

    /// Returns true if it defines the symbol.
    pub fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    /// Returns true if it imports the symbol.
    pub fn imports(&self, name: &str) -> bool {
        self.imported.contains(name)
    }

    /// Returns true if it imports a symbol with this prefix.
    pub fn imports_prefix(&self, prefix: &str) -> bool {
        self.imported.iter().any(|name| name.starts_with(prefix))
    }
}

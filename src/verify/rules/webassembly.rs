//! Rule about what a program of WebAssembly imports.

use crate::inspect::binary::FormatName;
use crate::inspect::wasm::COMPONENT;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::system::Os;
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Modules that runtimes of WASI 0.1 have, by its two names.
const MODULES: &[&str] = &["wasi_snapshot_preview1", "wasi_unstable"];

/// Module of the proposal wasi-threads, and the one from which its programs take their memory.
const THREADS: [&str; 2] = ["wasi", "env"];

/// Target whose programs import their memory, whether they start threads or not.
const WITH_THREADS: &str = "wasip1-threads";

/// Start of the names of WASI's interfaces.
const INTERFACES: &str = "wasi:";

/// Rule `import-unfit`. Libraries are instantiated by hosts of their own, which may have anything.
fn imports(input: &RuleInput) -> Option<Violation> {
    let RuleInput { binary, policy, .. } = input;
    let expected = input.expected?;
    let is_wasi = matches!(expected.os, Os::WasiP1 | Os::WasiP2 | Os::Wasi);
    if binary.format != FormatName::Wasm || !binary.executable || !is_wasi {
        return None;
    }
    let starts_threads = binary.needed.iter().any(|module| module == THREADS[0]);
    let has_threads = starts_threads || expected.name.contains(WITH_THREADS);
    let is_known = |module: &str| match binary.kind.as_str() {
        COMPONENT => module.starts_with(INTERFACES),
        _ => MODULES.contains(&module) || has_threads && THREADS.contains(&module),
    };
    let is_allowed = |module: &String| policy.config.libraries.contains(module);
    let unfit = binary.needed.iter();
    let unfit: Vec<String> = unfit
        .filter(|module| !is_known(module) && !is_allowed(module))
        .map(|module| format!("`{module}`"))
        .collect();
    let expected = match binary.kind.as_str() {
        COMPONENT => "interfaces of WASI only",
        _ => "imports from `wasi_snapshot_preview1` only",
    };
    (!unfit.is_empty()).then(|| {
        violation(
            format!("imports from {}", unfit.join(", ")),
            expected,
            LOOK_FOR,
        )
    })?
}

const LOOK_FOR: &str = "look for a function that is declared and never defined (`extern \"C\"`), or \
                        for a library made for browsers, such as wasm-bindgen";

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: IMPORT_UNFIT,      check: imports,           at_build: Some(LOOK_FOR),      default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMPORT_UNFIT];

/// Code of a program that imports what no runtime of WASI has.
pub const IMPORT_UNFIT: Code = code(&CodeInfo {
    name: "import-unfit",
    title: "a program imports what runtimes of WASI do not have",
    cause: "A function that nothing defines becomes an import of the module `env`, and crates for \
            browsers import from JavaScript. A runtime refuses to instantiate such a program.",
    detection: "The imports of a module with `_start` are compared with `wasi_snapshot_preview1`, those \
                of a component with `wasi:…`. Programs with threads also import their memory.",
    fix: "Define the function, or remove the crate for this target. A module that your own host \
          runs may be allowed: `policy = { libraries = [\"env\"] }`.",
    page: "webassembly",
    sources: &["WASI, application ABI"],
    waivable: true,
});

//! List of all codes, collected from the files that declare them.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[CARGO_FAILED];

/// A failure that cargo has reported itself.
pub const CARGO_FAILED: Code = code(&CodeInfo {
    name: "cargo-failed",
    title: "cargo failed and reported the reason",
    cause: "The code does not compile, a dependency is not available, or cargo rejects a flag.",
    detection: "cargo's exit code, which is passed on; only the JSON document carries this code.",
    fix: "Read cargo's messages on stderr.",
    page: "codes",
    sources: &[],
    waivable: false,
});

/// Codes of each file, in the order of the table in the guide.
const LISTS: &[&[Code]] = &[
    crate::guide::CODES,
    crate::host::codes::CODES,
    crate::host::cache::CODES,
    crate::project::look::rustc::CODES,
    crate::project::look::context::CODES,
    crate::project::look::access::CODES,
    crate::project::config::parse::CODES,
    crate::project::cargo_config::CODES,
    crate::target::CODES,
    crate::target::level::CODES,
    crate::project::settings::CODES,
    crate::build::script_compiler::CODES,
    crate::build::plan::CODES,
    crate::build::outputs::CODES,
    crate::build::wasm_bindgen::CODES,
    crate::build::auditable::CODES,
    crate::build::compiler_cache::codes::CODES,
    crate::toolchain::choose::CODES,
    crate::toolchain::gate::CODES,
    crate::project::linker::CODES,
    crate::toolchain::probe::table::CODES,
    crate::toolchain::image::look::build::CODES,
    crate::toolchain::image::look::engine::CODES,
    crate::toolchain::image::engine::CODES,
    crate::project::reference::CODES,
    crate::project::reproducible::CODES,
    crate::toolchain::image::lockfile::CODES,
    crate::toolchain::locked::CODES,
    crate::toolchain::image::look::store::CODES,
    crate::toolchain::image::container::CODES,
    crate::commands::env::CODES,
    crate::ship::docker::image::CODES,
    crate::ship::docker::one::CODES,
    crate::ship::docker::context::CODES,
    crate::ship::pipeline::CODES,
    crate::ship::docker::cache::CODES,
    crate::ship::publish::codes::CODES,
    crate::ship::ci::codes::CODES,
    crate::ship::ci::merge::codes::CODES,
    crate::ship::ci::workflow::codes::CODES,
    crate::ship::release::model::CODES,
    crate::ship::release::sign::CODES,
    crate::ship::release::version::CODES,
    crate::ship::release::look::CODES,
    crate::ship::registry::run::CODES,
    crate::ship::reproduce::CODES,
    crate::toolchain::lld::arguments::CODES,
    crate::toolchain::zig::arguments::CODES,
    crate::toolchain::link_failure::CODES,
    crate::toolchain::leaks::CODES,
    crate::toolchain::leaks::aws_lc::CODES,
    crate::toolchain::libraries::CODES,
    crate::project::build_tools::CODES,
    crate::build::doctor::CODES,
    crate::project::selection::CODES,
    crate::project::path_template::CODES,
    crate::tree::staged::CODES,
    crate::build::cache::CODES,
    crate::build::compile::CODES,
    crate::build::look::reports::CODES,
    crate::verify::rules::machine::CODES,
    crate::verify::rules::libc::CODES,
    crate::verify::rules::macos::CODES,
    crate::verify::rules::signature::CODES,
    crate::verify::rules::webassembly::CODES,
    crate::tree::look::CODES,
    crate::tree::manifest::CODES,
    crate::tree::release::CODES,
    crate::tree::source::CODES,
    crate::problem::code::CODES,
    crate::host::exchange::CODES,
    CODES,
    crate::verify::waiver::CODES,
    crate::verify::integrity::CODES,
    crate::verify::listing::CODES,
    crate::verify::listing::attestation::CODES,
    crate::verify::release::CODES,
    crate::verify::signed::CODES,
    crate::verify::registry::CODES,
    crate::verify::judge::CODES,
    crate::verify::paths::CODES,
    crate::verify::links::CODES,
    crate::archive::packing::CODES,
    crate::verify::expected::CODES,
    crate::verify::rules::hardening::CODES,
    crate::verify::between::CODES,
    crate::verify::sbom::CODES,
    crate::verify::provenance::CODES,
    crate::verify::audit::CODES,
    crate::verify::report::CODES,
];

/// Returns all codes.
pub fn all() -> impl Iterator<Item = Code> {
    LISTS.iter().flat_map(|list| list.iter().copied())
}

/// Returns the code with a name.
pub fn find(name: &str) -> Option<Code> {
    all().find(|code| code.name() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::verify::rules::table;

    #[test]
    fn names_are_kebab_case_and_found_once() {
        let mut names = BTreeSet::new();
        for code in all() {
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(code.name().chars().all(kebab), "{}", code.name());
            assert!(
                names.insert(code.name()),
                "{} is declared twice",
                code.name()
            );
            assert_eq!(find(code.name()), Some(code));
        }
    }

    #[test]
    fn what_a_code_says_of_accept_is_what_accept_takes() {
        let waivable = all().filter(|code| code.info().waivable);
        assert_eq!(
            waivable.collect::<BTreeSet<_>>(),
            table::acceptable().collect::<BTreeSet<_>>()
        );
    }
}

//! Compares the recorded tools of a build with those that would build it again.
//!
//! Pure.

use crate::tree::manifest::{ImageRecord, ProgramRecord, RustcRecord, TargetRecord};

/// Returns what is other here than in the record, a clause each. Why a toolchain was chosen, and the
/// findings that were accepted, decide no byte.
pub fn others(recorded: &TargetRecord, here: &TargetRecord) -> Vec<String> {
    let rustc = |rustc: &RustcRecord| {
        let RustcRecord {
            release,
            commit_hash,
            host,
        } = rustc;
        let commit = commit_hash.as_deref().unwrap_or("unknown");
        format!("rustc {release} ({commit}) on {host}")
    };
    let program = |program: &ProgramRecord| {
        let ProgramRecord {
            program,
            version,
            machine: _,
        } = program;
        match version {
            Some(version) => format!("`{program}` ({version})"),
            None => format!("`{program}`"),
        }
    };
    let image = |image: &Option<ImageRecord>| match image {
        Some(image) => match &image.derived {
            Some(derived) => format!("the image {}, derived as {derived:?}", image.digest),
            None => format!("the image {}", image.digest),
        },
        None => "no image".to_owned(),
    };
    let compiler = |record: &TargetRecord| {
        let compiler = record.toolchain.c_compiler.as_ref();
        compiler.map_or("no C compiler".to_owned(), program)
    };
    let (old, new) = (&recorded.toolchain, &here.toolchain);
    let pairs = [
        (rustc(&recorded.rustc), rustc(&here.rustc)),
        (old.kind.name().to_owned(), new.kind.name().to_owned()),
        (program(&old.linker), program(&new.linker)),
        (compiler(recorded), compiler(here)),
        (image(&old.image), image(&new.image)),
    ];
    let mut others: Vec<String> = pairs
        .into_iter()
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("it was built by {old}, here is {new}"))
        .collect();
    let settings = |record: &TargetRecord| {
        let selection = record.selection.as_ref();
        let digests = selection.map(|selection| (&selection.profile, &selection.rustflags));
        let (profile, rustflags) = digests.unwrap_or((&None, &None));
        let probes = record.toolchain.probes.as_ref();
        [
            ("the settings of cargo's profile", profile.clone()),
            ("the rustflags", rustflags.clone()),
            (
                "the flags of the C compiler",
                probes.map(|report| report.flags.join(" ")),
            ),
        ]
    };
    let pairs = settings(recorded).into_iter().zip(settings(here));
    let differing = pairs.filter(|((_, old), (_, new))| old != new);
    others.extend(differing.map(|((what, _), _)| format!("{what} were others")));
    let names = old.variables.keys().chain(new.variables.keys());
    let mut names: Vec<&String> = names
        .filter(|name| old.variables.get(*name) != new.variables.get(*name))
        // The rustflags, which have a line of their own.
        .filter(|name| *name != "CARGO_ENCODED_RUSTFLAGS")
        .collect();
    names.sort_unstable();
    names.dedup();
    others.extend(names.into_iter().map(|name| {
        match (old.variables.get(name), new.variables.get(name)) {
            (Some(_), None) => format!("`{name}` was set, and is not here"),
            (None, _) => format!("`{name}` was not set, and is here"),
            (Some(_), Some(_)) => format!("`{name}` had another value"),
        }
    }));
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::tree::manifest::SelectionRecord;

    #[test]
    fn each_tool_that_is_another_is_named() {
        let target = Target::of_triple("x86_64-unknown-linux-musl").unwrap();
        let mut recorded = TargetRecord::expected(&target);
        recorded.rustc.release = "1.95.0".to_owned();
        recorded.toolchain.linker.program = "rust-lld".to_owned();
        let digest = |text: &str| text.repeat(64);
        let variables = &mut recorded.toolchain.variables;
        variables.insert("CC_x".to_owned(), digest("a"));
        variables.insert("GONE".to_owned(), digest("b"));
        let mut here = recorded.clone();
        // Not what decides bytes.
        here.toolchain.reason = "another".to_owned();
        here.toolchain.chosen_by = "another".to_owned();
        assert_eq!(others(&recorded, &here), [""; 0]);
        here.rustc.release = "1.96.0".to_owned();
        here.toolchain.linker.version = Some("22".to_owned());
        let variables = &mut here.toolchain.variables;
        variables.insert("CC_x".to_owned(), digest("c"));
        variables.remove("GONE");
        variables.insert("NEW".to_owned(), digest("d"));
        recorded.selection = Some(SelectionRecord::default());
        here.selection = Some(SelectionRecord {
            profile: Some(digest("e")),
            rustflags: Some(digest("f")),
            ..SelectionRecord::default()
        });
        assert_eq!(
            others(&recorded, &here),
            [
                "it was built by rustc 1.95.0 (unknown) on , here is rustc 1.96.0 (unknown) on ",
                "it was built by `rust-lld`, here is `rust-lld` (22)",
                "the settings of cargo's profile were others",
                "the rustflags were others",
                "`CC_x` had another value",
                "`GONE` was set, and is not here",
                "`NEW` was not set, and is here",
            ]
        );
    }
}

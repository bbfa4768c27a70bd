//! Makes the manifest's record of how a target was built.
//!
//! Two machines that build the same make the same record: directories of a machine have names in it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::plan::{Plan, TargetPlan};
use crate::digest;
use crate::problem::text::with_directory_named;
use crate::project::workspace::{Workspace, tools_dir, tools_with_root};
use crate::target::{SLICES, Target, UNIVERSAL};
use crate::toolchain::facts::Facts;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;
use crate::tree::manifest::{
    ImageRecord, Platform, ProgramRecord, RustcRecord, SelectionRecord, TargetRecord, Toolchain,
    Waiver,
};
use crate::tree::source::Source;
use crate::verify::expected::Expected;

/// Separator of arguments in `CARGO_ENCODED_RUSTFLAGS`.
const ENCODED: char = '\u{1f}';

/// What is of this machine, and not of what it builds.
pub struct Places {
    /// Directories, by their names in records.
    directories: Vec<(Utf8PathBuf, &'static str)>,
    /// Arguments of compilers that records do not have.
    left_out: Vec<String>,
}

impl Places {
    /// Names xpkg's generated files, cargo's target directory, the workspace, zig, the toolchain,
    /// cargo's home and the user's. `left_out` are arguments that records do not
    /// have: those that name directories of this machine, and nothing else.
    pub fn new(
        workspace: &Workspace,
        facts: &Facts,
        cargo_home: Option<Utf8PathBuf>,
        home: Option<&str>,
        left_out: Vec<String>,
    ) -> Self {
        let zig = facts.zig.as_ref().and_then(|zig| zig.path.parent());
        let places = [
            (
                Some(tools_with_root(&tools_dir(workspace), &workspace.root)),
                "<tools>",
            ),
            (Some(tools_dir(workspace)), "<tools>"),
            (Some(workspace.target_dir.clone()), "<target>"),
            (workspace.build_dir.clone(), "<build>"),
            (Some(workspace.root.clone()), "<workspace>"),
            (zig.map(Utf8Path::to_owned), "<zig>"),
            (Some(facts.rustc.sysroot.clone()), "<sysroot>"),
            (cargo_home, "<cargo-home>"),
            (home.map(Utf8PathBuf::from), "<home>"),
        ];
        let mut places: Vec<_> = places
            .into_iter()
            .filter_map(|(path, name)| Some((path?, name)))
            .filter(|(path, _)| path.is_absolute() && path.parent().is_some())
            .collect();
        // A directory in another one before it.
        places.sort_by_key(|(path, _)| std::cmp::Reverse(path.as_str().len()));
        Self {
            directories: places,
            left_out,
        }
    }

    /// Adds the directories of another checkout, as those of this one.
    #[must_use]
    pub fn with_checkout(mut self, workspace: &Workspace) -> Self {
        let also = [
            (Some(tools_dir(workspace)), "<tools>"),
            (Some(workspace.target_dir.clone()), "<target>"),
            (workspace.build_dir.clone(), "<build>"),
            (Some(workspace.root.clone()), "<workspace>"),
        ];
        let also = also.into_iter();
        self.directories
            .extend(also.filter_map(|(path, name)| Some((path?, name))));
        self.directories
            .sort_by_key(|(path, _)| std::cmp::Reverse(path.as_str().len()));
        self
    }

    /// Returns the words of a variable that records have: separated by a blank or, encoded, by a unit
    /// separator.
    fn kept(&self, value: &str) -> String {
        let separator = if value.contains(ENCODED) {
            ENCODED
        } else {
            ' '
        };
        let words = value.split(separator);
        let kept: Vec<&str> = words.filter(|word| self.is_kept(word)).collect();
        kept.join(&separator.to_string())
    }

    fn is_kept(&self, word: &str) -> bool {
        !self.left_out.iter().any(|flag| flag == word)
    }

    /// Replaces the directories in a text by their names.
    pub fn named(&self, text: &str) -> String {
        self.directories
            .iter()
            .fold(text.to_owned(), |text, (path, name)| {
                with_directory_named(&text, path.as_str(), name)
            })
    }

    /// Returns the record of a linker or a compiler.
    fn program(&self, program: &Program) -> ProgramRecord {
        let Program {
            program,
            path: _,
            version,
            machine,
        } = program;
        ProgramRecord {
            program: self.named(program),
            version: version.clone(),
            machine: machine.clone(),
        }
    }

    /// Returns the digest of rustflags; `None` if records have none of them.
    fn flags(&self, flags: &[String]) -> Option<String> {
        let flags = flags.iter().filter(|flag| self.is_kept(flag));
        let flags: Vec<String> = flags.map(|flag| self.named(flag)).collect();
        (!flags.is_empty()).then(|| digest::sha256(flags.join("\n").as_bytes()))
    }

    /// Returns a report with a digest in place of the flags. They are the user's, as the variables
    /// are, and the manifest is published: `-DTOKEN=…`.
    fn report(&self, report: Report) -> Report {
        let flags = report.flags.iter().map(String::as_str);
        let flags: Vec<&str> = flags.filter(|flag| self.is_kept(flag)).collect();
        let flags = self.named(&flags.join("\n"));
        Report {
            compiler: self.named(&report.compiler),
            flags: vec![format!("sha256:{}", digest::sha256(flags.as_bytes()))],
            ..report
        }
    }
}

/// Returns the requirements of a target's programs.
pub fn expected(target: &TargetPlan) -> Expected {
    let macos = target.deployment_target.as_ref();
    Expected::from_target(&target.target)
        .raised_to(target.raised.as_ref())
        .starting_on(macos.map(|oldest| oldest.macos))
}

/// Returns the record of a target, without an ID.
pub fn record(
    facts: &Facts,
    plan: &Plan,
    target: &TargetPlan,
    source: &Source,
    places: &Places,
) -> TargetRecord {
    let rustc = &facts.rustc;
    let choice = &target.toolchain;
    let candidate = &choice.candidate;
    let waived = choice
        .findings
        .iter()
        .chain(&plan.host_findings)
        .filter(|finding| finding.waived());
    TargetRecord {
        id: String::new(),
        target: target.target.triple().to_owned(),
        platform: Platform::of(&target.target),
        libc: target.target.system.libc.name().to_owned(),
        glibc: target.target.floor.map(|floor| floor.to_string()),
        level: target.raised.clone(),
        reproducible: target.reproducible,
        macos: target
            .deployment_target
            .as_ref()
            .map(|oldest| oldest.version.clone()),
        slices: Vec::new(),
        selection: Some(SelectionRecord {
            profile: profile(facts),
            rustflags: places.flags(&facts.of(&target.target).rustflags),
            ..plan.selection.clone()
        }),
        source: source.clone(),
        rustc: RustcRecord {
            release: rustc.release.clone(),
            commit_hash: rustc.commit_hash.clone(),
            host: rustc.host.clone(),
        },
        toolchain: Toolchain {
            kind: candidate.kind,
            chosen_by: places.named(&choice.chosen_by),
            reason: places.named(&candidate.reason),
            linker: places.program(&candidate.linker),
            c_compiler: candidate
                .c_compiler
                .as_ref()
                .map(|compiler| places.program(compiler)),
            image: candidate.image.as_ref().map(|image| ImageRecord {
                reference: image.reference.clone(),
                digest: image.digest.clone(),
                platform: image.platform.clone(),
                derived: image.derived.clone(),
            }),
            probes: choice.report.clone().map(|report| places.report(report)),
            variables: candidate
                .variables
                .iter()
                .map(|variable| {
                    let value = places.named(&places.kept(&variable.value));
                    (variable.name.clone(), digest::sha256(value.as_bytes()))
                })
                .collect(),
        },
        host_probes: host_report(facts, target).map(|report| places.report(report)),
        waivers: waived
            .map(|finding| Waiver {
                code: finding.code.name().to_owned(),
                message: places.named(&finding.what),
            })
            .collect(),
    }
}

/// Returns the digest of the settings of cargo's profile; `None` if there are none.
fn profile(facts: &Facts) -> Option<String> {
    let settings = facts.profile_settings.iter();
    let lines: Vec<String> = settings
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!lines.is_empty()).then(|| digest::sha256(lines.join("\n").as_bytes()))
}

/// Returns the record of universal programs, without an ID; `None` if there are no records of their
/// parts, which say how those were built.
pub fn universal_record(records: &[TargetRecord]) -> Option<TargetRecord> {
    let of_slice = |slice: &&str| records.iter().find(|record| record.target == *slice);
    let parts: Option<Vec<&TargetRecord>> = SLICES.iter().map(of_slice).collect();
    let parts = parts?;
    let first = parts.first()?;
    Some(TargetRecord {
        slices: parts.iter().map(|part| part.id.clone()).collect(),
        // Of the Intel one: Apple silicon has no macOS before 11.0.
        macos: first.macos.clone(),
        reproducible: parts.iter().all(|part| part.reproducible),
        selection: first.selection.clone(),
        source: first.source.clone(),
        rustc: first.rustc.clone(),
        toolchain: Toolchain {
            chosen_by: UNIVERSAL.to_owned(),
            reason: "its programs are joined from those of its parts".to_owned(),
            ..first.toolchain.clone()
        },
        ..TargetRecord::expected(&Target::universal())
    })
}

/// Returns the probes' report on the compiler that built the target's build scripts: the image's,
/// or the host's.
fn host_report(facts: &Facts, target: &TargetPlan) -> Option<Report> {
    match &facts.of(&target.target).image {
        Some(Ok(image)) if target.toolchain.candidate.image.is_some() => image.host_report.clone(),
        _ => facts.host.report.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_this_machine_have_names() {
        let directories = vec![
            ("/home/me/app/target/xpkg-cache/tools".into(), "<tools>"),
            ("/home/me/app/target".into(), "<target>"),
            ("/home/me/app".into(), "<workspace>"),
            ("/home/me".into(), "<home>"),
        ];
        let left_out = vec!["-fmap=/disk/app=/build".to_owned()];
        let places = Places {
            directories,
            left_out,
        };
        for (text, expected) in [
            ("/home/me/app/target/xpkg-cache/tools/none", "<tools>/none"),
            ("-I/home/me/app/c:/home/me", "-I<workspace>/c:<home>"),
            ("`/home/me/app`", "`<workspace>`"),
            ("/home/me/app2 /home/median", "<home>/app2 /home/median"),
            ("/usr/bin/cc", "/usr/bin/cc"),
        ] {
            assert_eq!(places.named(text), expected);
        }
        for (value, expected) in [
            ("-O2  -fmap=/disk/app=/build -g", "-O2  -g"),
            ("-fmap=/disk/app=/build", ""),
            (
                "--cfg\u{1f}a b\u{1f}-fmap=/disk/app=/build",
                "--cfg\u{1f}a b",
            ),
            ("-fmap=/disk/app=/build2", "-fmap=/disk/app=/build2"),
            ("/disk/app", "/disk/app"),
        ] {
            assert_eq!(places.kept(value), expected);
        }
    }
}

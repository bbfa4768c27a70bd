//! Asks cargo for the workspace, and reads the files that configure xpkg.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::project::config::parse::{ConfigFile, ConfigFiles};
use crate::project::graph::PlatformFacts;
use crate::project::look::rustc::{rustc, toolchain_problem};
use crate::project::rustc::Rustc;
use crate::project::workspace::Workspace;

/// The workspace, and the files that may configure xpkg.
pub struct ProjectContext {
    pub workspace: Workspace,
    pub sources: ConfigFiles,
    pub rustc: Rustc,
    /// The compiler as it is called.
    pub rustc_program: String,
    /// Every triple that rustc knows.
    pub triples: Vec<String>,
    /// The host's own platform, which build-dependencies are for.
    pub own: PlatformFacts,
}

/// Flags that every question to cargo carries.
#[derive(Clone)]
pub struct CargoOptions {
    /// `cargo`, or the very cargo that started us.
    pub program: String,
    pub locked: bool,
    pub offline: bool,
    pub frozen: bool,
    pub config: Vec<String>,
    /// `--target-dir`: `cargo metadata` has no such flag, but asks rustc again and again without
    /// its cache there.
    pub target_dir: Option<Utf8PathBuf>,
}

impl CargoOptions {
    /// `cargo metadata`, which runs nothing of the workspace's: so the variable does no harm here,
    /// and no flag beats it.
    pub fn cargo(&self, cwd: &Utf8Path) -> Invocation {
        let question = Invocation::new(&self.program, cwd)
            .args(["metadata", "--format-version", "1"])
            .flag("--locked", self.locked)
            .flag("--offline", self.offline)
            .flag("--frozen", self.frozen)
            .options("--config", &self.config);
        match &self.target_dir {
            Some(dir) => question.env("CARGO_TARGET_DIR", dir.as_str()),
            None => question,
        }
    }
}

/// Reads the workspace that `manifest_path`, or the current directory, lies in.
pub fn workspace(
    host: &Host,
    asking: &CargoOptions,
    manifest_path: Option<&Utf8Path>,
) -> Result<ProjectContext, Failure> {
    let start = match manifest_path.and_then(Utf8Path::parent) {
        Some(parent) if host.is_dir(parent) => parent.to_owned(),
        _ => host.cwd().to_owned(),
    };
    let rustc_program = host.var("RUSTC").unwrap_or("rustc");
    let manifest = manifest_path.map(ToString::to_string);
    let question = asking
        .cargo(&start)
        .arg("--no-deps")
        .options("--manifest-path", manifest.iter());
    let (metadata, compiler) = thread::scope(|scope| {
        let compiler = scope.spawn(|| rustc(host, rustc_program, &start));
        let metadata = host
            .capture(&question)
            .and_then(|output| parse_metadata(&question, &output));
        (metadata, compiler.join().expect("asking does not panic"))
    });
    let (mut metadata, mut compiler) = (metadata?, compiler);
    if metadata.workspace_root != start {
        // From inside a member cargo takes that member for the default, and another pin may hold:
        // the root's counts.
        let root = metadata.workspace_root.clone();
        let question = asking.cargo(&root).arg("--no-deps");
        metadata = host
            .capture(&question)
            .and_then(|output| parse_metadata(&question, &output))?;
        compiler = rustc(host, rustc_program, &root);
    }
    let (rustc, triples, own) = compiler?;
    // Past rustup's proxy, which has made its choice by now and would cost every further question
    // its time again.
    let direct = rustc
        .sysroot
        .join("bin")
        .join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    let rustc_program = if rustc.rustup.is_some() && host.is_file(&direct) {
        direct.into_string()
    } else {
        rustc_program.to_owned()
    };
    let workspace = Workspace::new(&metadata);
    let sources = config_sources(host, &workspace, &metadata)?;
    Ok(ProjectContext {
        workspace,
        sources,
        rustc,
        rustc_program,
        triples,
        own,
    })
}

/// Asks again where cargo's configuration names another compiler than the one on PATH.
pub fn configured_rustc(
    host: &Host,
    found: &mut ProjectContext,
    config: &cargo_config2::Config,
) -> Result<()> {
    let Some(program) = config
        .build
        .rustc
        .as_ref()
        .and_then(|path| path.to_str())
        .filter(|program| *program != found.rustc_program)
    else {
        return Ok(());
    };
    found.rustc_program = program.to_owned();
    (found.rustc, found.triples, found.own) = rustc(host, program, &found.workspace.root)?;
    Ok(())
}

pub fn parse_metadata(question: &Invocation, output: &Output) -> Result<Metadata> {
    if !output.success() {
        return Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
            let words = cargo_words(&output.stderr);
            let problem =
                Problem::new(WORKSPACE_UNREADABLE, "cargo cannot read the workspace").cause(&words);
            if words.contains("could not find `Cargo.toml`") {
                problem.help("run xpkg inside a workspace, or name one with `--manifest-path`")
            } else {
                problem.help(format!("cargo says the same: `{question}`"))
            }
        }));
    }
    let text = output
        .stdout
        .lines()
        .find(|line| line.starts_with('{'))
        .unwrap_or_default();
    MetadataCommand::parse(text).map_err(|error| {
        Problem::new(
            WORKSPACE_UNREADABLE,
            format!("cannot read what cargo says of the workspace: {error}"),
        )
        .note("command", [question.to_string()])
    })
}

/// What cargo said, without its own `error: ` in front.
fn cargo_words(stderr: &str) -> String {
    let errors: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    let words = if errors.is_empty() {
        stderr.to_owned()
    } else {
        errors.join("\n")
    };
    words.trim_start_matches("error: ").to_owned()
}

fn config_sources(host: &Host, workspace: &Workspace, metadata: &Metadata) -> Result<ConfigFiles> {
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    let root_manifest = workspace.root.join("Cargo.toml");
    let root_member = workspace.root_member();
    let in_workspace = metadata.workspace_metadata.get("xpkg").is_some();
    let in_package = root_member.is_some_and(|member| member.configured);
    let own = workspace.root.join("xpkg.toml");
    let mut members = Vec::new();
    for member in workspace
        .members
        .iter()
        .filter(|member| member.configured && member.manifest != root_manifest)
    {
        members.push((member.name.clone(), read(member.manifest.clone())?));
    }
    Ok(ConfigFiles {
        root: if in_workspace || in_package {
            Some(read(root_manifest)?)
        } else {
            None
        },
        own: if host.exists(&own) {
            Some(read(own)?)
        } else {
            None
        },
        members,
        root_package: root_member.map(|member| member.name.clone()),
        lone: workspace.members.len() == 1 && root_member.is_some(),
    })
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[WORKSPACE_UNREADABLE];

pub const WORKSPACE_UNREADABLE: Code = code(&CodeInfo {
    name: "workspace-unreadable",
    title: "cargo cannot read the workspace",
    cause: "There is no Cargo.toml here, or cargo refuses it: its own words stand under the \
            message.",
    detection: "`cargo metadata` ended with an error.",
    fix: "Run xpkg inside a workspace or pass `--manifest-path`; mend what cargo names.",
    source: "README, Tasks",
    waivable: false,
});

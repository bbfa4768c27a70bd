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
use crate::project::look::rustc::{own_rustc, past_proxy, rustc, toolchain_problem};
use crate::project::rustc::Rustc;
use crate::project::workspace::Workspace;

/// The project at hand: the workspace, its compiler, and the files that configure xpkg.
pub struct ProjectContext {
    /// Workspace.
    pub workspace: Workspace,
    /// Files that may contain xpkg's configuration.
    pub sources: ConfigFiles,
    /// Compiler of the workspace.
    pub rustc: Rustc,
    /// Program name or path to call the compiler by.
    pub rustc_program: String,
    /// All triples that rustc knows.
    pub triples: Vec<String>,
    /// Platform of the host, which build-dependencies are compiled for.
    pub host_platform: PlatformFacts,
}

/// The flags of every query to cargo.
#[derive(Clone)]
pub struct CargoOptions {
    /// `cargo`, or the path of the cargo that started xpkg.
    pub program: String,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
    /// `--frozen`.
    pub frozen: bool,
    /// Values of `--config`.
    pub config: Vec<String>,
    /// `--target-dir`. `cargo metadata` has no such flag, but without cargo's cache in this
    /// directory it asks rustc each time.
    pub target_dir: Option<Utf8PathBuf>,
}

impl CargoOptions {
    /// Returns the invocation of `cargo metadata`. It runs no code of the workspace, so setting
    /// CARGO_TARGET_DIR is harmless, and it has no flag that would override the variable.
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

/// Reads the workspace that contains `manifest_path`, or else the current directory.
pub fn workspace(
    host: &Host,
    options: &CargoOptions,
    manifest_path: Option<&Utf8Path>,
) -> Result<ProjectContext, Failure> {
    let start = match manifest_path.and_then(Utf8Path::parent) {
        Some(parent) if host.is_dir(parent) => parent.to_owned(),
        _ => host.cwd().to_owned(),
    };
    let rustc_program = host.var("RUSTC").unwrap_or("rustc");
    let manifest = manifest_path.map(ToString::to_string);
    let question = options
        .cargo(&start)
        .arg("--no-deps")
        .options("--manifest-path", manifest.iter());
    let (metadata, compiler) = thread::scope(|scope| {
        let compiler = scope.spawn(|| rustc(host, rustc_program, &start));
        let direct = past_proxy(host, &question);
        let metadata = host
            .capture(direct.as_ref().unwrap_or(&question))
            .and_then(|output| parse_metadata(&question, &output));
        (metadata, compiler.join().expect("the query does not panic"))
    });
    let (mut metadata, mut compiler) = (metadata?, compiler);
    let root = host.resolve(&metadata.workspace_root);
    if root != start {
        // Inside a member, cargo's default is that member, and another toolchain pin may apply. The
        // root's default members and pin are the right ones. If a link leads to the root, cargo, which
        // runs there, names packages by the path without links.
        let question = options.cargo(&root).arg("--no-deps");
        let direct = past_proxy(host, &question);
        metadata = host
            .capture(direct.as_ref().unwrap_or(&question))
            .and_then(|output| parse_metadata(&question, &output))?;
        compiler = rustc(host, rustc_program, &root);
    }
    let (rustc, triples, host_platform) = compiler?;
    // Bypass rustup's proxy: it has chosen the toolchain by now, and would slow down every further
    // query.
    let direct = own_rustc(&rustc.sysroot);
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
        host_platform,
    })
}

/// Asks the compiler again if cargo's configuration names another one than was asked.
pub fn configured_rustc(
    host: &Host,
    project: &mut ProjectContext,
    config: &cargo_config2::Config,
) -> Result<()> {
    let Some(program) = config
        .build
        .rustc
        .as_ref()
        .and_then(|path| path.to_str())
        .filter(|program| *program != project.rustc_program)
    else {
        return Ok(());
    };
    project.rustc_program = program.to_owned();
    (project.rustc, project.triples, project.host_platform) =
        rustc(host, program, &project.workspace.root)?;
    Ok(())
}

/// Parses the output of `cargo metadata`, or reports its error.
pub fn parse_metadata(question: &Invocation, output: &Output) -> Result<Metadata> {
    if !output.success() {
        return Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
            let message = cargo_message(&output.stderr);
            let problem = Problem::new(WORKSPACE_UNREADABLE, "cargo cannot read the workspace")
                .cause(&message);
            if message.contains("could not find `Cargo.toml`") {
                problem.help("run xpkg inside a workspace, or name one with `--manifest-path`")
            } else {
                problem.help(format!("cargo reports the same error: `{question}`"))
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
            format!("cannot parse the output of `cargo metadata`: {error}"),
        )
        .note("command", [question.to_string()])
    })
}

/// Returns cargo's error without the leading `error: `.
fn cargo_message(stderr: &str) -> String {
    let errors: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    let message = if errors.is_empty() {
        stderr.to_owned()
    } else {
        errors.join("\n")
    };
    message.trim_start_matches("error: ").to_owned()
}

/// Reads the files that contain xpkg's configuration.
fn config_sources(host: &Host, workspace: &Workspace, metadata: &Metadata) -> Result<ConfigFiles> {
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    let root_manifest = workspace.root.join("Cargo.toml");
    let root_member = workspace.root_member();
    let in_workspace = metadata.workspace_metadata.get("xpkg").is_some();
    let in_package = root_member.is_some_and(|member| member.configured);
    let xpkg_toml = workspace.root.join("xpkg.toml");
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
        xpkg_toml: if host.exists(&xpkg_toml) {
            Some(read(xpkg_toml)?)
        } else {
            None
        },
        members,
        root_package: root_member.map(|member| member.name.clone()),
        single: workspace.members.len() == 1 && root_member.is_some(),
    })
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[WORKSPACE_UNREADABLE];

pub const WORKSPACE_UNREADABLE: Code = code(&CodeInfo {
    name: "workspace-unreadable",
    title: "cargo cannot read the workspace",
    cause: "There is no Cargo.toml here, or cargo rejects it; the message includes cargo's \
            error.",
    detection: "`cargo metadata` failed.",
    fix: "Run xpkg inside a workspace or pass `--manifest-path`; fix what cargo reports.",
    page: "configuration",
    sources: &[],
    waivable: false,
});

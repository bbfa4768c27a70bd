//! Asks rustc for a target's standard library and its `cfg`.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_platform::Cfg;

use crate::host::cache;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::inspect;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::graph::PlatformFacts;
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::look::rustc::answer;
use crate::project::rustflags::{self, RustflagsSources};
use crate::project::setting::Setting;
use crate::target::Target;
use crate::target::level::Level;
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};
use crate::toolchain::facts::{DeploymentTarget, Std};
use crate::toolchain::look::objcopy;

pub struct Platform {
    pub std: Std,
    pub self_contained: bool,
    pub compilers: Vec<String>,
    pub facts: PlatformFacts,
    pub crt_static: bool,
    pub raised: Option<Level>,
    pub deployment_target: Option<DeploymentTarget>,
    pub objcopy_path: Option<Utf8PathBuf>,
}

/// The target's standard library, whether it brings its C library, and its `cfg`. `builds_std`: cargo
/// compiles it. `asked`: the user's `MACOSX_DEPLOYMENT_TARGET`.
pub fn platform(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    target: &Target,
    rustflags: &[String],
    builds_std: bool,
    asked: Option<&Setting>,
) -> Result<Platform> {
    // A `--cfg` in the rustflags decides which dependencies there are.
    let question = Invocation::new(&found.rustc_program, &found.workspace.root)
        .args([
            "--print",
            "target-libdir",
            "--print",
            "cfg",
            "--target",
            target.triple(),
        ])
        .args(rustflags.iter().cloned());
    let text = kept_answer(host, found, &question)?;
    let mut lines = text.lines();
    let libdir = Utf8PathBuf::from(lines.next().unwrap_or_default());
    let facts = PlatformFacts::new(target.triple(), lines);
    // What rustup brings for musl brings musl.
    let brings = target.system.libc == Libc::Musl;
    let (std, self_contained) = if builds_std {
        let source = found
            .rustc
            .sysroot
            .join("lib/rustlib/src/rust/library/Cargo.lock");
        let std = if host.is_file(&source) {
            Std::Compiled
        } else {
            Std::SourceMissing
        };
        (std, host.is_file(&libdir.join("self-contained/crt1.o")))
    } else if has_core(host, &libdir) {
        (
            Std::Present,
            host.is_file(&libdir.join("self-contained/crt1.o")),
        )
    } else if found.rustc.rustup.is_some() && !asking.offline && !asking.frozen {
        match is_provided(host, found, target) {
            false => (Std::Unavailable, brings),
            true => (Std::Installable, brings),
        }
    } else {
        (Std::Missing, brings)
    };
    let compilers = host
        .read(&libdir.join("self-contained/crt1.o"))
        .map(|bytes| inspect::comments(&bytes))
        .unwrap_or_default();
    Ok(Platform {
        crt_static: facts.is_crt_static(),
        raised: raised(host, found, target, rustflags)?,
        deployment_target: deployment_target(host, found, target, asked)?,
        objcopy_path: objcopy::library_path(host, found, target),
        std,
        self_contained,
        compilers,
        facts,
    })
}

/// Returns the oldest macOS that rustc links for: the user's, unless it is older than rustc supports,
/// else rustc's own. `None` for other systems, and if rustc is too old to tell.
fn deployment_target(
    host: &Host,
    found: &ProjectContext,
    target: &Target,
    asked: Option<&Setting>,
) -> Result<Option<DeploymentTarget>> {
    if target.system.os != Os::Darwin {
        return Ok(None);
    }
    let question = Invocation::new(&found.rustc_program, &found.workspace.root).args([
        "--print",
        "deployment-target",
        "--target",
        target.triple(),
    ]);
    let text = match asked {
        // Another value is another answer, so it is not kept.
        Some(setting) => {
            let output = host.capture(&question.env(&setting.name, &setting.value))?;
            if !output.success() {
                let message = format!(
                    "`{}={}`, set in {}, is not a version of macOS",
                    setting.name, setting.value, setting.place
                );
                let problem = Problem::new(PROCESS_FAILED, message).cause(&output.stderr);
                return Err(problem.help("set a version, such as `11.0`, or remove it"));
            }
            output.stdout
        }
        // Before 1.71 rustc does not know the question.
        None => kept_answer(host, found, &question).unwrap_or_default(),
    };
    let version = text.split_once('=').map(|(_, version)| version.trim());
    Ok(version.and_then(|version| {
        Some(DeploymentTarget {
            macos: MacOs::parse(version)?,
            version: version.to_owned(),
            asked: asked.cloned().filter(|asked| asked.value != version),
        })
    }))
}

/// cargo's rustflags for a target, and the `cfg` by which its `cfg(…)` tables apply.
pub struct CargoFlags {
    /// Flags as cargo passes them.
    pub flags: Vec<String>,
    /// Values of `cfg`; empty if no table depends on them.
    pub cfg: Vec<Cfg>,
}

/// Crate types that cargo asks rustc about. They decide `target_feature="crt-static"`.
const CRATE_TYPES: &[&str] = &["bin", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"];

/// Number of times that cargo asks at most: flags decide the `cfg`, and that decides flags.
const TURNS: usize = 3;

/// Returns the rustflags that cargo takes from its configuration and the environment, asking as
/// cargo does.
///
/// Source: `TargetInfo::new` of cargo 0.96.
pub fn cargo_flags(
    host: &Host,
    found: &ProjectContext,
    target: &Target,
    sources: &RustflagsSources,
) -> Result<CargoFlags> {
    let mut flags = sources.flags(target.triple(), None);
    let mut cfg = Vec::new();
    if !rustflags::depends_on_cfg(sources.files) {
        return Ok(CargoFlags { flags, cfg });
    }
    for _ in 0..TURNS {
        let types = CRATE_TYPES.iter().flat_map(|name| ["--crate-type", name]);
        let question = Invocation::new(&found.rustc_program, &found.workspace.root)
            .args(["-", "--crate-name", "___"])
            .args(flags.iter().cloned())
            .args(["--target", target.triple()])
            .args(types)
            .args(["--print=cfg", "-Wwarnings"]);
        let text = kept_answer(host, found, &question)?;
        cfg = PlatformFacts::new(target.triple(), text.lines()).cfg;
        let again = sources.flags(target.triple(), Some(&cfg));
        let is_fixed = again == flags;
        flags = again;
        if is_fixed {
            break;
        }
    }
    Ok(CargoFlags { flags, cfg })
}

/// The level of processor that the rustflags allow, if it is above the target's own.
fn raised(
    host: &Host,
    found: &ProjectContext,
    target: &Target,
    rustflags: &[String],
) -> Result<Option<Level>> {
    let Some(own) = target.level().filter(|_| {
        let options = rustflags::codegen_options(rustflags);
        let mut names = options.iter().map(|option| option.name.as_str());
        names.any(|name| ["target-cpu", "target-feature"].contains(&name))
    }) else {
        return Ok(None);
    };
    // A stable rustc keeps the features to itself that are not stable, ARMv7 among them. This
    // changes one answer, not what is compiled.
    let question = Invocation::new(&found.rustc_program, &found.workspace.root)
        .args(["--print", "cfg", "--target", target.triple()])
        .args(rustflags.iter().cloned())
        .env("RUSTC_BOOTSTRAP", "1");
    let text = kept_answer(host, found, &question)?;
    let features: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("target_feature=\"")?.strip_suffix('"'))
        .collect();
    let raised = own.raised_by(&features);
    Ok((raised != own).then_some(raised))
}

/// What rustc answers is kept as long as it is that rustc, called so: it takes longer to start than
/// all that it says is worth.
fn kept_answer(host: &Host, found: &ProjectContext, question: &Invocation) -> Result<String> {
    // A script may be another compiler tomorrow, and so may a file of arguments and this machine's
    // own processor.
    let elsewhere = question
        .args
        .iter()
        .any(|word| word.starts_with('@') || word.contains("native"));
    let itself = |path: &Utf8PathBuf| {
        !host.is_script(path)
            && host
                .real_name(path)
                .is_some_and(|name| name == "rustc" || name == "rustup")
    };
    let own = found.rustc.sysroot.join("bin/rustc");
    let identity = host
        .find(&question.program)
        .filter(itself)
        .filter(|_| !elsewhere)
        .and_then(|_| host.identity(&own));
    // What is unstable is told where this is set.
    let more = host.var("RUSTC_BOOTSTRAP").unwrap_or_default();
    let key = identity
        .map(|identity| format!("{identity}\n{:?}\n{:?}\n{more}", found.rustc, question.args));
    let kept = key.and_then(|key| cache::place(host, "rustc", &key));
    if let Some(text) = cache::read(host, kept.as_deref()).filter(|text: &String| !text.is_empty())
    {
        return Ok(text);
    }
    let text = answer(host, question)?;
    cache::keep(host, kept.as_deref(), &text);
    Ok(text)
}

/// Returns false if rustup does not provide the target's standard library, and true where it does
/// not answer.
fn is_provided(host: &Host, found: &ProjectContext, target: &Target) -> bool {
    let toolchain = found.rustc.rustup.iter();
    let question = Invocation::new("rustup", &found.workspace.root)
        .args(["target", "list"])
        .options("--toolchain", toolchain);
    let output = host.capture(&question).ok().filter(Output::success);
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let mut names = text.lines().filter_map(|line| line.split(' ').next());
    text.trim().is_empty() || names.any(|name| name == target.triple())
}

fn has_core(host: &Host, libdir: &Utf8Path) -> bool {
    host.is_dir(libdir)
        && host
            .walk(libdir)
            .is_ok_and(|found| found.keys().any(|name| name.starts_with("libcore-")))
}

//! Chooses what links and what compiles C for a target, from what the machine has; says why, and
//! why not the others.
//!
//! Pure: it sees [`Facts`], never the machine. One file a kind of candidate. To look for something
//! new, name it in that file's `wanted`; `look` asks only what is named.

mod clang;
pub mod environment;
mod gate;
mod gcc;
pub mod image;
mod lld;
mod native;
mod zig;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use self::environment::{Libraries, ToolFile, Tools};
use crate::config::LinkerChoice;
use crate::facts::{CPackage, Facts, Program, Setting, SettingOrigin, TargetFacts};
use crate::probe::{CompilerFinding, Report};
use crate::problem::{Code, Problem, Result};
use crate::target::{Libc, Os, Target};

/// A kind of candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerKind {
    Native,
    Gcc,
    Clang,
    RustLld,
    Zig,
    Image,
    /// What cargo's own configuration or the user's rustflags say.
    Configured,
}

impl LinkerKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::RustLld => "rust-lld",
            Self::Zig => "zig",
            Self::Image => "image",
            Self::Configured => "configured",
        }
    }
}

/// A kind that `auto` tries: its name, what it looks for, and how it judges.
struct KindEntry {
    kind: LinkerKind,
    /// The candidates of this kind, best first, or why there is none.
    candidates: fn(&TargetContext) -> Result<Vec<Candidate>, String>,
}

/// In `auto`'s order (README, "How a linker is chosen").
const KINDS: &[KindEntry] = &[
    KindEntry {
        kind: LinkerKind::Native,
        candidates: native::candidates,
    },
    KindEntry {
        kind: LinkerKind::Gcc,
        candidates: gcc::candidates,
    },
    KindEntry {
        kind: LinkerKind::Clang,
        candidates: clang::candidates,
    },
    KindEntry {
        kind: LinkerKind::RustLld,
        candidates: lld::candidates,
    },
    KindEntry {
        kind: LinkerKind::Zig,
        candidates: zig::candidates,
    },
    KindEntry {
        kind: LinkerKind::Image,
        candidates: image::candidates,
    },
];

/// A target and who chose its linker.
#[derive(Debug, Clone)]
pub struct TargetRequest {
    pub target: Target,
    /// What was asked for, and by what (`--linker`, `XPKG_LINKER`, the configuration). `auto` asked
    /// for leaves the choice to xpkg in spite of what cargo's configuration says.
    pub choice: Option<(LinkerChoice, String)>,
    /// `c-dependencies`, where the configuration overrides the graph.
    pub c_dependencies: Option<bool>,
    /// Where the target's C library stands, for a gcc or clang that does not know.
    pub sysroot: Option<Utf8PathBuf>,
    /// The cross image that the configuration names for it.
    pub image: Option<image::WantedImage>,
    /// What the configuration adds to this target's calls of cargo.
    pub own: TargetOverrides,
    /// Findings that do not stop the run.
    pub accept: Vec<Code>,
}

/// What the configuration says of one target's calls of cargo.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetOverrides {
    /// Settings of the profile.
    pub profile: toml::Table,
    pub rustflags: Vec<String>,
    pub features: Vec<String>,
}

/// Whether the target's graph holds C, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CUsage {
    pub holds: bool,
    /// `c-dependencies` decided, not the graph.
    pub configured: bool,
    pub packages: Vec<CPackage>,
}

impl CUsage {
    pub fn new(request: &TargetRequest, here: &TargetFacts) -> Self {
        Self {
            holds: request
                .c_dependencies
                .unwrap_or(!here.c_packages.is_empty()),
            configured: request.c_dependencies.is_some(),
            packages: here.c_packages.clone(),
        }
    }
}

/// What links, what compiles C, and the environment that both need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    pub kind: LinkerKind,
    pub linker: Program,
    /// Compiles C for the target; `None`: nobody said, so cc-rs looks for itself.
    pub c_compiler: Option<Program>,
    /// Target-scoped variables, in the order they are printed.
    pub variables: Vec<Variable>,
    /// Files of xpkg's own that the variables name; they must stand before cargo starts.
    #[serde(skip)]
    pub files: Vec<ToolFile>,
    /// What archives, where xpkg or the user says so.
    #[serde(skip)]
    pub archiver: Option<String>,
    /// What is compiled before its first link, once on a machine.
    #[serde(skip)]
    pub first_uses: Vec<CacheWarmup>,
    /// It has a C++ compiler, or leaves that to cc-rs.
    #[serde(skip)]
    pub cxx: bool,
    /// The image in which all of it stands.
    pub image: Option<image::ResolvedImage>,
    /// A clause: why this one serves.
    pub reason: String,
}

impl Candidate {
    /// What the probes' reports about it are filed under.
    pub fn key(&self) -> String {
        let compiler = self
            .c_compiler
            .as_ref()
            .map_or("", |compiler| compiler.program.as_str());
        format!("{} {} {compiler}", self.kind.name(), self.linker.program)
    }
}

/// A variable of the target's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    pub name: String,
    pub value: String,
    pub set_by: SetBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    Xpkg,
    /// The user has set it; it is shown, and left as it is.
    User,
    /// The image's own environment has it.
    Image,
}

impl Variable {
    fn ours(name: String, value: &str) -> Self {
        Self {
            name,
            value: value.to_owned(),
            set_by: SetBy::Xpkg,
        }
    }

    fn yours(setting: &Setting) -> Self {
        let set_by = if setting.place == SettingOrigin::Image {
            SetBy::Image
        } else {
            SetBy::User
        };
        Self {
            name: setting.name.clone(),
            value: setting.value.clone(),
            set_by,
        }
    }
}

/// A candidate that fell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    pub kind: LinkerKind,
    pub reason: String,
    /// A probe's finding stopped it.
    pub by_probe: bool,
}

/// The outcome for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolchainChoice {
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Who chose: `auto`, or the flag, variable or file that binds.
    pub chosen_by: String,
    pub refused: Vec<Rejected>,
    /// Variables of the user's that do not count for this target.
    pub passed_over: Vec<Setting>,
    /// What the probes say of its C compiler, where the graph holds C.
    pub report: Option<Report>,
    /// What is told and does not stop the run.
    pub findings: Vec<CompilerFinding>,
}

/// One target as the kinds judge it.
#[derive(Clone)]
struct TargetContext<'a> {
    target: &'a Target,
    facts: &'a Facts,
    here: &'a TargetFacts,
    c: &'a CUsage,
    accept: &'a [Code],
    /// The kind that somebody chose.
    asked: Option<LinkerKind>,
    own: &'a TargetOverrides,
    sysroot: Option<&'a Utf8Path>,
    /// What clang is called with.
    clang_arguments: Vec<String>,
    /// xpkg's own directory for files that name tools.
    tools: &'a Utf8Path,
}

pub use gate::flag_way;
pub use gcc::is_compiler_name;
pub use zig::CacheWarmup;

/// Names of programs to look for, for one target. All kinds are looked for: `plan` shows them all.
pub fn wanted(target: &Target, host: &str) -> BTreeSet<String> {
    let kinds = native::wanted(target, host)
        .into_iter()
        .chain(gcc::wanted(target, host))
        .chain(clang::wanted());
    kinds.chain(zig::wanted()).collect()
}

/// Whether to look for zig, and to have it make its programs for this target.
pub fn wants_zig(request: &TargetRequest, host: &str) -> bool {
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    asked.is_none_or(|kind| kind == LinkerKind::Zig)
        && zig::is_worth(&request.target, host, asked == Some(LinkerKind::Zig))
}

/// Whether to look for the target's image: where it is asked for, or may come last in `auto`.
pub fn wants_image(request: &TargetRequest) -> bool {
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    asked == Some(LinkerKind::Image) || asked.is_none() && request.image.is_some()
}

/// What to ask clang about a target, where it could serve and no GNU compiler is likely to.
pub fn clang_question(
    request: &TargetRequest,
    host: &str,
    found: &BTreeMap<String, Program>,
) -> Option<Vec<String>> {
    let target = &request.target;
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    let worth = match asked {
        Some(kind) => kind == LinkerKind::Clang,
        // A gcc may fall, because it has a glibc of its own.
        None => {
            request.sysroot.is_some()
                || target.triple() != host
                    && (target.floor.is_some() || !gcc::is_there(target, host, found))
        }
    };
    (worth && clang::is_worth(request, target)).then(|| clang::arguments(request))
}

/// Every candidate that serves as far as its own kind can tell: those whose C compilers are to be
/// probed.
pub fn contenders(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Vec<Candidate> {
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    let bound = bound(&case, request)
        .and_then(|(_, judged)| judged.ok())
        .unwrap_or_default();
    bound
        .into_iter()
        .chain(
            KINDS
                .iter()
                .flat_map(|row| (row.candidates)(&case).unwrap_or_default()),
        )
        .collect()
}

/// The first candidate in a target's image, or why there is none.
pub fn image_candidate(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<Candidate, String> {
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    image::candidates(&case)?
        .into_iter()
        .next()
        .ok_or_else(|| "no compiler in it serves".to_owned())
}

/// An explicit choice binds or fails; only where nobody chose, `auto` takes the first that holds
/// (README, How a linker is chosen).
pub fn choose(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<ToolchainChoice> {
    let target = &request.target;
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    let mut refused = Vec::new();
    let mut bitten = Vec::new();
    if let Some((by, judged)) = bound(&case, request) {
        let name = choice_name(&case, request);
        // What is wrong with an image has a code of its own.
        if let (Some(LinkerKind::Image), Some(Err(problem))) = (case.asked, &case.here.image) {
            return Err(problem.clone());
        }
        let candidates = judged.map_err(|reason| unfit(target, name, &by, reason, request))?;
        for candidate in candidates {
            match gate::pass(&case, candidate, &by, true) {
                Ok(chosen) => return Ok(ToolchainChoice { refused, ..chosen }),
                Err(fallen) => {
                    refused.push(fallen.told());
                    bitten.push(fallen);
                }
            }
        }
        let reasons: Vec<String> = refused.iter().map(|fallen| fallen.reason.clone()).collect();
        let problem = match bitten.iter().find_map(|fallen| fallen.code) {
            Some(code) => Problem::new(
                code,
                format!("`{name}`, chosen by {by}, must not compile C for `{target}`"),
            )
            .note("cause", reasons),
            None => unfit(target, name, &by, reasons.join("; "), request),
        };
        return Err(gate::ways_out(&case, &bitten)
            .into_iter()
            .fold(problem, Problem::help));
    }
    let chosen_by = request.choice.as_ref().map_or("auto", |(_, by)| by);
    // What is accepted counts only where nothing passes without.
    for accept in [&[], case.accept] {
        let case = TargetContext {
            accept,
            ..case.clone()
        };
        (refused, bitten) = (Vec::new(), Vec::new());
        for row in KINDS {
            let candidates = (row.candidates)(&case).unwrap_or_else(|reason| {
                refused.push(Rejected {
                    kind: row.kind,
                    reason,
                    by_probe: false,
                });
                Vec::new()
            });
            for candidate in candidates {
                match gate::pass(&case, candidate, chosen_by, false) {
                    Ok(chosen) => return Ok(ToolchainChoice { refused, ..chosen }),
                    Err(fallen) => {
                        // Two versions of one compiler often fall for one reason.
                        if !refused.contains(&fallen.told()) {
                            refused.push(fallen.told());
                        }
                        bitten.push(fallen);
                    }
                }
            }
        }
    }
    let width = refused
        .iter()
        .map(|fallen| fallen.kind.name().len())
        .max()
        .unwrap_or(0);
    let tried = refused
        .iter()
        .map(|fallen| format!("{:width$} {}", fallen.kind.name(), fallen.reason));
    let problem = match bitten.iter().find_map(|fallen| fallen.code) {
        Some(code) => Problem::new(
            code,
            format!("no compiler here may compile the C of `{target}`"),
        ),
        None => Problem::new(
            Code::NoLinker,
            format!("nothing here can link for `{target}`"),
        ),
    };
    let c_packages = c
        .packages
        .iter()
        .filter(|_| c.holds)
        .map(CPackage::to_string);
    let problem = problem.note("tried", tried).note("C in", c_packages);
    let ways = gate::ways_out(&case, &bitten)
        .into_iter()
        .chain(ways_out(&case));
    Err(ways.fold(problem, Problem::help))
}

/// Who chose, and what came of it, where somebody chose.
fn bound(
    case: &TargetContext,
    request: &TargetRequest,
) -> Option<(String, Result<Vec<Candidate>, String>)> {
    let setting = case.here.linker.as_ref();
    if let Some((choice, by)) = &request.choice {
        if let Some(flag) = setting.filter(|setting| setting.place == SettingOrigin::Rustflags) {
            let reason = format!(
                "the rustflags in force hold `{}={}`, which beats every other choice",
                flag.name, flag.value
            );
            return Some((by.clone(), Err(reason)));
        }
        let row = KINDS.iter().find(|row| Some(row.kind) == choice.kind())?;
        return Some((by.clone(), (row.candidates)(case)));
    }
    let setting = setting?;
    let by = format!("`{}` in {}", setting.name, setting.place);
    Some((
        by,
        configured(case, setting).map(|candidate| vec![candidate]),
    ))
}

/// What the choice is called in an error.
fn choice_name<'a>(case: &TargetContext<'a>, request: &'a TargetRequest) -> &'a str {
    match (&request.choice, &case.here.linker) {
        (Some((choice, _)), _) => choice.kind().map_or("auto", LinkerKind::name),
        (None, Some(setting)) => &setting.value,
        (None, None) => "",
    }
}

fn unfit(
    target: &Target,
    choice: &str,
    by: &str,
    reason: String,
    request: &TargetRequest,
) -> Problem {
    if let (Some((LinkerChoice::Image, _)), Some(wanted)) = (&request.choice, &request.image) {
        return Problem::new(
            Code::ImageUnfit,
            format!(
                "the image `{}` cannot build for `{target}`",
                wanted.reference.written
            ),
        )
        .note("cause", [reason])
        .help("add what is missing by `pre-build`, or name another image");
    }
    let help = match &request.choice {
        Some((LinkerChoice::Image, _)) => {
            format!(
                "name its image in xpkg's configuration: \
                 `[workspace.metadata.xpkg.target.{target}]` with `image = \"name:tag\"`, then \
                 `cargo xpkg image pin`"
            )
        }
        Some((LinkerChoice::Zig, _)) if reason == zig::MISSING => {
            "install zig: `pip install ziglang`".to_owned()
        }
        Some(_) => "drop the choice, and xpkg takes the first that serves".to_owned(),
        None => format!("correct or remove {by}"),
    };
    Problem::new(
        Code::LinkerUnfit,
        format!("`{choice}`, chosen by {by}, cannot link for `{target}`"),
    )
    .note("cause", [reason])
    .help(help)
}

fn ways_out(case: &TargetContext) -> Vec<String> {
    let TargetContext {
        target,
        facts,
        here,
        c,
        ..
    } = case;
    let native = target.triple() == facts.rustc.host;
    let zig = || {
        (target.system.os == Os::Linux && facts.zig.is_none() && case.sysroot.is_none())
            .then(|| "zig (`pip install ziglang`)".to_owned())
    };
    let one_of = |first: Option<String>| {
        [first, zig()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" or ")
    };
    if target.floor.is_some() {
        let kind = if native { "native" } else { "gcc" };
        let install = zig().map(|zig| format!("install {zig}, which links for any glibc"));
        let others = [
            format!(
                "choose the linker yourself, and the finished bins are held to the floor: \
                 `--linker {kind}`"
            ),
            "or build on a system whose glibc is as old as the floor".to_owned(),
        ];
        return install.into_iter().chain(others).collect();
    }
    match target.system.libc {
        Libc::Gnu if native && c.holds && facts.programs.contains_key("cc") => {
            vec!["install a C++ compiler (`apt-get install g++`)".to_owned()]
        }
        Libc::Gnu if native => {
            vec!["install a C compiler (`apt-get install gcc libc6-dev`)".to_owned()]
        }
        Libc::Gnu => {
            let cxx = c.packages.iter().any(|package| package.cxx);
            let package = gcc::debian_package(target, if cxx { "g++" } else { "gcc" });
            vec![format!(
                "install {}",
                one_of(Some(format!(
                    "a cross compiler (`apt-get install {package}`)"
                )))
            )]
        }
        Libc::Musl if lld::breaking_flag(&here.rustflags).is_some() => vec![
            "take the flag out of the rustflags, or name a linker that follows it:".to_owned(),
            format!(
                "`export CARGO_TARGET_{}_LINKER={}-gcc`",
                target.upper(),
                target.gnu_name()
            ),
        ],
        Libc::Musl if c.holds => {
            let tools = target.same_arch(&facts.rustc.host)
                && !c.packages.iter().any(|package| package.cxx);
            let first = one_of(
                tools.then(|| "a C compiler for musl (`apt-get install musl-tools`)".to_owned()),
            );
            let install = (!first.is_empty()).then(|| format!("install {first}"));
            let others = [
                format!(
                    "or name a musl cross compiler of yours in `CC_{}`",
                    target.lower()
                ),
                "or, if that C is never compiled for the target, set `c-dependencies = false` in \
                 xpkg's configuration"
                    .to_owned(),
            ];
            install.into_iter().chain(others).collect()
        }
        Libc::Musl => {
            vec!["use a Rust toolchain from rustup: it brings `rust-lld` and musl".to_owned()]
        }
        Libc::System => vec![format!(
            "name a linker for it in `CARGO_TARGET_{}_LINKER`",
            target.upper()
        )],
    }
}

/// The candidate that the user's cargo configuration makes: used as it is, once it is there and not
/// for another machine.
fn configured(case: &TargetContext, setting: &Setting) -> Result<Candidate, String> {
    let program = match (
        setting.value.as_str(),
        case.facts.programs.get(&setting.value),
    ) {
        (_, Some(program)) => program.clone(),
        ("rust-lld", None) if case.facts.rustc.lld => lld::linker(),
        (name, None) => return Err(format!("`{name}` is not on PATH")),
    };
    // Only a gcc is made for one processor: clang follows `--target`, and gcc for x86 serves both
    // of its widths.
    let gcc = program
        .version
        .as_ref()
        .is_none_or(|version| !version.contains("clang version"));
    let x86 = |name: &str| ["x86", "x86_64"].contains(&name);
    let foreign = |machine: &&String| {
        !(case.target.same_arch(machine) || x86(case.target.arch.name) && machine.contains("86"))
    };
    if let Some(machine) = program.machine.as_ref().filter(|_| gcc).filter(foreign) {
        return Err(format!("it compiles for `{machine}`"));
    }
    if case.target.system.libc == Libc::Musl && gcc::is_musl_wrapper(&program) {
        return Err(format!(
            "`{}` wraps the host's compiler: what it links for musl asks for an interpreter and \
             crashes at start (rust-lang/rust#95926); without this setting rust-lld links and it \
             compiles the C",
            program.program
        ));
    }
    let serves_c = program
        .machine
        .as_ref()
        .is_some_and(|machine| case.target.same_libc(machine));
    let c_compiler = serves_c.then(|| program.clone());
    let reason = format!("`{}` in {}", setting.name, setting.place);
    let tools = c_compiler
        .map(|cc| Tools::of(case, &cc))
        .unwrap_or_default();
    let mut candidate = assemble(case, LinkerKind::Configured, program, tools, reason);
    if setting.place == SettingOrigin::Environment {
        candidate.variables.insert(0, Variable::yours(setting));
    }
    Ok(Candidate {
        cxx: true,
        ..candidate
    })
}

/// A candidate with these tools. What the user has set for a role is shown and stays.
pub fn assemble(
    case: &TargetContext,
    kind: LinkerKind,
    linker: Program,
    tools: Tools,
    reason: String,
) -> Candidate {
    let (variables, files) = environment::variables(case, &tools);
    let yours = |role: &str| case.here.settings.get(role);
    let cxx = tools.cc.is_none() || tools.cxx.is_some() || yours("CXX").is_some();
    let archiver = yours("AR")
        .map(|setting| setting.value.clone())
        .or_else(|| tools.ar.clone());
    let c_compiler = match yours("CC") {
        Some(setting) => {
            let known = case.program(&setting.value).cloned();
            Some(known.unwrap_or_else(|| Program {
                program: setting.value.clone(),
                ..Program::default()
            }))
        }
        None => tools.cc,
    };
    Candidate {
        kind,
        linker,
        c_compiler,
        variables,
        files,
        archiver,
        first_uses: Vec::new(),
        cxx,
        image: None,
        reason,
    }
}

impl<'a> TargetContext<'a> {
    fn new(
        request: &'a TargetRequest,
        facts: &'a Facts,
        c: &'a CUsage,
        tools: &'a Utf8Path,
        nothing: &'a TargetFacts,
    ) -> Self {
        let here = facts
            .targets
            .get(request.target.triple())
            .unwrap_or(nothing);
        let asked = request
            .choice
            .as_ref()
            .and_then(|(choice, _)| choice.kind());
        let clang_arguments = clang::arguments(request);
        Self {
            target: &request.target,
            facts,
            here,
            c,
            accept: &request.accept,
            own: &request.own,
            asked,
            sysroot: request.sysroot.as_deref(),
            clang_arguments,
            tools,
        }
    }

    fn program(&self, name: &str) -> Option<&'a Program> {
        self.facts.programs.get(name)
    }
}

/// A compiler that is called with words of its own, under a name of xpkg's.
fn script(
    case: &TargetContext,
    program: &Program,
    name: &str,
    words: &[String],
) -> (Program, ToolFile) {
    let real = program
        .path
        .as_ref()
        .map_or(program.program.as_str(), |path| path.as_str());
    let line = [real]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .map(crate::invocation::quote)
        .collect::<Vec<_>>()
        .join(" ");
    let text = format!(
        "#!/bin/sh\n# Written by cargo xpkg for `{}`.\nexec {line} \"$@\"\n",
        case.target
    );
    let file = ToolFile::new(case, name, text, true);
    let scripted = Program {
        program: file.path.to_string(),
        machine: Some(case.target.gnu_name()),
        ..program.clone()
    };
    (scripted, file)
}

impl Tools {
    /// A C compiler and its companions, which stand beside it under its own name.
    fn of(case: &TargetContext, cc: &Program) -> Self {
        let there = |name: Option<String>| name.filter(|name| case.program(name).is_some());
        // A compiler for musl has its libraries somewhere of its own; Debian's for glibc, among the
        // host's.
        let libraries =
            (case.target.system.libc == Libc::Gnu).then(|| Libraries::debian(case.target));
        Self {
            linker: None,
            cc: Some(cc.clone()),
            cxx: there(cxx_name(&cc.program)),
            ar: there(tool_name(&cc.program, "ar")),
            ranlib: there(tool_name(&cc.program, "ranlib")),
            libraries,
            zig: false,
        }
    }

    fn linking(self, linker: &str) -> Self {
        Self {
            linker: Some(linker.to_owned()),
            ..self
        }
    }
}

/// `aarch64-linux-gnu-gcc-12` -> `aarch64-linux-gnu-g++-12`.
fn cxx_name(cc: &str) -> Option<String> {
    match cc.split_once("gcc") {
        Some((prefix, version)) => Some(format!("{prefix}g++{version}")),
        None => cc.ends_with("clang").then(|| format!("{cc}++")),
    }
}

/// `aarch64-linux-gnu-gcc-12` -> `aarch64-linux-gnu-ar`.
fn tool_name(cc: &str, tool: &str) -> Option<String> {
    cc.split_once("gcc").map(|(prefix, _)| {
        if prefix == "musl-" {
            tool.to_owned()
        } else {
            format!("{prefix}{tool}")
        }
    })
}

#[cfg(test)]
mod tests;

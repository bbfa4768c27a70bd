//! What the user reads: talk on stderr, data on stdout. The one place that prints.
//!
//! Renderers are pure functions over a plan, a manifest or a problem; only [`Shell`] and [`data`]
//! write.

mod plan;

pub use self::plan::{choice, exports, passed_over, plan};

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::docker::Image;
use crate::doctor::{self, CompilerHealth, Diagnosis, State, TargetHealth};
use crate::facts::ToolFound;
use crate::formats::{clause, printable};
use crate::lock::{PinStatus, Seen};
use crate::manifest::{Artifact, Manifest};
use crate::problem::{Code, CodeInfo, Problem, Result};
use crate::verify::{self, Finding, Skipped};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
const STRONG: Style = Style::new().bold();

/// How much the user wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// The talk on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Shell {
    pub verbosity: Verbosity,
}

impl Shell {
    /// `      Verb subject`, in cargo's manner.
    pub fn status(&self, verb: &str, subject: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!("{GOOD}{verb:>12}{GOOD:#} {subject}\n"));
        }
    }

    /// The same, for those who asked for more.
    pub fn detail(&self, verb: &str, subject: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.status(verb, subject);
        }
    }

    /// What does not stop the run and should be known.
    pub fn warning(&self, code: &str, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!(
                "{CAUTION}warning[{code}]{CAUTION:#}{STRONG}: {text}{STRONG:#}\n"
            ));
        }
    }

    /// A bar of bytes on a terminal, shown once the work takes longer than a second.
    pub fn bar(&self, verb: &str) -> Bar {
        let shown = self.verbosity != Verbosity::Quiet
            && std::io::IsTerminal::is_terminal(&std::io::stderr());
        Bar {
            verb: verb.to_owned(),
            began: std::time::Instant::now(),
            bar: shown.then(std::sync::OnceLock::new),
        }
    }

    /// A line of cargo's own, already in its manner.
    pub fn pass_on(&self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!("{line}\n"));
        }
    }

    pub fn problems(&self, problems: &[Problem]) {
        for problem in problems {
            say(&self::problem(problem));
        }
    }
}

fn say(text: &str) {
    // Where stderr is gone, nobody listens.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Puts data on stdout. A reader that has gone away is no problem of ours; a full disk is.
pub fn data(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Problem::new(
            Code::FileAccess,
            format!("cannot write to stdout: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Progress on long reading.
pub struct Bar {
    verb: String,
    began: std::time::Instant,
    bar: Option<std::sync::OnceLock<indicatif::ProgressBar>>,
}

impl Bar {
    /// So many bytes are done.
    pub fn position(&self, bytes: u64) {
        let Some(slot) = &self.bar else { return };
        if slot.get().is_some() || self.began.elapsed() > std::time::Duration::from_secs(1) {
            let bar = slot.get_or_init(|| {
                let style = indicatif::ProgressStyle::with_template(
                    "{prefix:>12} {decimal_bytes} read, {decimal_bytes_per_sec}",
                );
                let style = style.unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
                indicatif::ProgressBar::no_length()
                    .with_prefix(self.verb.clone())
                    .with_style(style)
            });
            bar.set_position(bytes);
        }
    }

    pub fn clear(&self) {
        if let Some(bar) = self.bar.as_ref().and_then(std::sync::OnceLock::get) {
            bar.finish_and_clear();
        }
    }
}

/// One JSON document.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("what is printed is plain data");
    text.push('\n');
    text
}

/// `error[code]: …` with its notes and its help, aligned.
pub fn problem(problem: &Problem) -> String {
    let Problem {
        code,
        message,
        notes,
        help,
    } = problem;
    let mut text = format!(
        "{BAD}error[{}]{BAD:#}{STRONG}: {message}{STRONG:#}\n",
        code.name()
    );
    for note in notes {
        let label = format!("{}: ", note.label);
        for (index, line) in note.lines.iter().enumerate() {
            let label = if index == 0 {
                label.clone()
            } else {
                " ".repeat(label.len())
            };
            let _ = writeln!(text, "  {label}{line}");
        }
    }
    for help in help {
        let _ = writeln!(text, "  {NOTE}help{NOTE:#}: {help}");
    }
    text
}

/// What `--explain CODE` says.
pub fn explanation(row: &CodeInfo) -> String {
    let CodeInfo {
        code: _,
        name,
        title,
        cause,
        detection,
        fix,
        source,
    } = row;
    format!(
        "{name}: {title}\n\ncause:     {cause}\ndetection: {detection}\nfix:       \
         {fix}\nsource:    {source}\n"
    )
}

/// What `doctor` found: one screen for a healthy machine.
pub fn diagnosis(diagnosis: &Diagnosis) -> String {
    let Diagnosis {
        rustc,
        compilers,
        zig,
        engine,
        workspace,
        tools,
        targets,
        problems,
    } = diagnosis;
    let toolchain = rustc
        .toolchain
        .as_ref()
        .map(|name| format!(" ({name})"))
        .unwrap_or_default();
    let mut text = format!(
        "rustc      {}{toolchain}, host {}\n",
        rustc.release, rustc.host
    );
    if let Some(file) = &rustc.pinned_by {
        let _ = writeln!(text, "pinned by  {file}");
    }
    let _ = writeln!(text, "compilers");
    let mut table = plain_table();
    for CompilerHealth {
        compiler,
        aliases,
        report,
    } in compilers
    {
        let names: Vec<&str> = std::iter::once(compiler.program.as_str())
            .chain(aliases.iter().map(String::as_str))
            .take(2)
            .collect();
        let verdict = report.as_ref().map_or_else(
            || "not probed".to_owned(),
            |report| format!("gcc-95189 {}", doctor::verdict(report)),
        );
        table.add_row([
            format!("  {}{}", names.join(", "), more_names(aliases)),
            compiler.machine.clone().unwrap_or_else(|| "?".to_owned()),
            compiler
                .version
                .clone()
                .unwrap_or_else(|| "says no version".to_owned()),
            verdict,
        ]);
    }
    if let Some(zig) = zig {
        let probed = "probed for each target".to_owned();
        table.add_row([
            "  zig".to_owned(),
            "any Linux".to_owned(),
            format!("zig {} ({})", zig.version, zig.path),
            probed,
        ]);
    }
    text.push_str(&lines(&table));
    if let Some(engine) = engine {
        let _ = writeln!(text, "engine     {}", engine.words());
    }
    if let Some(workspace) = workspace {
        let _ = writeln!(text, "workspace  {workspace}");
    }
    for ToolFound {
        want,
        path,
        version,
        machine: _,
    } in tools
    {
        let found = match (path, version) {
            (None, _) => "missing".to_owned(),
            (Some(path), None) => path.to_string(),
            (Some(_), Some(version)) => version.clone(),
        };
        let _ = writeln!(
            text,
            "tool       {}: {found} (for {} {})",
            want.tool, want.package, want.version
        );
    }
    if !targets.is_empty() {
        text.push_str("targets\n");
    }
    let width = targets
        .iter()
        .map(|health| health.target.to_string().len())
        .max()
        .unwrap_or(0);
    for TargetHealth {
        target,
        state,
        toolchain,
        warnings,
        problems: _,
    } in targets
    {
        let style = match state {
            State::Ready => GOOD,
            State::ReadyWithWarnings => CAUTION,
            State::NotReady => BAD,
        };
        let toolchain = toolchain
            .as_ref()
            .map(|toolchain| format!("  {toolchain}"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:width$}  {style}{}{style:#}{toolchain}",
            target.to_string(),
            state.name()
        );
        for warning in warnings {
            let _ = writeln!(text, "    {CAUTION}warning{CAUTION:#}: {warning}");
        }
    }
    let all = problems
        .iter()
        .chain(targets.iter().flat_map(|target| &target.problems));
    let told: Vec<String> = all.map(problem).collect();
    for (index, problem) in told
        .iter()
        .enumerate()
        .filter(|(index, problem)| !told[..*index].contains(problem))
    {
        let _ = write!(text, "{}{problem}", if index == 0 { "\n" } else { "" });
    }
    text
}

/// How many names there are beyond the two that are shown.
fn more_names(aliases: &[String]) -> String {
    if aliases.len() > 1 {
        format!(" (+{})", aliases.len() - 1)
    } else {
        String::new()
    }
}

/// The staged tree as a table.
pub fn tree(manifest: &Manifest) -> String {
    let mut table = plain_table();
    table.set_header([
        "target", "package", "bin", "size", "linkage", "glibc", "sha256",
    ]);
    for artifact in &manifest.artifacts {
        let binary = artifact.binary.as_ref();
        table.add_row([
            artifact.target.clone(),
            artifact.package.clone(),
            shown_bin(artifact),
            size(artifact.size),
            binary
                .map_or("unread", |binary| binary.linkage.name())
                .to_owned(),
            binary
                .and_then(|binary| binary.glibc_floor.as_ref())
                .map_or_else(|| "-".to_owned(), |floor| floor.version.clone()),
            artifact.sha256.chars().take(12).collect(),
        ]);
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut images: Vec<String> = Vec::new();
    for record in &manifest.targets {
        let Some(image) = &record.toolchain.image else {
            continue;
        };
        let digest = if image.reference.contains('@') {
            String::new()
        } else {
            format!(", {}", image.digest)
        };
        let derived = image
            .derived
            .as_ref()
            .map(|derived| format!(", upon it {}", derived.id))
            .unwrap_or_default();
        let line = format!(
            "{} was built in {}{digest}{derived}\n",
            record.target, image.reference
        );
        if !images.contains(&line) {
            images.push(line);
        }
    }
    lines(&table) + &images.concat()
}

/// The images of a context.
pub fn docker(images: &[Image]) -> String {
    let mut table = plain_table();
    table.set_header(["image", "platforms", "bins", "base", "size"]);
    for image in images {
        let platforms: Vec<String> = image
            .platforms
            .iter()
            .map(|platform| platform.platform.words())
            .collect();
        let bins: Vec<&str> = image
            .platforms
            .first()
            .iter()
            .flat_map(|platform| &platform.bins)
            .map(|bin| bin.place.as_str())
            .collect();
        let sizes: Vec<String> = image
            .platforms
            .iter()
            .map(|platform| size(platform.bins.iter().map(|bin| bin.size).sum()))
            .collect();
        table.add_row([
            image.name.clone(),
            platforms.join(", "),
            bins.join(", "),
            image.base.name(),
            sizes.join(", "),
        ]);
    }
    lines(&table)
}

/// The images of a workspace, each with what is known of it.
pub fn images(standings: &[PinStatus]) -> String {
    let mut text = String::new();
    for PinStatus {
        target,
        reference,
        digest,
        state,
        why,
        seen,
    } in standings
    {
        let style = if *state == "pinned" { GOOD } else { CAUTION };
        let _ = writeln!(text, "{STRONG}{target}{STRONG:#}  {style}{state}{style:#}");
        let mut row = |label: &str, value: &str| _ = writeln!(text, "  {label:<9} {value}");
        row("image", reference);
        if let Some(digest) = digest {
            row("digest", digest);
        }
        for (label, value) in seen.iter().flat_map(Seen::rows) {
            row(label, &value);
        }
        if let Some(why) = why {
            row("note", why);
        }
    }
    text
}

/// What `verify` found: the programs, what stands against them, and the verdict last, where a
/// terminal stops.
pub fn verification(report: &verify::Report) -> String {
    let verify::Report {
        schema_version: _,
        subject,
        kind: _,
        policy,
        listed_by,
        files,
        findings,
        accepted,
        skipped,
    } = report;
    let mut text = programs(files);
    for group in grouped(findings) {
        text.push('\n');
        text.push_str(&findings_of_one_code(&group));
    }
    let pardoned: Vec<Finding> = accepted
        .iter()
        .map(|accepted| accepted.finding.clone())
        .collect();
    for group in grouped(&pardoned) {
        let code = group[0].code;
        let _ = writeln!(
            text,
            "\n{CAUTION}accepted[{}]{CAUTION:#}{STRONG}: {}{STRONG:#}",
            code.name(),
            code.row().title
        );
        for accepted in accepted
            .iter()
            .filter(|accepted| accepted.finding.code == code)
        {
            let _ = writeln!(
                text,
                "  {}\n    reason: {}",
                placed(&accepted.finding),
                printable(&accepted.reason)
            );
        }
    }
    if !skipped.is_empty() {
        let _ = writeln!(text, "\n{NOTE}not checked{NOTE:#}");
    }
    for Skipped { path, what, why } in skipped {
        let _ = writeln!(
            text,
            "  {}: {}: {}",
            printable(path),
            printable(what),
            printable(why)
        );
    }
    let (style, verdict) = if findings.is_empty() {
        (GOOD, "passed")
    } else {
        (BAD, "failed")
    };
    let list = listed_by.as_ref().map_or_else(
        || "nothing".to_owned(),
        |list| format!("`{}`", printable(list)),
    );
    let _ = writeln!(
        text,
        "{}{style}{verdict}{style:#}: `{}`, policy `{}`, listed by {list}: {}, {}, {} accepted, \
         {} not checked",
        if text.is_empty() { "" } else { "\n" },
        printable(subject),
        printable(policy),
        count(files.len(), "program"),
        count(findings.len(), "finding"),
        accepted.len(),
        skipped.len()
    );
    text
}

fn programs(files: &[verify::FileReport]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let ran = files.iter().any(|file| file.ran.is_some());
    let mut table = plain_table();
    let head = ["file", "target", "size", "linkage", "glibc", "sha256"];
    table.set_header(head.into_iter().chain(ran.then_some("ran")));
    for verify::FileReport {
        path,
        size: bytes,
        sha256,
        target,
        binary,
        ran: came_of_it,
    } in files
    {
        let floor = binary
            .as_ref()
            .and_then(|binary| binary.glibc_floor.as_ref());
        let or_none = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), printable);
        let cells = [
            printable(path),
            or_none(target.as_deref()),
            size(*bytes),
            binary
                .as_ref()
                .map_or("unread", |binary| binary.linkage.name())
                .to_owned(),
            or_none(floor.map(|floor| floor.version.as_str())),
            sha256.chars().take(12).collect(),
        ];
        table.add_row(
            cells
                .into_iter()
                .chain(ran.then(|| or_none(came_of_it.as_deref()))),
        );
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines(&table)
}

/// Findings by code, codes in the order in which they first come: one fault in forty files is one
/// block.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups
            .iter_mut()
            .find(|group| group[0].code == finding.code)
        {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// The one shape of a problem: a line for each file, each way out once.
fn findings_of_one_code(group: &[&Finding]) -> String {
    let row = group[0].code.row();
    let mut text = format!(
        "{BAD}error[{}]{BAD:#}{STRONG}: {}{STRONG:#}\n",
        row.name, row.title
    );
    for finding in group {
        let _ = writeln!(text, "  {}", placed(finding));
    }
    let ways: BTreeSet<&str> = group
        .iter()
        .map(|finding| finding.help.as_str())
        .filter(|help| !help.is_empty())
        .collect();
    for help in ways {
        let _ = writeln!(text, "  {NOTE}help{NOTE:#}: {}", printable(help));
    }
    text
}

/// `path: found, expected …`
fn placed(finding: &Finding) -> String {
    format!(
        "{}: {}",
        finding
            .path
            .as_deref()
            .map_or_else(|| "(all)".to_owned(), printable),
        clause(finding)
    )
}

/// Columns and nothing else, as wide as the terminal lets them.
fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that does not say how wide it is.
    if table.width() == Some(0) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

fn lines(table: &Table) -> String {
    let mut table = table.clone();
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// A bin, with the name it is staged under where that is another.
fn shown_bin(artifact: &Artifact) -> String {
    let staged = artifact.path.rsplit('/').next().unwrap_or_default();
    let plain = staged
        .strip_suffix(".exe")
        .or_else(|| staged.strip_suffix(".wasm"))
        .unwrap_or(staged);
    if plain == artifact.bin {
        artifact.bin.clone()
    } else {
        format!("{} as {staged}", artifact.bin)
    }
}

/// Bytes in binary units, three digits of them.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

/// `1 bin`, `2 bins`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::tests::{finding, hostile, small};

    #[test]
    fn a_problem_has_one_shape() {
        let told = Problem::new(Code::NoLinker, "nothing here can link for `t`")
            .note(
                "tried",
                [
                    "gcc  `t-gcc` is not on PATH".to_owned(),
                    "zig  is not there".to_owned(),
                ],
            )
            .help("install a cross compiler");
        let plain = anstream::adapter::strip_str(&problem(&told)).to_string();
        assert_eq!(
            plain,
            "error[no-linker]: nothing here can link for `t`\n  tried: gcc  `t-gcc` is not on \
             PATH\n         zig  is not there\n  help: install a cross compiler\n"
        );
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [0, 999, 1000, 1_048_576, 3_221_225_472].map(size),
            ["0 B", "999 B", "1.0 KiB", "1.0 MiB", "3.0 GiB"]
        );
    }

    fn plain(report: &verify::Report) -> String {
        anstream::adapter::strip_str(&verification(report)).to_string()
    }

    #[test]
    fn a_verification_tells_programs_findings_and_verdict() {
        let report = verify::Report {
            findings: vec![
                finding(Code::NotStripped, Some("x86/app")),
                small().findings.remove(0),
            ],
            ..small()
        };
        let told = "\
file     target     size  linkage  glibc  sha256
arm/app  -       2.0 KiB  unread   -      0123456789ab
x86/app  -       2.0 KiB  unread   -      0123456789ab

error[not-stripped]: a program carries debug information or symbols
  x86/app: debug sections, expected none
  arm/app: debug sections, expected none
  help: `strip = \"symbols\"`

accepted[home-leak]: a program names its builder's home
  x86/app: debug sections, expected none
    reason: a path of CI

not checked
  x86/app: --run: no qemu

failed: `dist`, policy `default`, listed by `manifest.json`: 2 programs, 2 findings, 1 accepted, 1 not checked
";
        assert_eq!(plain(&report), told);
    }

    #[test]
    fn a_verification_of_nothing_is_its_verdict() {
        let empty = verify::Report {
            files: vec![],
            findings: vec![],
            accepted: vec![],
            skipped: vec![],
            listed_by: None,
            ..small()
        };
        assert_eq!(
            plain(&empty),
            "passed: `dist`, policy `default`, listed by nothing: 0 programs, 0 findings, 0 \
             accepted, 0 not checked\n"
        );
    }

    #[test]
    fn no_name_of_a_verification_reaches_the_terminal_or_another_line() {
        let report = hostile();
        let told = verification(&report);
        let ours = anstream::adapter::strip_str(&told).to_string();
        assert!(
            ours.chars()
                .all(|c| c == '\n' || printable(&c.to_string()).chars().eq([c])),
            "a character that is not seen"
        );
        // The stripper takes every escape sequence; all that it took are styles.
        assert!(told.split('\u{1b}').skip(1).all(|rest| {
            rest.starts_with('[')
                && rest[1..]
                    .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                    .starts_with('m')
        }));
        let files = report.files.len();
        assert_eq!(
            ours.lines().filter(|line| line.contains("error[")).count(),
            1
        );
        assert_eq!(
            ours.lines()
                .filter(|line| line.starts_with("    reason: "))
                .count(),
            files
        );
        assert_eq!(
            ours.lines()
                .filter(|line| line.starts_with("  help: "))
                .count(),
            files - 1,
            "each help that is not empty"
        );
    }
}

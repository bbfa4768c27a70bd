//! `merge`: joins the trees of the legs into one, against the list of what was expected.

use camino::Utf8PathBuf;
use clap::Args;

use crate::commands::args::{MessageFormat, path};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::code::Code;
use crate::problem::text::{count, list};
use crate::problem::{Failure, Problem, Result, nearest};
use crate::ship::ci::merge::codes::MERGE_INVALID;
use crate::ship::ci::merge::decide::{self, ACCEPTABLE, Chosen};
use crate::ship::ci::merge::{look, write};
use crate::tree::fields::is_hex;
use crate::ui;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg merge legs/* --expect legs.json --out-dir target/merged",
    "cargo xpkg merge amd64.tar arm64.tar --expect legs.json --out-dir target/merged",
    "cargo xpkg merge legs/* --expect legs.json --out-dir target/merged --accept leg-tools",
];

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Trees of the legs, with their manifests: directories or tars
    #[arg(value_name = "LEG", required = true, value_parser = path())]
    pub legs: Vec<Utf8PathBuf>,

    /// List of the legs that must be there, as `matrix --for json` prints it
    #[arg(long, value_name = "FILE", required = true, value_parser = path())]
    pub expect: Utf8PathBuf,

    /// SHA-256 of the manifest.json of a leg, as its machine reported it; repeatable
    #[arg(long, value_name = "NAME=DIGEST", value_parser = named_digest)]
    pub leg: Vec<(String, String)>,

    /// Directory of the joined tree
    #[arg(long, value_name = "DIR", required = true, value_parser = path())]
    pub out_dir: Utf8PathBuf,

    /// Go on in spite of a finding, `leg-dirty` or `leg-tools`; the manifest records it
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

/// Parses `NAME=DIGEST`; the digest may have `sha256:` before it.
fn named_digest(text: &str) -> Result<(String, String), String> {
    let (name, digest) = text.split_once('=').ok_or("it has no `=`")?;
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    if is_hex(digest, 64) {
        Ok((name.to_owned(), digest.to_owned()))
    } else {
        Err("the digest is not 64 lower-case hex digits".to_owned())
    }
}

/// Runs `merge`.
///
/// # Errors
/// Those of [`look::trees`], [`decide::decide`] and [`write::write`].
pub fn run(host: &Host, args: MergeArgs) -> Result<(), Failure> {
    let MergeArgs {
        legs: paths,
        expect,
        leg: digests,
        out_dir,
        accept,
        message_format,
    } = args;
    let accepted: Vec<Code> = accept
        .iter()
        .map(|name| acceptable(name))
        .collect::<Result<_>>()?;
    let expected = look::legs(host, &expect)?;
    let out_dir = host.resolve(&host.absolute(&out_dir));
    look::check_out_dir(host, &out_dir, &paths)?;
    // Archives are unpacked into directories that are removed with this.
    let mut scratch = Vec::new();
    let trees = look::trees(host, &paths, &mut scratch)?;
    let merged = decide::decide(
        &trees,
        Chosen {
            expected: &expected,
            digests: &digests,
            accepted: &accepted,
        },
    )?;
    for note in &merged.notes {
        host.shell.status("Noting", note);
    }
    let is_changed = write::write(host, &merged, &trees, &out_dir)?;
    let verb = if is_changed { "Merged" } else { "Unchanged" };
    let legs = count(expected.legs.len(), "leg");
    let files = count(merged.files.len(), "file");
    host.shell
        .status(verb, &format!("{legs}: {files} in {out_dir}"));
    shell::data(&match message_format {
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::tree::tree(&merged.manifest),
        MessageFormat::Json => merged.manifest.json(),
    })?;
    Ok(())
}

/// Returns the code of a finding that `merge` accepts.
fn acceptable(name: &str) -> Result<Code> {
    let names = || ACCEPTABLE.iter().map(|code| code.name());
    match ACCEPTABLE.iter().find(|code| code.name() == name) {
        Some(code) => Ok(*code),
        None => {
            let message = format!("`--accept {name}`: `merge` accepts no such finding");
            let problem = Problem::new(MERGE_INVALID, message);
            Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("findings that can be accepted: {}", list(names()))),
            })
        }
    }
}

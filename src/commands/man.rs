//! `man`: writes the man pages of the commands (section 1) and of the guide's topics (section 7).

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Command};

use crate::commands::args::path;
use crate::guide::TOPICS;
use crate::host::machine::Host;
use crate::problem::{Failure, Result};
use crate::ui::man;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg man ~/.local/share/man",
    "cargo xpkg man target/man && man -l target/man/man1/cargo-xpkg-build.1",
    "man cargo-xpkg-tutorial",
];

/// Date of the pages, that of the version; the same program writes the same bytes.
const DATE: &str = "2026-11-28";

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory of manual pages; the pages are written to its subdirectories `man1` and `man7`
    #[arg(value_name = "DIR", value_parser = path())]
    pub directory: Utf8PathBuf,
}

/// Runs `man`.
///
/// # Errors
/// `file-access`: a page cannot be written.
pub fn run(host: &Host, args: ManArgs, mut command: Command) -> Result<(), Failure> {
    let ManArgs { directory } = args;
    let directory = host.absolute(&directory);
    // Man pages have no spaces in their names.
    command = command.display_name("cargo-xpkg");
    command.build();
    let version = command.get_version().unwrap_or_default();
    let mut written = write_commands(host, &directory.join("man1"), &command, version)?;
    host.create_dir_all(&directory.join("man7"))?;
    for topic in TOPICS {
        let path = directory.join(format!("man7/cargo-xpkg-{}.7", topic.name));
        host.replace(&path, man::page(topic, version, DATE).as_bytes())?;
        written += 1;
    }
    host.shell
        .status("Written", &format!("{written} man pages to {directory}"));
    Ok(())
}

/// Writes the pages of a command and of its subcommands. Returns their number.
fn write_commands(
    host: &Host,
    directory: &Utf8Path,
    command: &Command,
    version: &str,
) -> Result<usize> {
    host.create_dir_all(directory)?;
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let path = directory.join(format!("{name}.1"));
    host.replace(&path, command_page(command, name, version).as_bytes())?;
    let mut written = 1;
    for subcommand in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        written += write_commands(host, directory, subcommand, version)?;
    }
    Ok(written)
}

fn command_page(command: &Command, name: &str, version: &str) -> String {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .section("1")
        .date(DATE)
        .source(format!("cargo-xpkg {version}"))
        .manual("cargo xpkg")
        .render(&mut page)
        .expect("memory takes every page");
    man::tidy(&String::from_utf8_lossy(&page))
}

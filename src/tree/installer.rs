//! Installers of a release, and the rows of their tables as its document gives them. Pure.
//!
//! `release` writes these rows, and `verify` demands exactly these.

use crate::project::config::release::ArchiveFormat;
use crate::target::Target;
use crate::target::system::{Format, Os};
use crate::tree::release::{BuildRecord, FileKind, FileRecord};

/// Name of the installer for Unix.
pub const SH_NAME: &str = "install.sh";

/// Name of the installer for Windows.
pub const PS1_NAME: &str = "install.ps1";

/// Script that installs programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    /// `install.sh`, for every Unix.
    Sh,
    /// `install.ps1`, for Windows.
    PowerShell,
}

/// Column of a script's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Name of the package.
    Package,
    /// Target triple.
    Target,
    /// Name of the archive.
    Archive,
    /// SHA-256 of the archive.
    Digest,
    /// Lowest version of glibc or macOS, or `-`.
    Floor,
    /// Path of the dynamic loader, or `-`.
    Loader,
    /// Names of the programs, with commas between them.
    Programs,
}

impl Column {
    /// Returns the name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Target => "target",
            Self::Archive => "archive",
            Self::Digest => "digest",
            Self::Floor => "floor",
            Self::Loader => "loader",
            Self::Programs => "programs",
        }
    }

    /// Returns the cell of a build with this archive.
    fn cell(self, build: &BuildRecord, archive: &FileRecord) -> String {
        let requires = &build.requires;
        let or_none = |value: Option<&String>| value.map_or("-", String::as_str).to_owned();
        let names = build.programs();
        match self {
            Self::Package => build.package.clone(),
            Self::Target => build.target.clone(),
            Self::Archive => archive.path.clone(),
            Self::Digest => archive.sha256.clone(),
            Self::Floor => or_none(requires.glibc.as_ref().or(requires.macos.as_ref())),
            Self::Loader => or_none(requires.interpreter.as_ref()),
            Self::Programs => names.collect::<Vec<_>>().join(","),
        }
    }
}

/// Form of a script's table.
struct Form {
    /// Line before the first row.
    open: &'static str,
    /// Start of the line after the last row.
    close: &'static str,
    /// What stands before the first cell of a row, between two, and after the last.
    row: [&'static str; 3],
    columns: &'static [Column],
    /// Formats of archives, the one with the most common tools first.
    formats: &'static [ArchiveFormat],
}

const SH: Form = Form {
    open: "table='",
    close: "'",
    row: ["", " ", ""],
    columns: &[
        Column::Package,
        Column::Target,
        Column::Archive,
        Column::Digest,
        Column::Floor,
        Column::Loader,
        Column::Programs,
    ],
    formats: &[
        ArchiveFormat::TarGz,
        ArchiveFormat::TarXz,
        ArchiveFormat::TarZst,
        ArchiveFormat::Zip,
    ],
};

/// Windows has no gzip; its `tar` reads the others from Windows 10 on.
const POWER_SHELL: Form = Form {
    open: "$script:Table = @(",
    close: ")",
    row: ["    , @('", "', '", "')"],
    columns: &[
        Column::Package,
        Column::Target,
        Column::Archive,
        Column::Digest,
        Column::Programs,
    ],
    formats: &[
        ArchiveFormat::Zip,
        ArchiveFormat::TarGz,
        ArchiveFormat::TarXz,
        ArchiveFormat::TarZst,
    ],
};

impl Installer {
    /// Returns the installer with this file name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            SH_NAME => Some(Self::Sh),
            PS1_NAME => Some(Self::PowerShell),
            _ => None,
        }
    }

    fn form(self) -> &'static Form {
        match self {
            Self::Sh => &SH,
            Self::PowerShell => &POWER_SHELL,
        }
    }

    /// Returns true if the script runs where the programs of a target do.
    fn is_for(self, target: &str) -> bool {
        let Some(target) = Target::of_triple(target) else {
            return false;
        };
        let is_windows = target.system.os == Os::Windows;
        match self {
            Self::Sh => !is_windows && target.system.format != Format::Wasm,
            Self::PowerShell => is_windows,
        }
    }

    /// Returns the columns of the table.
    pub fn columns(self) -> &'static [Column] {
        self.form().columns
    }

    /// Returns the rows of the table, lines without their ends: one for each build that the script
    /// can install, that has an archive, and whose names are words.
    pub fn rows(self, builds: &[BuildRecord], files: &[FileRecord]) -> Vec<String> {
        let [before, between, after] = self.form().row;
        let row = |build: &BuildRecord| {
            let cells = self.cells_of(build, files)?;
            Some(format!("{before}{}{after}", cells.join(between)))
        };
        let has_words = |build: &&BuildRecord| {
            let mut names = build.programs();
            is_word(&build.package) && is_word(&build.directory) && names.all(is_word)
        };
        let builds = builds.iter().filter(|build| self.is_for(&build.target));
        let has_programs = |build: &&BuildRecord| build.programs().next().is_some();
        let builds = builds.filter(has_words).filter(has_programs);
        builds.filter_map(row).collect()
    }

    /// Returns the cells of a build; `None` if it has no archive.
    fn cells_of(self, build: &BuildRecord, files: &[FileRecord]) -> Option<Vec<String>> {
        let archive = preferred(build, self.form().formats, files)?;
        let cells = self
            .columns()
            .iter()
            .map(|column| column.cell(build, archive));
        Some(cells.collect())
    }

    /// Returns the rows of the table in a script; `None` unless it has one table.
    pub fn table(self, script: &str) -> Option<Vec<&str>> {
        let Form { open, close, .. } = self.form();
        let is_assignment = |line: &&str| {
            let name = open.trim_end_matches(['\'', '(', '@']);
            line.trim_start().starts_with(name)
        };
        // Not `lines()`, which takes a carriage return for a part of the end.
        let lines = script.split('\n');
        if lines.clone().filter(is_assignment).count() != 1 {
            return None;
        }
        let mut lines = lines.skip_while(|line| line != open);
        lines.next()?;
        Some(lines.take_while(|line| !line.starts_with(close)).collect())
    }

    /// Returns the cells of a row; `None` if it has not the form of one.
    pub fn cells(self, row: &str) -> Option<Vec<&str>> {
        let Form {
            row: [before, between, after],
            columns,
            ..
        } = self.form();
        let row = row.strip_prefix(before)?.strip_suffix(after)?;
        let cells: Vec<&str> = row.split(between).collect();
        (cells.len() == columns.len()).then_some(cells)
    }
}

/// Returns true for a name that a script can install: one word for every shell, without the comma
/// between programs.
pub fn is_word(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !name.is_empty() && name.chars().all(is_plain) && !name.starts_with(['-', '.'])
}

/// Returns the archive of a build in the most preferred format.
fn preferred<'a>(
    build: &BuildRecord,
    formats: &[ArchiveFormat],
    files: &'a [FileRecord],
) -> Option<&'a FileRecord> {
    let is_its =
        |file: &&FileRecord| file.kind == FileKind::Archive && build.archives.contains(&file.path);
    let mut archives = formats.iter().flat_map(|format| {
        let archives = files.iter().filter(is_its);
        archives.filter(move |file| file.format == Some(*format))
    });
    archives.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::artifact_kind::ArtifactKind;
    use crate::tree::manifest::Platform;
    use crate::tree::release::{BinRecord, Requirements};

    fn build(target: &str, archives: &[&str]) -> BuildRecord {
        let bin = |name: &str| BinRecord {
            kind: ArtifactKind::Bin,
            name: name.to_owned(),
            size: 1,
            sha256: "0a".repeat(32),
        };
        BuildRecord {
            package: "chat".to_owned(),
            target: target.to_owned(),
            platform: Platform {
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                variant: None,
            },
            libc: "gnu".to_owned(),
            requires: Requirements {
                glibc: Some("2.17".to_owned()),
                ..Requirements::default()
            },
            directory: "a".to_owned(),
            bins: vec![bin("a"), bin("b")],
            archives: archives.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn archive(path: &str, format: ArchiveFormat) -> FileRecord {
        FileRecord {
            path: path.to_owned(),
            kind: FileKind::Archive,
            package: None,
            target: None,
            format: Some(format),
            size: 1,
            sha256: "d".to_owned(),
        }
    }

    #[test]
    fn each_build_has_a_row_of_its_best_archive_where_its_script_runs() {
        let builds = [
            build("x86_64-unknown-linux-gnu", &["a.tar.gz", "a.zip"]),
            build("x86_64-pc-windows-gnu", &["a.tar.gz", "a.zip"]),
            build("wasm32-wasip1", &["a.tar.gz"]),
        ];
        let files = [
            archive("a.zip", ArchiveFormat::Zip),
            archive("a.tar.gz", ArchiveFormat::TarGz),
        ];
        let sh = Installer::Sh.rows(&builds, &files);
        assert_eq!(sh, ["chat x86_64-unknown-linux-gnu a.tar.gz d 2.17 - a,b"]);
        let ps1 = Installer::PowerShell.rows(&builds, &files);
        assert_eq!(
            ps1,
            ["    , @('chat', 'x86_64-pc-windows-gnu', 'a.zip', 'd', 'a,b')"]
        );
        assert_eq!(Installer::Sh.rows(&builds, &[]), [""; 0]);
        let cells = Installer::PowerShell.cells(&ps1[0]).unwrap();
        assert_eq!(
            cells,
            ["chat", "x86_64-pc-windows-gnu", "a.zip", "d", "a,b"]
        );
        assert_eq!(Installer::Sh.cells("chat x"), None);
    }

    #[test]
    fn a_script_has_one_table() {
        let script = "a\ntable='\none\ntwo\n'\nb\n";
        assert_eq!(Installer::Sh.table(script), Some(vec!["one", "two"]));
        for changed in ["a\n", "table='\none\n'\n table=x\n"] {
            assert_eq!(Installer::Sh.table(changed), None);
        }
        let script = "$script:Table = @(\n    , @('a')\n)\n";
        assert_eq!(
            Installer::PowerShell.table(script),
            Some(vec!["    , @('a')"])
        );
    }
}

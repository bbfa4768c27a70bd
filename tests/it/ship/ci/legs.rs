//! Legs that were built by the lines of `matrix`, each in a checkout of its own.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cargo_xpkg::digest::sha256;
use regex::Regex;

use crate::support::{ARM_MUSL, Project, Run, X86_MUSL};

/// Two legs of `hello`, and the list that names them, in a directory without a workspace.
pub struct Legs {
    pub project: Project,
}

/// Builds the legs once for all tests: in a clone each, by its line.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = Project::of("hello").with("sh");
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_cargo-xpkg"),
            project.bin.join("cargo-xpkg"),
        )
        .unwrap();
        project.write(".gitignore", "/target\n/clones\n/out\n");
        project.commit();
        let matrix = format!("--locked --target {X86_MUSL},{ARM_MUSL}");
        let out = tempfile::tempdir().unwrap().keep();
        let lines = project.xpkg(&format!("matrix --for lines {matrix}")).ok();
        for (number, line) in lines.stdout.lines().enumerate() {
            let run = format!("git clone -q . clones/{number} && cd clones/{number} && {line} -q");
            project.shell(&run).ok();
            let target = [X86_MUSL, ARM_MUSL][number];
            let tree = format!("clones/{number}/target/xpkg-legs/{target}");
            copy(&project.path(&tree), &out.join("legs").join(target));
        }
        let list = project.xpkg(&format!("matrix --for json {matrix}")).ok();
        std::fs::write(out.join("legs.json"), list.stdout).unwrap();
        let both = format!("build -q --locked --target {X86_MUSL},{ARM_MUSL}");
        project.xpkg(&both).ok();
        copy(&project.path("target/xpkg"), &out.join("one"));
        out
    })
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

impl Legs {
    pub fn new() -> Self {
        let project = Project::empty();
        copy(built(), &project.root);
        Self { project }
    }

    /// Replaces a text in a file, wherever it is.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.project.read(path);
        assert!(text.contains(from), "{path}: {from}");
        self.project.write(path, &text.replace(from, to));
    }

    /// Replaces a text in the manifest of a leg.
    pub fn edit_leg(&self, target: &str, from: &str, to: &str) {
        self.edit(&format!("legs/{target}/manifest.json"), from, to);
    }

    /// Changes the program of a leg, with its manifest.
    pub fn rebuild(&self, leg: &str, target: &str) {
        let program = self.project.path(&format!("{leg}/{target}/hello/hello"));
        let old = std::fs::read(&program).unwrap();
        let new = [old.as_slice(), b"x"].concat();
        std::fs::write(&program, &new).unwrap();
        for list in ["manifest.json", "MANIFEST.txt"] {
            self.edit(&format!("{leg}/{list}"), &sha256(&old), &sha256(&new));
        }
        let size = |bytes: &[u8]| format!("\"size\": {}", bytes.len());
        self.edit(&format!("{leg}/manifest.json"), &size(&old), &size(&new));
    }

    /// Merges both legs, with more arguments.
    pub fn merge(&self, more: &str) -> Merged {
        self.merge_these(&format!("legs/{X86_MUSL} legs/{ARM_MUSL} {more}"))
    }

    pub fn merge_these(&self, legs: &str) -> Merged {
        let line = format!("merge {legs} --expect legs.json --out-dir merged");
        Merged(self.project.xpkg(&line))
    }
}

/// A run whose commits and versions of rustc are taken out.
pub struct Merged(pub Run);

impl Merged {
    pub fn text(&self) -> String {
        let rules = [
            (r"\b[0-9a-f]{40}\b", "[COMMIT]"),
            (r"rustc [0-9]\S* \([0-9a-f]{9}\)", "rustc [VERSION]"),
            (r"\b[0-9a-f]{12}…, \d+ bytes", "[DIGEST], [SIZE]"),
        ];
        rules.iter().fold(self.0.text(), |text, (pattern, to)| {
            Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *to)
                .into_owned()
        })
    }
}

//! Toolchains by content: what `xpkg.lock` says of the tools of a target, compared with those of this
//! machine. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};

/// Role of the target's standard library.
pub const STANDARD_LIBRARY: &str = "standard library";

/// Role of a program that cargo calls in place of the toolchain's rustc.
pub const RUSTC_COMMAND: &str = "rustc command";

/// Role of the wrapper of all calls of rustc.
pub const RUSTC_WRAPPER: &str = "rustc wrapper";

/// Role of the wrapper of calls of rustc for members of the workspace.
pub const RUSTC_WORKSPACE_WRAPPER: &str = "rustc workspace wrapper";

/// Role of the C compiler for the target.
pub const C_COMPILER: &str = "C compiler";

/// Role of the C++ compiler for the target.
pub const CXX_COMPILER: &str = "C++ compiler";

/// Role of the C compiler that build scripts call.
pub const SCRIPT_COMPILER: &str = "C compiler of build scripts";

/// Roles in the order of the file.
const ROLES: &[&str] = &[
    "rustc",
    STANDARD_LIBRARY,
    RUSTC_COMMAND,
    RUSTC_WRAPPER,
    RUSTC_WORKSPACE_WRAPPER,
    "zig",
    "sysroot",
    "linker",
    C_COMPILER,
    CXX_COMPILER,
    SCRIPT_COMPILER,
];

/// Tools of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedToolchain {
    /// Bare triple.
    pub target: String,
    /// Tools: rustc, the standard library, linker, C compiler, zig.
    #[serde(rename = "tool")]
    pub tools: Vec<LockedTool>,
}

/// Tool of a toolchain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedTool {
    /// Use of the tool: `linker`.
    pub role: String,
    /// Name by which it is called; directories of this machine have names in a path.
    pub program: String,
    /// SHA-256 of the arguments of every call, which may have paths and secrets: `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// Version, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its files, by their names: `sha256:…`. A directory has the digest of the names and
    /// digests of its files.
    pub files: BTreeMap<String, String>,
}

impl LockedToolchain {
    /// Returns how the tools here differ, one line each. A part of a workspace may need fewer: `unneeded`
    /// has the roles that have nothing to do here.
    pub fn differences(&self, here: &Self, unneeded: &[&str]) -> Vec<String> {
        let by_role = |toolchain: &Self| -> BTreeMap<String, LockedTool> {
            let tools = toolchain.tools.iter();
            tools
                .map(|tool| (tool.role.clone(), tool.clone()))
                .collect()
        };
        let (locked, here) = (by_role(self), by_role(here));
        let roles: BTreeSet<&String> = locked.keys().chain(here.keys()).collect();
        let of_role = |role: &String| match (locked.get(role), here.get(role)) {
            (Some(locked), Some(here)) => locked.lines(here),
            (Some(_), None) if unneeded.contains(&role.as_str()) => Vec::new(),
            (Some(locked), None) => {
                vec![format!("{role}: none here, locked: `{}`", locked.program)]
            }
            (None, Some(here)) => vec![format!("{role}: `{}` here, locked: none", here.program)],
            (None, None) => Vec::new(),
        };
        roles.into_iter().flat_map(of_role).collect()
    }
}

impl LockedToolchain {
    /// Returns these tools with those of an older record whose roles have nothing to do here.
    pub fn keeping(mut self, old: &Self, unneeded: &[&str]) -> Self {
        for tool in &old.tools {
            let is_kept = unneeded.contains(&tool.role.as_str());
            if is_kept && !self.tools.iter().any(|one| one.role == tool.role) {
                self.tools.push(tool.clone());
            }
        }
        self.tools
            .sort_by_key(|tool| ROLES.iter().position(|role| *role == tool.role));
        self
    }
}

impl LockedTool {
    fn lines(&self, here: &Self) -> Vec<String> {
        let Self {
            role,
            program,
            arguments,
            version,
            files,
        } = self;
        let mut lines = Vec::new();
        let or_none = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
        if *program != here.program {
            lines.push(format!(
                "{role}: `{}` here, locked: `{program}`",
                here.program
            ));
        }
        if *arguments != here.arguments {
            lines.push(format!(
                "{role}: the arguments of `{program}` are others here"
            ));
        }
        if *version != here.version {
            let (here, locked) = (or_none(&here.version), or_none(version));
            lines.push(format!("{role}: {here} here, locked: {locked}"));
        }
        let names: BTreeSet<&String> = files.keys().chain(here.files.keys()).collect();
        let short = |digest: Option<&String>| {
            let digest = digest.map(|digest| digest.chars().take(19).collect::<String>() + "…");
            digest.unwrap_or_else(|| "none".to_owned())
        };
        for name in names {
            let (locked, here) = (files.get(name), here.files.get(name));
            if locked != here {
                let (locked, here) = (short(locked), short(here));
                lines.push(format!("{role}: `{name}` is {here} here, locked: {locked}"));
            }
        }
        lines
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TOOLCHAIN_CHANGED];

/// Code of a toolchain that is not the locked one.
pub const TOOLCHAIN_CHANGED: Code = code(&CodeInfo {
    name: "toolchain-changed",
    title: "the tools here are not those in `xpkg.lock`",
    cause: "rustc, a standard library, a linker, a C compiler or one of their parts was updated, or is \
            another on this machine: it may write other bytes.",
    detection: "With `--locked`, the SHA-256 of the files of each tool are compared with those that \
                `cargo xpkg lock --toolchains` has recorded; a target without a record is refused if \
                others have one.",
    fix: "Install the locked tools, or lock those here and commit the difference: `cargo xpkg lock \
          --toolchains`.",
    page: "reproducibility",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_that_differs_is_named() {
        let tool = |role: &str, program: &str, version: &str, files: &[(&str, &str)]| LockedTool {
            role: role.to_owned(),
            program: program.to_owned(),
            arguments: None,
            version: Some(version.to_owned()),
            files: files
                .iter()
                .map(|(name, digit)| ((*name).to_owned(), format!("sha256:{}", digit.repeat(64))))
                .collect(),
        };
        let of = |tools: Vec<LockedTool>| LockedToolchain {
            target: "t".to_owned(),
            tools,
        };
        let locked = of(vec![
            tool("rustc", "rustc", "1.95.0", &[("bin/rustc", "1")]),
            tool(
                "linker",
                "gcc",
                "gcc 12",
                &[("gcc", "2"), ("ld", "3"), ("crt1.o", "4")],
            ),
            tool(SCRIPT_COMPILER, "cc", "gcc 12", &[("cc", "2")]),
        ]);
        assert_eq!(locked.differences(&locked, &[]), [""; 0]);
        let here = of(vec![
            tool(
                "linker",
                "cc",
                "gcc 13",
                &[("gcc", "2"), ("ld", "5"), ("as", "6")],
            ),
            tool("zig", "zig", "0.17.1", &[]),
        ]);
        assert_eq!(
            locked.differences(&here, &[SCRIPT_COMPILER]),
            [
                "linker: `cc` here, locked: `gcc`",
                "linker: gcc 13 here, locked: gcc 12",
                "linker: `as` is sha256:666666666666… here, locked: none",
                "linker: `crt1.o` is none here, locked: sha256:444444444444…",
                "linker: `ld` is sha256:555555555555… here, locked: sha256:333333333333…",
                "rustc: none here, locked: `rustc`",
                "zig: `zig` here, locked: none",
            ]
        );
        let mut other = locked.clone();
        other.tools.retain(|tool| tool.role != "linker");
        other.tools[1].arguments = Some("sha256:1".to_owned());
        assert_eq!(
            locked.differences(&other, &[C_COMPILER]),
            [
                "C compiler of build scripts: the arguments of `cc` are others here",
                "linker: none here, locked: `gcc`",
            ]
        );
    }
}

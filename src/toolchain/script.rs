//! Scripts of xpkg's own that stand for a linker or a compiler.
//!
//! They are in one directory that comes first in cargo's PATH, and are handed over by their names.
//! Names and texts are the same on every machine: caches of compilers (sccache, ccache) hash the
//! text as the compiler's identity, and cargo's variables into every key. What is different on each
//! machine, the path of a program, is in a second script beside it, which a script finds by its own
//! place. The name has a digest of the text, and the text one of the program: another tool is
//! another name.

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::invocation;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;
use crate::toolchain::tools::{Started, ToolFile};

/// Returns the directory of the scripts below xpkg's generated files.
pub fn directory(case: &TargetContext) -> Utf8PathBuf {
    case.generated().join("bin")
}

/// Returns the file of a script.
pub fn file(case: &TargetContext, name: &str, text: &str) -> ToolFile {
    ToolFile {
        path: directory(case).join(name),
        text: format!("#!/bin/sh\n# Written by cargo xpkg.\n{text}"),
        program: true,
        starts: None,
    }
}

/// Returns a script with a digest of its text in its name, and the name. It ends with `name`: rustc
/// and cc-rs infer from the end how to call a linker or a compiler.
pub fn named(case: &TargetContext, name: &str, text: &str) -> (String, ToolFile) {
    let name = format!("xpkg-{}-{name}", short(&case.named(text)));
    let file = file(case, &name, text);
    (name, file)
}

/// Returns the first digits of a digest, for names.
pub fn short(text: &str) -> String {
    digest::sha256(text.as_bytes()).chars().take(12).collect()
}

/// Returns the word by which a script calls another one beside it.
pub fn beside(name: &str) -> String {
    format!("\"${{0%/*}}/{name}\"")
}

/// Returns the script beside others that starts a program of this machine.
pub fn of_machine(case: &TargetContext, name: &str, program: &Utf8Path) -> ToolFile {
    let program = invocation::quote(program.as_str());
    file(case, name, &format!("exec {program} \"$@\"\n"))
}

/// Lines of a script that remove the target that cc-rs and CMake pass, from the arguments: it comes
/// after the script's own, and would take precedence.
pub const WITHOUT_TARGET: &str = "for word do\n    shift\n    case $word in --target=*) ;; *) set -- \
                                  \"$@\" \"$word\" ;; esac\ndone\n";

/// Returns a compiler that is called with these arguments, as a script with this end of its name, and
/// the scripts. The path of a configured sysroot is among the arguments, and so in the name, from the
/// workspace's root on if it is below it.
pub fn compiler(
    case: &TargetContext,
    program: &Program,
    name: &str,
    arguments: &[String],
) -> (Program, [ToolFile; 2]) {
    started_compiler(case, program, name, "", arguments)
}

/// Returns the same for the target among these arguments, whatever its callers pass.
pub fn compiler_for(
    case: &TargetContext,
    program: &Program,
    name: &str,
    arguments: &[String],
) -> (Program, [ToolFile; 2]) {
    started_compiler(case, program, name, WITHOUT_TARGET, arguments)
}

/// Returns a compiler that a script starts after these lines, and the scripts.
fn started_compiler(
    case: &TargetContext,
    program: &Program,
    name: &str,
    before: &str,
    arguments: &[String],
) -> (Program, [ToolFile; 2]) {
    let Program {
        program: called,
        path,
        version,
        ..
    } = program;
    let version = match version {
        Some(version) => format!("{version}, "),
        None => String::new(),
    };
    let digest = case.facts.digests.get(called).map_or("", String::as_str);
    let started = format!(
        "xpkg-{}-{}-itself",
        short(&format!("{version}{digest}")),
        called.rsplit('/').next().unwrap_or_default()
    );
    let path = path.as_deref().unwrap_or(Utf8Path::new(called));
    let called_with = |arguments: &mut dyn Iterator<Item = String>| {
        let line: String = arguments
            .map(|argument| format!(" {}", invocation::quote(&argument)))
            .collect();
        format!(
            "# {version}SHA-256 {digest}.\n{before}exec {}{line} \"$@\"\n",
            beside(&started)
        )
    };
    // Quoted after the replacement: whether a path has blanks is of this checkout, too.
    let named = called_with(&mut arguments.iter().map(|argument| case.named(argument)));
    let name = format!("xpkg-{}-{name}", short(&named));
    let file = file(case, &name, &called_with(&mut arguments.iter().cloned()));
    let starts = Some(Started {
        path: path.to_owned(),
        arguments: arguments.to_vec(),
    });
    let file = ToolFile { starts, ..file };
    let scripted = Program {
        program: name,
        machine: Some(case.target.gnu_name()),
        ..program.clone()
    };
    (scripted, [of_machine(case, &started, path), file])
}

/// Returns the script that starts this program, and its name; `None` if its path is unknown. Two
/// programs of one version are the same.
pub fn own_program(case: &TargetContext) -> Option<(String, ToolFile)> {
    let path = case.facts.own_program.as_ref()?;
    let name = format!("xpkg-self-{}", env!("CARGO_PKG_VERSION"));
    let file = of_machine(case, &name, path);
    Some((name, file))
}

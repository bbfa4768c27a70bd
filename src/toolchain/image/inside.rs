//! The script that queries an image, and the parser of its answer.

use std::collections::BTreeMap;

use crate::invocation::quote;
use crate::project::build_tools::{BUILD_TOOLS, Find, PROTOC};
use crate::toolchain::gcc::is_compiler_name;
use crate::toolchain::image::facts::InsideFacts;
use crate::toolchain::program::Program;

/// Returns the script, for any POSIX shell. `$1` is a directory that both sides see, `$2` the
/// toolchain's.
pub fn script(names: &[String]) -> String {
    let tools = BUILD_TOOLS
        .iter()
        .filter(|build_tool| matches!(build_tool.find, Find::Program { .. }))
        .map(|build_tool| build_tool.id.to_owned());
    let libraries: String = BUILD_TOOLS
        .iter()
        .filter(|build_tool| matches!(build_tool.find, Find::Library { .. }))
        .map(|build_tool| {
            let id = build_tool.id;
            format!(
                "for f in /usr/lib/llvm*/lib/{id}*.so* /usr/lib/*/{id}*.so* \
                     /usr/lib*/{id}*.so* /usr/local/lib/{id}*.so*; do [ -e \"$f\" ] && echo \
                     \"=library {id} $f\"; done\n"
            )
        })
        .collect();
    let words: Vec<String> = names
        .iter()
        .cloned()
        .chain(tools)
        .map(|name| quote(&name))
        .collect();
    let compilers: Vec<String> = names
        .iter()
        .filter(|name| is_compiler_name(name.rsplit('/').next().unwrap_or_default()))
        .map(|name| quote(name))
        .collect();
    format!(
        "echo \"=seen $(cat \"$1/seen\" 2>/dev/null) $([ -x \"$2/bin/rustc\" ] && echo rustc)\"\n\
         while read -r line; do echo \"=os $line\"; done </etc/os-release 2>/dev/null\n\
         for n in {}; do p=$(command -v \"$n\" 2>/dev/null) && echo \"=program $n=$p\"; done\n\
         {libraries}\
         for n in {}; do command -v \"$n\" >/dev/null 2>&1 && {{ echo \"=says $n\"; LC_ALL=C \"$n\" -v </dev/null 2>&1; }}; done\n\
         command -v {PROTOC} >/dev/null 2>&1 && {{ echo \"=says {PROTOC}\"; {PROTOC} --version </dev/null 2>&1; }}\n\
         echo =end\n",
        words.join(" "),
        compilers.join(" ")
    )
}

/// Parses the answer: the part about this machine's files, and the facts. `None` if it is
/// incomplete.
pub fn read(text: &str) -> Option<(String, InsideFacts)> {
    let (text, _) = text.rsplit_once("=end")?;
    let mut seen = String::new();
    let mut os = String::new();
    let mut facts = InsideFacts::default();
    let mut says: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut program = None;
    for line in text.lines() {
        let marked = line
            .strip_prefix('=')
            .map(|line| line.split_once(' ').unwrap_or((line, "")));
        match marked {
            Some(("seen", rest)) => seen = rest.to_owned(),
            Some(("os", rest)) => os.push_str(&format!("{rest}\n")),
            Some(("program", rest)) => {
                if let Some((name, path)) = rest.rsplit_once('=') {
                    let program = Program {
                        program: name.to_owned(),
                        path: Some(path.into()),
                        version: None,
                        machine: None,
                    };
                    facts.programs.insert(name.to_owned(), program);
                }
            }
            Some(("library", rest)) => {
                if let Some((id, path)) = rest
                    .split_once(' ')
                    .filter(|(_, path)| !path.contains("cpp"))
                {
                    facts
                        .libraries
                        .entry(id.to_owned())
                        .or_insert_with(|| path.into());
                }
            }
            Some(("says", name)) => program = Some(name.to_owned()),
            _ => {
                if let Some(name) = &program {
                    says.entry(name.clone()).or_default().push(line);
                }
            }
        }
    }
    for (name, lines) in says {
        if let Some(program) = facts.programs.get_mut(&name) {
            if name == PROTOC {
                program.version = lines.first().map(|line| (*line).to_owned());
                continue;
            }
            let answer = Program::said(&name, None, &lines.join("\n"));
            (program.version, program.machine) = (answer.version, answer.machine);
        }
    }
    facts.os_release = (!os.is_empty()).then_some(os);
    Some((seen, facts))
}

/// Returns the name of the system, by its os-release.
pub fn pretty_name(os_release: &str) -> Option<String> {
    let line = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_says_is_read() {
        let text = "=seen abc rustc\n=os ID=debian\n=os PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n=program cc=/usr/bin/cc\n\
                    =program protoc=/usr/bin/protoc\n=library libclang /usr/lib/llvm-14/lib/libclang-14.so.1\n\
                    =says cc\nUsing built-in specs.\nTarget: x86_64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14)\n\
                    =says protoc\nlibprotoc 3.21.12\n=end\n";
        let (seen, facts) = read(text).unwrap();
        // The answer of a shell that was killed is incomplete.
        assert!(read(text.trim_end_matches("=end\n")).is_none());
        assert_eq!(seen, "abc rustc");
        assert_eq!(
            facts.programs["cc"].machine.as_deref(),
            Some("x86_64-linux-gnu")
        );
        assert_eq!(
            facts.programs["cc"].version.as_deref(),
            Some("gcc version 12.2.0 (Debian 12.2.0-14)")
        );
        assert_eq!(
            facts.programs["protoc"]
                .path
                .as_ref()
                .map(|path| path.as_str()),
            Some("/usr/bin/protoc")
        );
        assert_eq!(
            facts.programs["protoc"].version.as_deref(),
            Some("libprotoc 3.21.12")
        );
        assert!(facts.libraries.contains_key("libclang"));
        assert_eq!(
            facts.os_release.as_deref().and_then(pretty_name).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
    }
}

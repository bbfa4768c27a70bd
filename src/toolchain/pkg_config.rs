//! Questions to pkg-config about libraries of the system, as a shell in an image is asked, and the
//! parser of its answer.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::invocation::quote;

/// What pkg-config is asked for, in one place: this machine or an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// Programs of which the pkg-config crate runs the first that exists.
    pub programs: Vec<String>,
    /// Variables with which it runs it.
    pub variables: Vec<(String, String)>,
    /// Libraries, with a requirement or without: `glib-2.0 >= 2.56`. None if the crate asks for
    /// none.
    pub libraries: BTreeSet<String>,
    /// Programs that build scripts ask where pkg-config finds nothing.
    pub others: BTreeSet<String>,
}

/// Answers to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Program that was run; `None` if there is none of them.
    pub program: Option<String>,
    /// Name and version of each library, or the reason that it was not found.
    pub libraries: BTreeMap<String, Result<String, String>>,
    /// Other programs that exist.
    pub others: BTreeSet<String>,
}

/// Returns the arguments that the pkg-config crate passes to see whether a library exists.
pub fn arguments(library: &str) -> Vec<String> {
    let mut arguments = ["--libs", "--cflags", name(library)]
        .map(str::to_owned)
        .to_vec();
    if name(library) != library {
        arguments.push(library.to_owned());
    }
    arguments
}

/// Returns the name of a library without its requirement.
pub fn name(library: &str) -> &str {
    library.split(' ').next().unwrap_or_default()
}

/// Returns the answer about a library of this version: `openssl 3.0.2`.
pub fn found(library: &str, version: &str) -> String {
    format!("{} {}", name(library), version.trim())
        .trim()
        .to_owned()
}

/// Returns the reason in what pkg-config writes to stderr.
pub fn reason(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("it says nothing").trim().to_owned()
}

/// Returns the script that asks, for any POSIX shell.
pub fn script(question: &Question) -> String {
    let words = |words: &mut dyn Iterator<Item = &String>| {
        let quoted: Vec<String> = words.map(|word| quote(word)).collect();
        quoted.join(" ")
    };
    let exports: String = question
        .variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quote(value)))
        .collect();
    let libraries: String = question
        .libraries
        .iter()
        .map(|library| {
            let arguments = arguments(library);
            format!(
                "echo {}\n\
                 if m=$(\"$p\" {} 2>&1 >/dev/null); then echo \"=version $(\"$p\" --modversion {} \
                 2>/dev/null)\"; else printf '%s\\n' \"$m\"; fi\n",
                quote(&format!("=library {library}")),
                words(&mut arguments.iter()),
                quote(name(library)),
            )
        })
        .collect();
    format!(
        "{exports}\
         for n in {}; do command -v \"$n\" >/dev/null 2>&1 && echo \"=other $n\"; done\n\
         for p in {} ''; do command -v \"$p\" >/dev/null 2>&1 && break; done\n\
         if [ -n \"$p\" ]; then\n\
         echo \"=program $p\"\n\
         {libraries}\
         fi\n\
         echo =end\n",
        words(&mut question.others.iter()),
        words(&mut question.programs.iter()),
    )
}

/// Parses the answer of the script. `None` if it is incomplete.
pub fn read(text: &str) -> Option<Answers> {
    let (text, _) = text.rsplit_once("=end")?;
    let mut answers = Answers::default();
    let mut said = String::new();
    let mut current = None;
    for line in text.lines() {
        let marked = line.strip_prefix('=').and_then(|line| line.split_once(' '));
        match (marked, current) {
            (Some(("other", name)), _) => {
                answers.others.insert(name.to_owned());
            }
            (Some(("program", name)), _) => answers.program = Some(name.to_owned()),
            (Some(("library", library)), _) => {
                said.clear();
                current = Some(library);
                let library = library.to_owned();
                answers.libraries.insert(library, Err(reason("")));
            }
            (Some(("version", version)), Some(library)) => {
                let found = found(library, version);
                answers.libraries.insert(library.to_owned(), Ok(found));
            }
            (_, Some(library)) => {
                said = format!("{said}{line}\n");
                answers
                    .libraries
                    .insert(library.to_owned(), Err(reason(&said)));
            }
            (_, None) => {}
        }
    }
    Some(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_asks_as_the_crate_does() {
        let question = Question {
            programs: vec!["pkg-config".to_owned(), "pkgconf".to_owned()],
            variables: vec![("PKG_CONFIG_PATH".to_owned(), "/a b".to_owned())],
            libraries: ["libpq", "glib-2.0 >= 2.56"].map(str::to_owned).into(),
            others: ["pg_config".to_owned()].into(),
        };
        assert_eq!(
            script(&question),
            "export PKG_CONFIG_PATH='/a b'\n\
             for n in pg_config; do command -v \"$n\" >/dev/null 2>&1 && echo \"=other $n\"; done\n\
             for p in pkg-config pkgconf ''; do command -v \"$p\" >/dev/null 2>&1 && break; done\n\
             if [ -n \"$p\" ]; then\n\
             echo \"=program $p\"\n\
             echo '=library glib-2.0 >= 2.56'\n\
             if m=$(\"$p\" --libs --cflags glib-2.0 'glib-2.0 >= 2.56' 2>&1 >/dev/null); then echo \
             \"=version $(\"$p\" --modversion glib-2.0 2>/dev/null)\"; else printf '%s\\n' \"$m\"; \
             fi\n\
             echo '=library libpq'\n\
             if m=$(\"$p\" --libs --cflags libpq 2>&1 >/dev/null); then echo \"=version $(\"$p\" \
             --modversion libpq 2>/dev/null)\"; else printf '%s\\n' \"$m\"; fi\n\
             fi\n\
             echo =end\n"
        );
    }

    #[test]
    fn what_a_shell_says_is_read() {
        let text = "=other pg_config\n=program pkgconf\n=library glib-2.0 >= 2.56\n=version 2.74.6\n\
                    =library libpq\n\nPackage libpq was not found\nPerhaps you should\n=end\n";
        let expected = Answers {
            program: Some("pkgconf".to_owned()),
            libraries: BTreeMap::from([
                (
                    "glib-2.0 >= 2.56".to_owned(),
                    Ok("glib-2.0 2.74.6".to_owned()),
                ),
                (
                    "libpq".to_owned(),
                    Err("Package libpq was not found".to_owned()),
                ),
            ]),
            others: ["pg_config".to_owned()].into(),
        };
        assert_eq!(read(text), Some(expected));
        assert_eq!(read("=end\n"), Some(Answers::default()));
        // A shell that was killed.
        assert_eq!(read("=program pkgconf\n=library libpq\n"), None);
    }
}

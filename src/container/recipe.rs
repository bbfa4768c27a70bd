//! What is written into a Dockerfile: a `pre-build` at its end.

/// The instructions that run a script as it is, by its own interpreter, with the triple as argument. Nothing is copied, so
/// the script needs no context, and no builder newer than the oldest.
pub fn run(script: &str, arguments: &[(String, String)], triple: &str) -> String {
    let names: String = arguments.iter().map(|(name, _)| format!("ARG {name}\n")).collect();
    let starter = "printf %s \"$1\" >/xpkg-pre-build && chmod +x /xpkg-pre-build && /xpkg-pre-build \"$2\" && rm /xpkg-pre-build";
    let words = ["/bin/sh", "-c", starter, "sh", script, triple];
    let words = serde_json::to_string(&words).expect("words are plain data");
    format!("\n{names}RUN {words}\n")
}

/// Whether a Dockerfile takes files from its context.
pub fn copies(text: &str) -> bool {
    text.lines().map(|line| line.trim_start().to_ascii_uppercase()).any(|line| {
        let rest = line.strip_prefix("COPY ").or_else(|| line.strip_prefix("ADD "));
        rest.is_some_and(|rest| !rest.contains("--FROM="))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_one_instruction() {
        let arguments = [("CROSS_DEB_ARCH".to_owned(), "arm64".to_owned())];
        let text = run("#!/bin/sh\nset -e\necho \"$CROSS_DEB_ARCH\"\n", &arguments, "t");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains(r##""#!/bin/sh\nset -e\necho \"$CROSS_DEB_ARCH\"\n","t"]"##), "{text}");
    }

    #[test]
    fn only_what_is_copied_from_the_context_counts() {
        assert!(copies("FROM x\n  copy a b\n"));
        assert!(copies("FROM x\nADD a.tar /\n"));
        assert!(!copies("FROM x AS y\nFROM z\nCOPY --from=y /a /b\nRUN COPY\n"));
    }
}

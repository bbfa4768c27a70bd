//! Dockerfiles: the instructions of a `pre-build`, and the properties that a rebuild depends on.

/// Returns the instructions that run a script with its own interpreter and the triple as its
/// argument. Nothing is copied, so the script needs neither a build context nor a recent builder.
pub fn run(script: &str, arguments: &[(String, String)], triple: &str) -> String {
    let names: String = arguments
        .iter()
        .map(|(name, _)| format!("ARG {name}\n"))
        .collect();
    let launcher = "printf %s \"$1\" >/xpkg-pre-build && chmod +x /xpkg-pre-build && \
                   /xpkg-pre-build \"$2\" && rm /xpkg-pre-build";
    let words = ["/bin/sh", "-c", launcher, "sh", script, triple];
    let words = serde_json::to_string(&words).expect("words are plain data");
    format!("\nUSER 0:0\n{names}RUN {words}\n")
}

/// Returns true if a Dockerfile uses files of its build context.
pub fn copies(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        match words
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase()
            .as_str()
        {
            "COPY" => !words.any(|word| word.to_ascii_lowercase().starts_with("--from=")),
            "ADD" | "ONBUILD" => true,
            "RUN" => words.any(|word| word.contains("type=bind")),
            _ => false,
        }
    })
}

/// Returns the base images of a Dockerfile whose content may change: neither the base that xpkg
/// passes, nor one of its own stages, nor pinned by digest.
pub fn moving(text: &str) -> Vec<String> {
    let mut stages: Vec<String> = vec!["scratch".to_owned()];
    let mut moving = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| !word.starts_with("--"))
            .collect();
        if !words
            .first()
            .is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
        {
            continue;
        }
        let image = words.get(1).copied().unwrap_or_default();
        let given = ["XPKG_BASE_IMAGE", "CROSS_BASE_IMAGE"]
            .iter()
            .any(|name| image == format!("${name}") || image == format!("${{{name}}}"));
        if !given
            && !image.contains("@sha256:")
            && !stages.iter().any(|stage| stage.eq_ignore_ascii_case(image))
        {
            moving.push(image.to_owned());
        }
        stages.extend(words.get(3).map(|stage| (*stage).to_owned()));
    }
    moving
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_one_instruction() {
        let arguments = [("CROSS_DEB_ARCH".to_owned(), "arm64".to_owned())];
        let text = run(
            "#!/bin/sh\nset -e\necho \"$CROSS_DEB_ARCH\"\n",
            &arguments,
            "t",
        );
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(
            text.contains(r##""#!/bin/sh\nset -e\necho \"$CROSS_DEB_ARCH\"\n","t"]"##),
            "{text}"
        );
    }

    #[test]
    fn what_may_be_another_tomorrow_is_seen() {
        assert_eq!(
            moving(
                "ARG XPKG_BASE_IMAGE\nFROM ${XPKG_BASE_IMAGE} AS one\nFROM one\nFROM --platform=x \
                 r/y@sha256:ab\n"
            ),
            [""; 0]
        );
        assert_eq!(
            moving("FROM ubuntu:20.04\nfrom $BASE\nFROM scratch\n"),
            ["ubuntu:20.04", "$BASE"]
        );
    }

    #[test]
    fn only_what_is_copied_from_the_context_counts() {
        assert!(copies("FROM x\n  copy a b\n"));
        assert!(copies("FROM x\nADD a.tar /\n"));
        assert!(copies("COPY\ta b\n"));
        assert!(copies("RUN --mount=type=bind,target=/x ls\n"));
        assert!(!copies(
            "FROM x AS y\nFROM z\nCOPY --from=y /a /b\nRUN COPY\n"
        ));
    }
}

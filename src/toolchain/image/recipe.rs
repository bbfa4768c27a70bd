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

/// Arguments that name the image which the caller passes.
const GIVEN: &[&str] = &["XPKG_BASE_IMAGE", "CROSS_BASE_IMAGE"];

/// A `FROM` of a Dockerfile.
struct Stage<'a> {
    /// Its line, from 0.
    line: usize,
    /// Image, name of an earlier stage, or `scratch`, as written.
    image: &'a str,
    /// Its own name.
    name: Option<&'a str>,
    /// True if `image` is `scratch` or an earlier stage.
    is_known: bool,
}

/// Returns the stages of a Dockerfile.
fn stages(text: &str) -> Vec<Stage<'_>> {
    let mut stages: Vec<Stage> = Vec::new();
    for (line, words) in text.lines().enumerate() {
        let words: Vec<&str> = words
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
        let is_known = image.eq_ignore_ascii_case("scratch")
            || stages.iter().any(|stage| {
                stage
                    .name
                    .is_some_and(|name| name.eq_ignore_ascii_case(image))
            });
        stages.push(Stage {
            line,
            image,
            name: words.get(3).copied(),
            is_known,
        });
    }
    stages
}

/// Returns true if an image is the one that the caller passes.
fn is_given(image: &str) -> bool {
    GIVEN
        .iter()
        .any(|name| image == format!("${name}") || image == format!("${{{name}}}"))
}

/// Returns the base images of a Dockerfile whose content may change: neither the base that xpkg
/// passes, nor one of its own stages, nor pinned by digest.
pub fn moving(text: &str) -> Vec<String> {
    let stages = stages(text);
    let moving = stages.iter().filter(|stage| {
        !stage.is_known && !is_given(stage.image) && !stage.image.contains("@sha256:")
    });
    moving.map(|stage| stage.image.to_owned()).collect()
}

/// The image that a Dockerfile builds upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerfileBase {
    /// An image by its name.
    Named(String),
    /// The image that the caller passes, as it is written: `$CROSS_BASE_IMAGE`.
    Given(String),
    /// Another text: `scratch`, an argument of the Dockerfile's own, or nothing.
    Other(String),
}

/// Returns the image that the last stage of a Dockerfile builds upon, through earlier stages.
pub fn base(text: &str) -> DockerfileBase {
    let stages = stages(text);
    let mut at = stages.len().checked_sub(1);
    while let Some(index) = at {
        let image = stages[index].image;
        let earlier = stages[..index].iter().rposition(|stage| {
            stage
                .name
                .is_some_and(|name| name.eq_ignore_ascii_case(image))
        });
        if earlier.is_none() {
            return if is_given(image) {
                DockerfileBase::Given(image.to_owned())
            } else if stages[index].is_known || image.contains('$') || image.is_empty() {
                DockerfileBase::Other(image.to_owned())
            } else {
                DockerfileBase::Named(image.to_owned())
            };
        }
        at = earlier;
    }
    DockerfileBase::Other(String::new())
}

/// Returns a Dockerfile with `pinned` in the place of the image `written` wherever a stage begins
/// with it.
pub fn pinned(text: &str, written: &str, pinned: &str) -> String {
    let stages = stages(text);
    let begins = |line: usize| {
        stages
            .iter()
            .any(|stage| stage.line == line && !stage.is_known && stage.image == written)
    };
    text.split_inclusive('\n')
        .enumerate()
        .map(|(number, line)| {
            if begins(number) {
                line.replacen(written, pinned, 1)
            } else {
                line.to_owned()
            }
        })
        .collect()
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
    fn the_base_of_a_dockerfile_is_that_of_its_last_stage() {
        let named = |image: &str| DockerfileBase::Named(image.to_owned());
        let given = |image: &str| DockerfileBase::Given(image.to_owned());
        let other = |image: &str| DockerfileBase::Other(image.to_owned());
        for (text, expected) in [
            ("FROM debian:12\nRUN true\n", named("debian:12")),
            (
                "from --platform=$BUILDPLATFORM r.io/a:1 AS a\nFROM b AS c\nFROM A\n",
                named("r.io/a:1"),
            ),
            (
                "ARG CROSS_BASE_IMAGE\nFROM $CROSS_BASE_IMAGE\n",
                given("$CROSS_BASE_IMAGE"),
            ),
            (
                "FROM ${XPKG_BASE_IMAGE} AS one\nFROM debian\nFROM one\n",
                given("${XPKG_BASE_IMAGE}"),
            ),
            ("ARG BASE=debian\nFROM ${BASE}\n", other("${BASE}")),
            ("FROM debian\nFROM scratch\n", other("scratch")),
            ("RUN true\n", other("")),
            ("FROM x AS x\n", named("x")),
        ] {
            assert_eq!(base(text), expected, "{text}");
        }
    }

    #[test]
    fn an_image_is_pinned_wherever_a_stage_begins_with_it() {
        assert_eq!(
            pinned(
                "FROM a:1 AS b\r\nFROM b\nFROM a:1\nRUN echo a:1\nFROM a:10",
                "a:1",
                "r/a@sha256:x"
            ),
            "FROM r/a@sha256:x AS b\r\nFROM b\nFROM r/a@sha256:x\nRUN echo a:1\nFROM a:10"
        );
        // The second is the stage of the first.
        assert_eq!(
            pinned("FROM a AS a\nFROM a\n", "a", "b@x"),
            "FROM b@x AS a\nFROM a\n"
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

//! Dockerfiles: the instructions of a `pre-build`, and the properties that a rebuild depends on.

/// Maximum length of a line of a Dockerfile, in bytes. Builders read lines of less than 64 KiB;
/// podman drops a longer one and all below it without an error, containers/podman 4 and 5.
const LONGEST_LINE: usize = 64 * 1024 - 2;

/// Maximum length of a piece of a script in an instruction, as JSON, in bytes.
const LONGEST_PIECE: usize = 48 * 1024;

/// Returns the instructions that run a script with its own interpreter and the triple as its
/// argument. Nothing is copied, so the script needs neither a build context nor a recent builder.
/// A long script is written in pieces, each by an instruction of its own.
pub fn run(script: &str, arguments: &[(String, String)], triple: &str) -> String {
    let names: String = arguments
        .iter()
        .map(|(name, _)| format!("ARG {name}\n"))
        .collect();
    let instruction = |launcher: &str, arguments: &[&str]| {
        let words: Vec<&str> = ["/bin/sh", "-c", launcher, "sh"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let words = serde_json::to_string(&words).expect("words are plain data");
        format!("RUN {words}\n")
    };
    let pieces = pieces(script);
    let instructions = if let [script] = pieces[..] {
        let launcher = "printf %s \"$1\" >/xpkg-pre-build && chmod +x /xpkg-pre-build && \
                        /xpkg-pre-build \"$2\" && rm /xpkg-pre-build";
        instruction(launcher, &[script, triple])
    } else {
        let written = pieces
            .iter()
            .map(|piece| instruction("printf %s \"$1\" >>/xpkg-pre-build", &[piece]));
        let launcher = "chmod +x /xpkg-pre-build && /xpkg-pre-build \"$1\" && rm /xpkg-pre-build";
        written.chain([instruction(launcher, &[triple])]).collect()
    };
    format!("\nUSER 0:0\n{names}{instructions}")
}

/// Cuts a script into pieces that fit into an instruction each, as JSON.
fn pieces(script: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, letter) in script.char_indices() {
        // The longest form of a letter in JSON: `\u001b`.
        let longest = if letter.is_control() || letter == '"' || letter == '\\' {
            6
        } else {
            letter.len_utf8()
        };
        if length + longest > LONGEST_PIECE {
            pieces.push(&script[start..at]);
            (start, length) = (at, 0);
        }
        length += longest;
    }
    pieces.push(&script[start..]);
    pieces
}

/// Returns the number of the first line of a Dockerfile that builders do not read, from 1.
pub fn too_long(text: &str) -> Option<usize> {
    let lines = text.lines().map(str::len);
    let line = lines.into_iter().position(|length| length > LONGEST_LINE)?;
    Some(line + 1)
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
    fn a_long_script_is_written_in_pieces_that_builders_read() {
        let script = format!("#!/bin/sh\n: {}\u{1}\"\\\n", "ü€".repeat(60_000));
        let text = run(&script, &[], "t");
        assert_eq!(too_long(&text), None);
        assert!(text.lines().count() > 4);
        let words = text.lines().filter_map(|line| {
            serde_json::from_str::<Vec<String>>(line.strip_prefix("RUN ")?).ok()
        });
        let written: String = words
            .filter(|words| words[2].contains("printf"))
            .map(|words| words[4].clone())
            .collect();
        assert_eq!(written, script);
        assert_eq!(
            too_long(&format!("FROM a\nRUN {}\n", "x".repeat(65_532))),
            Some(2)
        );
        assert_eq!(
            too_long(&format!("FROM a\nRUN {}\n", "x".repeat(65_530))),
            None
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

//! A Dockerfile for one image: bins by COPY alone, so that nothing of a foreign platform is started
//! while it is built.

use crate::ship::docker::image::{Base, Image};

/// The text. `chmod`: BuildKit and buildah give modes themselves; Docker's old builder refuses to,
/// and takes the files' own.
pub fn text(image: &Image, chmod: bool) -> String {
    let Image {
        name,
        base: _,
        said: _,
        platforms,
        entrypoint,
        user,
        ports,
        files,
        ca_certificates,
        tzdata,
        labels,
    } = image;
    let mode = |mode: &str| {
        if chmod {
            format!("--chmod={mode} ")
        } else {
            String::new()
        }
    };
    let mut lines = vec![
        format!("# {name}: written by `cargo xpkg docker`. No RUN: nothing is emulated."),
        format!("FROM {}", image.base_name()),
        "ARG TARGETPLATFORM".to_owned(),
    ];
    // Users and `/tmp`: what is below a directory keeps its mode.
    if image.base == Base::Scratch {
        lines.push(copy("", &format!("{SCRATCH}/"), "/"));
    }
    for (from, to) in shared(*ca_certificates, *tzdata)
        .into_iter()
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .chain(copied(name, files))
    {
        lines.push(copy("", &from, &to));
    }
    let bins = platforms
        .first()
        .iter()
        .flat_map(|platform| {
            platform
                .bins
                .iter()
                .map(|bin| (platform.platform.label(), bin))
        })
        .collect::<Vec<_>>();
    for (platform, bin) in bins {
        let from = bin.context.strip_prefix(&platform).unwrap_or(&bin.context);
        lines.push(copy(
            &mode("0755"),
            &format!("${{TARGETPLATFORM}}{from}"),
            &bin.place,
        ));
    }
    lines.extend(
        labels
            .iter()
            .map(|(key, value)| format!("LABEL {key}={}", quoted(value))),
    );
    lines.extend(ports.iter().map(|port| format!("EXPOSE {port}")));
    lines.push(format!("USER {user}"));
    lines.extend(
        entrypoint
            .iter()
            .map(|words| format!("ENTRYPOINT {}", array(words))),
    );
    lines.join("\n") + "\n"
}

/// What every image upon `scratch` begins with, below the context.
pub const SCRATCH: &str = "files/scratch";

/// What every image may ask for: below the context, in the image.
pub fn shared(ca_certificates: bool, tzdata: bool) -> Vec<(&'static str, &'static str)> {
    let rows = [
        (
            ca_certificates,
            (
                "files/ca-certificates.crt",
                "/etc/ssl/certs/ca-certificates.crt",
            ),
        ),
        (tzdata, ("files/zoneinfo", "/usr/share/zoneinfo")),
    ];
    rows.into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, row)| row)
        .collect()
}

/// Extra files, each at a place of its own in the context.
pub fn copied(
    image: &str,
    files: &std::collections::BTreeMap<camino::Utf8PathBuf, String>,
) -> Vec<(String, String)> {
    files
        .iter()
        .enumerate()
        .map(|(number, (from, to))| {
            (
                format!(
                    "files/{image}/{number}/{}",
                    in_context(from.file_name().unwrap_or_default())
                ),
                to.clone(),
            )
        })
        .collect()
}

/// A source's name, where it says just itself: COPY expands what it copies, and takes it for a
/// pattern.
fn in_context(name: &str) -> &str {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | ' ');
    if !name.is_empty() && name.chars().all(plain) {
        name
    } else {
        "file"
    }
}

/// The form that takes any path.
fn copy(options: &str, from: &str, to: &str) -> String {
    format!("COPY {options}{}", array(&[from.to_owned(), literal(to)]))
}

/// Inside of the quotes of JSON there are those of a shell: `$` is expanded, `\\`, `'` and `"` go.
fn literal(place: &str) -> String {
    place
        .chars()
        .flat_map(|letter| {
            matches!(letter, '$' | '\\' | '\'' | '"')
                .then_some('\\')
                .into_iter()
                .chain([letter])
        })
        .collect()
}

fn array(words: &[String]) -> String {
    serde_json::to_string(words).expect("words are plain data")
}

/// A value of LABEL: `$` would be expanded, and a line's end ends it.
fn quoted(value: &str) -> String {
    format!(
        "\"{}\"",
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$")
            .replace(['\n', '\r'], " ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_read_as_a_pattern_or_a_variable() {
        let check = |from: &str, to: &str, expected: &str| {
            let files = [(camino::Utf8PathBuf::from(from), to.to_owned())].into();
            let lines: Vec<String> = copied("chat", &files)
                .iter()
                .map(|(from, to)| copy("", from, to))
                .collect();
            assert_eq!(lines, [expected]);
        };
        check(
            "/w/my app.toml",
            "/etc/app.toml",
            r#"COPY ["files/chat/0/my app.toml","/etc/app.toml"]"#,
        );
        check(
            "/w/[x]*?.toml",
            "/etc/[x]*?.toml",
            r#"COPY ["files/chat/0/file","/etc/[x]*?.toml"]"#,
        );
        check(
            "/w/$HOME",
            "/etc/$HOME${A}",
            r#"COPY ["files/chat/0/file","/etc/\\$HOME\\${A}"]"#,
        );
        check(
            "/w/back\\slash",
            "/a\\b",
            r#"COPY ["files/chat/0/file","/a\\\\b"]"#,
        );
        check(
            "/w/q\"uote",
            "/q\"u'o",
            r#"COPY ["files/chat/0/file","/q\\\"u\\'o"]"#,
        );
        check("/w/ü", "/ü", r#"COPY ["files/chat/0/file","/ü"]"#);
    }
}

//! Writes the Dockerfile of an image. Bins are only copied: no program of a foreign platform is run
//! during the build.

use crate::ship::docker::image::{Base, Image};

/// Returns the Dockerfile. `chmod`: BuildKit and buildah set modes by `--chmod`; Docker's old
/// builder rejects it, and keeps the modes of the files.
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
        read_only: _,
        healthcheck,
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
    // Users and `/tmp`. The parent is copied, since COPY keeps the modes of the entries below it
    // only.
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
    let emptied = image.emptied_labels();
    if !emptied.is_empty() {
        // No instruction removes a label.
        let pairs: Vec<String> = emptied.iter().map(|key| format!("{key}=\"\"")).collect();
        lines.push(format!("LABEL {}", pairs.join(" ")));
    }
    lines.extend(
        labels
            .iter()
            .map(|(key, value)| format!("LABEL {key}={}", quoted(value))),
    );
    lines.extend(ports.iter().map(|port| format!("EXPOSE {port}")));
    lines.push(format!("USER {user}"));
    lines.extend(
        healthcheck
            .iter()
            .map(|check| format!("HEALTHCHECK {}CMD {}", check.flags(), array(&check.command))),
    );
    lines.extend(
        entrypoint
            .iter()
            .map(|command| format!("ENTRYPOINT {}", array(command))),
    );
    lines.join("\n") + "\n"
}

/// Directory in the context with the first entries of every image on `scratch`.
pub const SCRATCH: &str = "files/scratch";

/// Returns the requested common files: their paths in the context and in the image.
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
        .filter(|(enabled, _)| *enabled)
        .map(|(_, row)| row)
        .collect()
}

/// Returns the paths of extra files in the context, each in a directory of its own, and in the
/// image.
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

/// Returns a file name that COPY takes literally, since it expands variables and patterns in
/// sources: the file's own if it is plain, else `file`.
fn in_context(name: &str) -> &str {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | ' ');
    if !name.is_empty() && name.chars().all(plain) {
        name
    } else {
        "file"
    }
}

/// Returns a COPY instruction in JSON form, which takes any path.
fn copy(options: &str, from: &str, to: &str) -> String {
    format!("COPY {options}{}", array(&[from.to_owned(), literal(to)]))
}

/// Escapes a destination: inside of the JSON string Docker still expands `$` and removes `\\`, `'`
/// and `"`, as a shell does.
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

/// Returns a JSON array of strings.
fn array(items: &[String]) -> String {
    serde_json::to_string(items).expect("strings are plain data")
}

/// Quotes a value of LABEL: `$` would be expanded, and a line end would end the instruction.
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
        // On Windows, it is between the parts of a path.
        #[cfg(unix)]
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

//! A Dockerfile for one image: bins by COPY alone, so that nothing of a foreign platform is started while it is built.

use crate::docker::Image;

/// The text. `chmod`: BuildKit and buildah give modes themselves; Docker's old builder refuses to, and takes the files' own.
pub fn text(image: &Image, chmod: bool) -> String {
    let Image { name, base: _, platforms, entrypoint, user, ports, files, ca_certificates, tzdata, labels } = image;
    let mode = |mode: &str| if chmod { format!("--chmod={mode} ") } else { String::new() };
    let mut lines = vec![
        format!("# {name}: written by `cargo xpkg docker`. No RUN: nothing is emulated."),
        format!("FROM {}", image.base_name()),
        "ARG TARGETPLATFORM".to_owned(),
    ];
    for (from, to) in
        shared(*ca_certificates, *tzdata).into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).chain(copied(name, files))
    {
        lines.push(copy("", &from, &to));
    }
    let bins =
        platforms.first().iter().flat_map(|platform| platform.bins.iter().map(|bin| (platform.platform.words(), bin))).collect::<Vec<_>>();
    for (platform, bin) in bins {
        let from = bin.context.strip_prefix(&platform).unwrap_or(&bin.context);
        lines.push(copy(&mode("0755"), &format!("${{TARGETPLATFORM}}{from}"), &bin.place));
    }
    lines.extend(labels.iter().map(|(key, value)| format!("LABEL {key}={}", quoted(value))));
    lines.extend(ports.iter().map(|port| format!("EXPOSE {port}")));
    lines.push(format!("USER {user}"));
    lines.extend(entrypoint.iter().map(|words| format!("ENTRYPOINT {}", array(words))));
    lines.join("\n") + "\n"
}

/// What every image may ask for: below the context, in the image.
pub fn shared(ca_certificates: bool, tzdata: bool) -> Vec<(&'static str, &'static str)> {
    let rows = [
        (ca_certificates, ("files/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")),
        (tzdata, ("files/zoneinfo", "/usr/share/zoneinfo")),
    ];
    rows.into_iter().filter(|(wanted, _)| *wanted).map(|(_, row)| row).collect()
}

/// Extra files, each at a place of its own in the context.
pub fn copied(image: &str, files: &std::collections::BTreeMap<camino::Utf8PathBuf, String>) -> Vec<(String, String)> {
    files
        .iter()
        .enumerate()
        .map(|(number, (from, to))| (format!("files/{image}/{number}/{}", from.file_name().unwrap_or("file")), to.clone()))
        .collect()
}

/// The form that takes any path.
fn copy(options: &str, from: &str, to: &str) -> String {
    format!("COPY {options}{}", array(&[from.to_owned(), to.to_owned()]))
}

fn array(words: &[String]) -> String {
    serde_json::to_string(words).expect("words are plain data")
}

/// A value of LABEL: `$` would be expanded, and a line's end ends it.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace(['\n', '\r'], " "))
}

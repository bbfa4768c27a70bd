//! `index.html`: the page of a release for people who browse the store. Pure.
//!
//! One file without scripts or references to anything but its own directory, so that it works from
//! a file system, too.

use crate::problem::text::size;
use crate::ship::release::document::requirements;
use crate::ship::release::model::{Build, Release};
use crate::ship::release::template::fill;
use crate::target::system::Os;
use crate::tree::installer::{PS1_NAME, SH_NAME};
use crate::tree::release::{FileKind, FileRecord, NAME, SUMS_NAME};

/// Name of the page.
pub const PAGE_NAME: &str = "index.html";

/// Systems in the order of the page, with their headings.
const SYSTEMS: &[(Os, &str)] = &[
    (Os::Linux, "Linux"),
    (Os::Darwin, "macOS"),
    (Os::Windows, "Windows"),
    (Os::FreeBsd, "FreeBSD"),
    (Os::NetBsd, "NetBSD"),
    (Os::Android, "Android"),
    (Os::Illumos, "illumos"),
    (Os::Solaris, "Solaris"),
    (Os::WasiP1, "WebAssembly (WASI 0.1)"),
    (Os::WasiP2, "WebAssembly (WASI 0.2)"),
    (Os::None, "WebAssembly"),
];

/// Returns the text of the page. `files` are all other files of the release; `registry` is the
/// address of its registry.
pub fn page(release: &Release, files: &[FileRecord], registry: Option<&str>) -> String {
    let title = format!("{} {}", release.name, release.version);
    let mut body = format!(
        "<h1>{} <small>{}</small></h1>\n",
        text(&release.name),
        text(&release.version)
    );
    let description = match release.packages.as_slice() {
        [only] => only.description.as_deref(),
        _ => None,
    };
    if let Some(description) = description {
        body.push_str(&format!("<p>{}</p>\n", text(description)));
    }
    body.push_str(&install(release, files, registry));
    body.push_str("<h2>Downloads</h2>\n");
    for (os, heading) in SYSTEMS {
        let rows: String = release
            .builds
            .iter()
            .filter(|build| build.target.system.os == *os)
            .map(|build| rows(build, files))
            .collect();
        if !rows.is_empty() {
            body.push_str(&table(heading, &rows));
        }
    }
    body.push_str(&others(files));
    body.push_str(&verification());
    body.push_str(&source(release));
    page_of(&title, &body)
}

/// Returns a page with this title and this body, which is HTML.
pub fn page_of(title: &str, body: &str) -> String {
    let title = text(title);
    fill(
        include_str!("page.html"),
        &[("TITLE", title.as_str()), ("BODY", body)],
    )
}

/// Escapes text for HTML, in attributes, too.
pub fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns the commands that install the release.
fn install(release: &Release, files: &[FileRecord], registry: Option<&str>) -> String {
    let has = |name: &str| files.iter().any(|file| file.path == name);
    let mut commands: Vec<(String, String)> = Vec::new();
    if let Some(url) = &release.url {
        if has(SH_NAME) {
            commands.push((unix(release), format!("curl -fsSL {url}/{SH_NAME} | sh")));
        }
        if has(PS1_NAME) {
            commands.push((
                "Windows".to_owned(),
                format!("powershell -c \"irm {url}/{PS1_NAME} | iex\""),
            ));
        }
    } else if has(SH_NAME) {
        commands.push((
            "after a download".to_owned(),
            format!("sh {SH_NAME} --from ."),
        ));
    }
    if let Some(url) = registry {
        // cargo takes a pre-release only by its version.
        let names: Vec<String> = release
            .packages
            .iter()
            .map(|package| format!("{}@{}", package.name, package.version))
            .collect();
        let names = names.join(" ");
        let command = format!("cargo install --locked --index sparse+{url}/index/ {names}");
        commands.push(("with cargo".to_owned(), command));
    }
    if commands.is_empty() {
        return String::new();
    }
    let row = |(label, command): &(String, String)| {
        format!(
            "<dt>{}</dt><dd><pre>{}</pre></dd>\n",
            text(label),
            text(command)
        )
    };
    let rows: String = commands.iter().map(row).collect();
    format!("<h2>Install</h2>\n<dl>\n{rows}</dl>\n")
}

/// Returns the systems that `install.sh` serves.
fn unix(release: &Release) -> String {
    let is_there = |os: Os| {
        release
            .builds
            .iter()
            .any(|build| build.target.system.os == os)
    };
    let names = SYSTEMS
        .iter()
        .filter(|(os, _)| ![Os::Windows, Os::Wasi].contains(os) && is_there(*os))
        .map(|(_, name)| *name);
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the rows of a build, one for each archive and package.
fn rows(build: &Build, files: &[FileRecord]) -> String {
    let is_of = |file: &&FileRecord| {
        let is_download = matches!(file.kind, FileKind::Archive | FileKind::Deb);
        is_download
            && file.package.as_ref() == Some(&build.package)
            && file.target.as_deref() == Some(build.target.triple())
    };
    let needs = requirements(build).label();
    let row = |file: &FileRecord| {
        format!(
            "<tr><td><a href=\"{path}\">{path}</a></td><td>{arch}</td><td>{needs}</td>\
             <td class=\"n\">{size}</td><td><code>{digest}</code></td></tr>\n",
            path = text(&file.path),
            arch = text(build.target.arch.name),
            needs = text(&needs),
            size = text(&size(file.size)),
            digest = text(&file.sha256),
        )
    };
    files.iter().filter(is_of).map(row).collect()
}

fn table(heading: &str, rows: &str) -> String {
    format!(
        "<h3>{}</h3>\n<div class=\"t\"><table>\n<thead><tr><th>file</th><th>processor</th><th>needs at \
         least</th><th class=\"n\">size</th><th>SHA-256</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n",
        text(heading)
    )
}

/// Returns the list of all files that are no downloads of a build.
fn others(files: &[FileRecord]) -> String {
    let is_other = |file: &&FileRecord| {
        let is_download = matches!(file.kind, FileKind::Archive | FileKind::Deb);
        let is_registry = matches!(file.kind, FileKind::Crate | FileKind::Index);
        !is_download && !is_registry
    };
    let item = |path: &str, kind: &str| {
        format!(
            "<li><a href=\"{path}\">{path}</a>: {kind}</li>\n",
            path = text(path)
        )
    };
    let named = files.iter().filter(is_other);
    let items: String = named
        .map(|file| item(&file.path, file.kind.name()))
        .collect();
    format!(
        "<h3>Other files</h3>\n<ul>\n{}{}{items}</ul>\n",
        item(SUMS_NAME, "checksums"),
        item(NAME, "description for programs"),
    )
}

fn verification() -> String {
    format!(
        "<h2>Verify</h2>\n<p>Download <a href=\"{SUMS_NAME}\">{SUMS_NAME}</a> beside the files, then \
         run:</p>\n<pre>sha256sum -c --ignore-missing {SUMS_NAME}</pre>\n"
    )
}

fn source(release: &Release) -> String {
    let Release {
        repository, commit, ..
    } = release;
    let is_link =
        |address: &&String| address.starts_with("https://") || address.starts_with("http://");
    let repository = repository
        .as_ref()
        .map(|address| match Some(address).filter(is_link) {
            Some(address) => format!(
                "<a href=\"{address}\">{address}</a>",
                address = text(address)
            ),
            None => text(address),
        });
    let commit = commit
        .as_ref()
        .map(|commit| format!("<code>{}</code>", text(commit)));
    let parts: Vec<String> = [("Source", repository), ("commit", commit)]
        .into_iter()
        .filter_map(|(label, value)| Some(format!("{label} {}", value?)))
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("<footer><p>{}</p></footer>\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn every_system_that_has_a_target_has_a_heading() {
        let headed = |os: &Os| SYSTEMS.iter().any(|(known, _)| known == os);
        for triple in [
            "x86_64-unknown-linux-musl",
            "aarch64-apple-darwin",
            "x86_64-pc-windows-msvc",
            "wasm32-wasip1",
            "wasm32-wasip2",
            "wasm32-unknown-unknown",
        ] {
            let os = Target::of_triple(triple).unwrap().system.os;
            assert!(headed(&os), "{triple}");
        }
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(
            text("<a href='x'>&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;"
        );
    }
}

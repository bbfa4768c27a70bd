//! `index.html` of a channel: its versions, for people who browse the store; and the scripts that
//! stand where a version has no installer. Pure.

use crate::invocation::quote;
use crate::ship::publish::channel::{Channel, Entry};
use crate::ship::release::page::{page_of, text};

/// Returns the page of a channel. `url` is the address of the channel; `installers` are those that
/// `latest/` has.
pub fn page(channel: &Channel, name: &str, url: Option<&str>, installers: &[&str]) -> String {
    let mut body = format!(
        "<h1>{} <small>{}</small></h1>\n",
        text(&channel.name),
        text(name)
    );
    match &channel.version {
        Some(latest) => {
            let latest = text(latest);
            body.push_str(&format!(
                "<p>Latest version: <a href=\"{latest}/index.html\">{latest}</a></p>\n"
            ));
        }
        None => body.push_str("<p>There is no version to install.</p>\n"),
    }
    if let (Some(url), Some(_)) = (url, &channel.version) {
        let url = text(url);
        let rows: Vec<String> = installers
            .iter()
            .map(|installer| match *installer {
                "install.ps1" => format!(
                    "<dt>Windows</dt><dd><pre>powershell -c &quot;irm {url}/latest/install.ps1 | \
                     iex&quot;</pre></dd>\n"
                ),
                other => format!(
                    "<dt>Linux, macOS, FreeBSD</dt><dd><pre>curl -fsSL {url}/latest/{other} | \
                     sh</pre></dd>\n"
                ),
            })
            .collect();
        if !rows.is_empty() {
            body.push_str(&format!("<h2>Install</h2>\n<dl>\n{}</dl>\n", rows.concat()));
        }
    }
    body.push_str(
        "<h2>Versions</h2>\n<div class=\"t\"><table>\n<tr><th>version</th><th></th>\
         <th>SHA-256 of SHA256SUMS</th></tr>\n",
    );
    body.extend(channel.versions.iter().map(row));
    body.push_str(
        "</table></div>\n<footer><a href=\"latest.json\">latest.json</a> has the same for programs.\
         </footer>\n",
    );
    page_of(&format!("{} {name}", channel.name), &body)
}

/// Returns the row of a version.
fn row(entry: &Entry) -> String {
    let Entry {
        version,
        sums_sha256,
        yanked,
        ..
    } = entry;
    let version = text(version);
    let state = if *yanked { "yanked" } else { "" };
    format!(
        "<tr><td><a href=\"{version}/index.html\">{version}</a></td><td>{state}</td>\
         <td><code>{sums_sha256}</code></td></tr>\n"
    )
}

/// Returns the script that stands at `latest/install.sh` when the latest version has none: that of
/// another version would install what is not the latest.
pub fn no_installer(channel: &Channel, script: &str) -> String {
    let name = &channel.name;
    let message = match &channel.version {
        Some(version) => format!("{name} {version} has no {script}"),
        None => format!("there is no version of {name} to install"),
    };
    if script.ends_with(".ps1") {
        return format!("throw '{}'\n", message.replace('\'', "''"));
    }
    format!(
        "#!/bin/sh\nprintf '%s\\n' {} >&2\nexit 1\n",
        quote(&message)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        let mut channel = Channel::new("chat<x>");
        for version in ["1.0.0", "1.1.0"] {
            let entry = Entry {
                version: version.to_owned(),
                release_sha256: "0a".repeat(32),
                sums_sha256: "0b".repeat(32),
                yanked: false,
            };
            channel.add(entry, false);
        }
        channel
    }

    #[test]
    fn the_page_has_the_versions_and_what_to_paste() {
        let mut channel = channel();
        channel.yank("1.0.0", true, "x").unwrap();
        let url = Some("https://get.example.org/main");
        let text = page(&channel, "main", url, &["install.sh"]);
        for part in [
            "<h1>chat&lt;x&gt; <small>main</small></h1>",
            "<a href=\"1.1.0/index.html\">1.1.0</a></p>",
            "<pre>curl -fsSL https://get.example.org/main/latest/install.sh | sh</pre>",
            "1.0.0</a></td><td>yanked</td>",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("powershell"));
    }

    #[test]
    fn a_script_that_is_not_there_fails() {
        let mut channel = channel();
        assert_eq!(
            no_installer(&channel, "install.sh"),
            "#!/bin/sh\nprintf '%s\\n' 'chat<x> 1.1.0 has no install.sh' >&2\nexit 1\n"
        );
        for version in ["1.0.0", "1.1.0"] {
            channel.yank(version, true, "x").unwrap();
        }
        assert_eq!(
            no_installer(&channel, "install.ps1"),
            "throw 'there is no version of chat<x> to install'\n"
        );
    }
}

//! `compose.yaml`: a service for each image of a context, for `docker compose`.
//!
//! Source: <https://github.com/compose-spec/compose-spec/blob/main/spec.md>.

use std::collections::{BTreeMap, BTreeSet};

use crate::ship::docker::bake;
use crate::ship::docker::image::Image;

/// Name of the file.
pub const NAME: &str = "compose.yaml";

/// Returns the file, and notes for the user. `layouts` are the base layouts as BuildKit writes
/// them, by image. Its paths are relative to the context.
pub fn text(images: &[Image], layouts: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut lines = vec![
        "# Written by `cargo xpkg docker --compose`. Keep settings of your own in another directory."
            .to_owned(),
        "services:".to_owned(),
    ];
    let mut published = BTreeSet::new();
    let mut notes = Vec::new();
    for image in images {
        service(image, layouts, &mut lines);
        if !image.ports.is_empty() {
            lines.push("    ports:".to_owned());
        }
        for port in &image.ports {
            let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
            let suffix = if protocol == "tcp" {
                String::new()
            } else {
                format!("/{protocol}")
            };
            // One port of the host is one service's: others get a free one.
            if published.insert((number, protocol)) {
                lines.push(format!(
                    "      - {}",
                    scalar(&format!("{number}:{number}{suffix}"))
                ));
            } else {
                lines.push(format!("      - {}", scalar(&format!("{number}{suffix}"))));
                notes.push(format!(
                    "in {NAME}, port {port} of `{}` gets a free port of the host: another image \
                     has {port}",
                    image.name
                ));
            }
        }
        health(image, &mut lines);
    }
    (lines.join("\n") + "\n", notes)
}

/// Adds a service, without its ports and its health check.
fn service(image: &Image, layouts: &BTreeMap<String, String>, lines: &mut Vec<String>) {
    let name = &image.name;
    lines.extend([
        format!("  {}:", scalar(name)),
        // The variables are those of the bake file.
        format!("    image: \"${{REGISTRY:-}}{name}:${{TAG:-latest}}\""),
        "    build:".to_owned(),
        "      context: \".\"".to_owned(),
        format!("      dockerfile: {}", scalar(&bake::file(name))),
    ]);
    if let Some(layout) = layouts.get(name) {
        lines.extend([
            "      additional_contexts:".to_owned(),
            format!("        {}: {}", scalar(&image.base_name()), scalar(layout)),
        ]);
    }
    lines.push(format!("    user: {}", scalar(&image.user)));
    if image.read_only {
        lines.extend(["    read_only: true", "    tmpfs:", "      - \"/tmp\""].map(str::to_owned));
    }
}

/// Adds the health check of a service.
fn health(image: &Image, lines: &mut Vec<String>) {
    let Some(check) = &image.healthcheck else {
        return;
    };
    let test: Vec<String> = ["CMD"]
        .into_iter()
        .chain(check.command.iter().map(String::as_str))
        .map(scalar)
        .collect();
    lines.extend([
        "    healthcheck:".to_owned(),
        format!("      test: [{}]", test.join(", ")),
    ]);
    let times = check.times();
    lines.extend(times.map(|(name, time)| format!("      {name}: {}", scalar(&time.label()))));
    lines.extend(
        check
            .retries
            .map(|retries| format!("      retries: {retries}")),
    );
}

/// Returns a text as a scalar of YAML: a string of JSON is one. Compose expands variables in it, so
/// `$` is doubled.
fn scalar(text: &str) -> String {
    serde_json::to_string(&text.replace('$', "$$")).expect("a text is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config::HealthcheckConfig;
    use crate::ship::docker::healthcheck::Healthcheck;
    use crate::ship::docker::image::Base;
    use crate::ship::docker::tests::chat;

    #[test]
    fn each_image_is_a_service() {
        let check = HealthcheckConfig {
            command: vec!["/usr/local/bin/chat".to_owned(), "$HOME \"q\"".to_owned()],
            interval: Some("1m".to_owned()),
            retries: Some(3),
            ..HealthcheckConfig::default()
        };
        let images = [
            Image {
                healthcheck: Some(Healthcheck::parse(&check).unwrap()),
                ports: vec!["8080".to_owned(), "53/udp".to_owned()],
                ..chat()
            },
            Image {
                name: "on-base".to_owned(),
                base: Base::OciLayout {
                    directory: "/b".into(),
                    tag: None,
                },
                read_only: false,
                ..chat()
            },
        ];
        let layouts = [("on-base".to_owned(), "oci-layout://b/$a".to_owned())].into();
        let (text, notes) = text(&images, &layouts);
        assert_eq!(
            text,
            r#"# Written by `cargo xpkg docker --compose`. Keep settings of your own in another directory.
services:
  "chat":
    image: "${REGISTRY:-}chat:${TAG:-latest}"
    build:
      context: "."
      dockerfile: "chat.Dockerfile"
    user: "65532:65532"
    read_only: true
    tmpfs:
      - "/tmp"
    ports:
      - "8080:8080"
      - "53:53/udp"
    healthcheck:
      test: ["CMD", "/usr/local/bin/chat", "$$HOME \"q\""]
      interval: "60s"
      retries: 3
  "on-base":
    image: "${REGISTRY:-}on-base:${TAG:-latest}"
    build:
      context: "."
      dockerfile: "on-base.Dockerfile"
      additional_contexts:
        "xpkg-base-on-base": "oci-layout://b/$$a"
    user: "65532:65532"
    ports:
      - "8080"
"#
        );
        assert_eq!(
            notes,
            [
                "in compose.yaml, port 8080 of `on-base` gets a free port of the host: another image \
                 has 8080"
            ]
        );
    }
}

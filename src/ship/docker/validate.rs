//! Checks the values of an image's table against the rules of Docker and OCI before anything is
//! written. In a Dockerfile some invalid values would become another instruction, be expanded, or
//! be rejected only after the build.

use std::collections::BTreeMap;

use crate::problem::Problem;
use crate::project::config::{DockerConfig, Port};
use crate::ship::docker::healthcheck::Healthcheck;
use crate::ship::docker::image::{DOCKER_CLASH, DOCKER_INVALID, PLACE};

/// Users and groups that have a name on `scratch`, as in distroless.
const NAMES: &[&str] = &["root", "nobody", "nonroot"];

/// Limit of a file name in bytes, on Linux (NAME_MAX).
const LONGEST_NAME: usize = 255;

/// Returns all problems of the values of one table; `base` is the base of the image.
pub fn check(config: &DockerConfig, base: &str) -> Vec<Problem> {
    let image = &config.name;
    let invalid =
        |what: String| Problem::new(DOCKER_INVALID, format!("the image `{image}` {what}"));
    let mut problems = Vec::new();
    if let Some(user) = config.user.as_deref().filter(|user| !is_user(user)) {
        problems.push(
            invalid(format!("has the invalid user `{}`", shown(user)))
                .help("write numbers, `65532:65532`, or names that the base has: `app`, `app:app`"),
        );
    }
    if let Some(user) = config
        .user
        .as_deref()
        .filter(|user| is_user(user) && !is_known(user))
        && base == "scratch"
        && !config
            .files
            .values()
            .any(|place| ["/", "/etc", "/etc/", "/etc/passwd"].contains(&place.as_str()))
    {
        problems.push(
            invalid(format!(
                "has the user `{user}`, and on `scratch` only {} are known",
                NAMES.join(", ")
            ))
            .help("write its number: `user = \"1000:1000\"`"),
        );
    }
    for port in config
        .ports
        .iter()
        .map(Port::label)
        .filter(|port| !is_port(port))
    {
        problems.push(
            invalid(format!("has the invalid port `{}`", shown(&port)))
                .help("use 1 to 65535, as a number or `\"53/udp\"`"),
        );
    }
    if config.entrypoint.as_ref().is_some_and(Vec::is_empty) {
        problems.push(
            invalid("has an empty `entrypoint`".to_owned())
                .help("name the program, or remove the key"),
        );
    }
    if let Some(Err((what, help))) = config.healthcheck.as_ref().map(Healthcheck::parse) {
        problems.push(invalid(format!("has a health check {what}")).help(help));
    }
    for key in config.labels.keys().filter(|key| !is_key(key)) {
        problems.push(
            invalid(format!("has a label with the invalid key `{}`", shown(key)))
                .help("use letters, digits, `.`, `-`, `_` and `/`, as in `com.example.team`"),
        );
    }
    let texts = config
        .entrypoint
        .iter()
        .flatten()
        .chain(config.healthcheck.iter().flat_map(|check| &check.command))
        .chain(config.labels.values());
    for text in texts.filter(|text| {
        text.chars()
            .any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
    }) {
        problems.push(
            invalid(format!(
                "has the value `{}`, which contains control characters",
                shown(text)
            ))
            .help("remove them"),
        );
    }
    problems.extend(places(config));
    problems
}

/// Returns all problems of the paths of extra files in the image.
fn places(config: &DockerConfig) -> Vec<Problem> {
    let image = &config.name;
    let mut problems = Vec::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (from, to) in &config.files {
        if let Some(why) = invalid_path(to) {
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!(
                        "`{from}` cannot be at `{}` in the image `{image}`: {why}",
                        shown(to)
                    ),
                )
                .help(format!(
                    "write its path in the image: `files = {{ \"{from}\" = \"/etc/NAME\" }}`"
                )),
            );
        }
        if let Some(other) = taken.insert(to.trim_end_matches('/'), from.as_str()) {
            problems.push(
                Problem::new(
                    DOCKER_CLASH,
                    format!("the image `{image}` has two files at `{to}`"),
                )
                .note("files", [other.to_owned(), from.to_string()])
                .help("give each a path of its own"),
            );
        }
    }
    problems
}

/// Returns the reason for which a path is invalid for a file in an image, if it is.
fn invalid_path(place: &str) -> Option<&'static str> {
    let Some(below) = place.strip_prefix('/') else {
        return Some("it is not absolute");
    };
    let below = below.trim_end_matches('/');
    let parts: Vec<&str> = if below.is_empty() {
        Vec::new()
    } else {
        below.split('/').collect()
    };
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Some("it is not a plain path");
    }
    if parts.iter().any(|part| part.len() > LONGEST_NAME) {
        return Some("a name in it is longer than 255 bytes");
    }
    if parts.iter().any(|part| part.starts_with(".wh.")) {
        return Some("`.wh.` marks a file that a layer deletes");
    }
    if place.chars().any(char::is_control) {
        return Some("it contains control characters");
    }
    (place == PLACE).then_some("it is the directory of the bins")
}

/// Returns true for a valid user: `65532`, `app`, `app:app`.
fn is_user(user: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && part
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter))
    };
    user.split(':').count() <= 2 && user.split(':').all(part)
}

/// Returns true if `scratch` has the user and the group, or they are numbers.
fn is_known(user: &str) -> bool {
    user.split(':')
        .all(|part| part.parse::<u32>().is_ok() || NAMES.contains(&part))
}

/// Returns true for a valid port: `8080`, `53/udp`.
fn is_port(port: &str) -> bool {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    number.bytes().all(|digit| digit.is_ascii_digit())
        && number.parse::<u16>().is_ok_and(|number| number > 0)
        && matches!(protocol, "tcp" | "udp" | "sctp")
}

/// Returns true for a valid key of a label.
fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || ".-_/".contains(letter))
}

/// Escapes a value for a message, on one line.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(table: &str) -> String {
        let config: crate::project::config::Config =
            toml::from_str(&format!("[[docker]]\nname = 'x'\n{table}")).unwrap();
        check(
            &config.docker[0],
            config.docker[0].base.as_deref().unwrap_or("scratch"),
        )
        .iter()
        .map(|problem| problem.message.clone())
        .collect::<Vec<_>>()
        .join("; ")
    }

    #[test]
    fn values_that_docker_would_misread_are_refused() {
        for (table, expected) in [
            (
                "user = '1000:1000'\nports = [80, '53/udp']\nlabels = { 'com.example/a-b_c' = \
                 \"${x}\\n\" }",
                "",
            ),
            (
                "user = '${HOME}'",
                "the image `x` has the invalid user `${HOME}`",
            ),
            (
                "user = \"root\\nRUN x\"",
                "the image `x` has the invalid user `root\\nRUN x`",
            ),
            ("user = ''", "the image `x` has the invalid user ``"),
            (
                "user = 'a:b:c'",
                "the image `x` has the invalid user `a:b:c`",
            ),
            ("user = 'nonroot'", ""),
            (
                "user = 'app'",
                "the image `x` has the user `app`, and on `scratch` only root, nobody, nonroot are \
                 known",
            ),
            ("user = 'app'\nbase = 'oci:base'", ""),
            ("user = 'app'\nfiles = { passwd = '/etc/passwd' }", ""),
            (
                "ports = ['abc']",
                "the image `x` has the invalid port `abc`",
            ),
            (
                "ports = ['99999', 0]",
                "the image `x` has the invalid port `99999`; the image `x` has the invalid port \
                 `0`",
            ),
            (
                "ports = ['80 81']",
                "the image `x` has the invalid port `80 81`",
            ),
            (
                "ports = ['+80', '80/xyz']",
                "the image `x` has the invalid port `+80`; the image `x` has the invalid port \
                 `80/xyz`",
            ),
            ("entrypoint = []", "the image `x` has an empty `entrypoint`"),
            (
                "healthcheck = { command = ['/a', '-h'], interval = '1m' }",
                "",
            ),
            (
                "healthcheck = { command = ['a'] }",
                "the image `x` has a health check without a program by its path",
            ),
            (
                "healthcheck = { command = ['/a'], timeout = '5' }",
                "the image `x` has a health check with the invalid `timeout` `5`",
            ),
            (
                "entrypoint = [\"/a\\u0000\"]",
                "the image `x` has the value `/a\\0`, which contains control characters",
            ),
            (
                "labels = { '' = 'a' }",
                "the image `x` has a label with the invalid key ``",
            ),
            (
                "labels = { 'a b' = 'a' }",
                "the image `x` has a label with the invalid key `a b`",
            ),
            (
                "labels = { \"a\\nRUN x\" = 'a' }",
                "the image `x` has a label with the invalid key `a\\nRUN x`",
            ),
        ] {
            assert_eq!(found(table), expected, "{table}");
        }
    }

    #[test]
    fn a_file_has_a_plain_place_of_its_own() {
        let long = "a".repeat(256);
        for (place, expected) in [
            ("/etc/a b.toml", None),
            ("/opt/dir/", None),
            ("/", None),
            ("etc/rel.toml", Some("it is not absolute")),
            ("", Some("it is not absolute")),
            ("/etc/../a", Some("it is not a plain path")),
            ("/etc//a", Some("it is not a plain path")),
            ("/etc/a\0b", Some("it contains control characters")),
            (
                "/etc/.wh.passwd",
                Some("`.wh.` marks a file that a layer deletes"),
            ),
            ("/usr/local/bin", Some("it is the directory of the bins")),
            ("/usr/local/bin/", None),
            (
                &format!("/{long}"),
                Some("a name in it is longer than 255 bytes"),
            ),
        ] {
            assert_eq!(invalid_path(place), expected, "{place}");
        }
        assert_eq!(
            found("files = { a = '/etc/x', b = '/etc/x/' }"),
            "the image `x` has two files at `/etc/x/`"
        );
        assert_eq!(
            found("files = { a = 'x' }"),
            "`a` cannot be at `x` in the image `x`: it is not absolute"
        );
    }
}

//! Writes a Dockerfile that compiles the workspace: the compiler runs on the builder's own platform
//! and cross-compiles with xpkg. The images are its stages, and only copy files.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::invocation;
use crate::project::reference::Reference;
use crate::ship::docker::dockerfile;
use crate::ship::docker::image::Image;

/// The input of the Dockerfile.
pub struct Plan<'a> {
    /// Images, one stage each.
    pub images: &'a [Image],
    /// Image with Rust and a C compiler, by digest.
    pub builder: &'a Reference,
    /// Target triples, for `rustup target add`.
    pub triples: Vec<String>,
    /// Arguments of `cargo xpkg docker` inside, taken from this call.
    pub arguments: Vec<String>,
    /// Values of cargo's `--config` among them.
    pub configured: Vec<String>,
    /// Id of the cache mount with cargo's target directory.
    pub cache: String,
    /// Files that select rustup's toolchain, relative to the workspace's root.
    pub toolchain: Vec<Utf8PathBuf>,
    /// Cargo.lock, manifests, cargo's configuration and vendored sources, relative to the
    /// workspace's root.
    pub manifests: Vec<Utf8PathBuf>,
    /// Sources that must exist for cargo to accept a manifest, relative to the workspace's root.
    pub sources: Vec<Utf8PathBuf>,
    /// Base layouts as BuildKit writes them, `oci-layout://PATH@sha256:…`, by image.
    pub layouts: &'a BTreeMap<String, String>,
}

/// Stage with the toolchain. The stages of images have the images' names.
const TOOLCHAIN: &str = "xpkg-toolchain";

/// Stage with the fetched dependencies.
const DEPENDENCIES: &str = "xpkg-dependencies";

/// Stage that compiles the workspace.
const BUILD: &str = "xpkg-build";

/// Returns the Dockerfile, to be built in the workspace's root: `docker buildx build --file
/// xpkg.Dockerfile --target IMAGE .`
pub fn text(plan: &Plan) -> String {
    let Plan {
        images,
        builder,
        triples,
        arguments,
        configured,
        cache,
        toolchain,
        manifests,
        sources,
        layouts,
    } = plan;
    let version = env!("CARGO_PKG_VERSION");
    let arguments: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
    let configured: String = configured
        .iter()
        .map(|value| format!(" --config {}", quote(value)))
        .collect();
    let mut lines = vec![
        "# Written by `cargo xpkg docker --build-in-docker`. The compiler runs on the builder's \
         platform, whatever the images' are."
            .to_owned(),
        "# The revision is given with each build: `--label \
         org.opencontainers.image.revision=\"$(git rev-parse HEAD)\"`."
            .to_owned(),
    ];
    for image in *images {
        lines.extend(layouts.get(&image.name).map(|layout| {
            format!(
                "# It needs `--build-context {}={layout}`.",
                image.base_name()
            )
        }));
    }
    lines.extend([
        format!(
            "FROM --platform=$BUILDPLATFORM {} AS {TOOLCHAIN}",
            builder.by_tag()
        ),
        "WORKDIR /dependencies".to_owned(),
        // Another version might not accept these arguments, or behave differently.
        format!(
            "RUN test \"$(cargo xpkg --version 2>/dev/null)\" = \"cargo xpkg {version}\" || cargo \
             install cargo-xpkg --version {version} --locked --force"
        ),
    ]);
    lines.extend(toolchain.iter().map(copied));
    lines.extend([
        format!(
            "RUN ! command -v rustup || rustup target add {}",
            triples.join(" ")
        ),
        String::new(),
        "# Rebuilt only if Cargo.lock or a manifest changed.".to_owned(),
        format!("FROM {TOOLCHAIN} AS {DEPENDENCIES}"),
    ]);
    lines.extend(manifests.iter().map(copied));
    let mut directories: Vec<String> = sources
        .iter()
        .filter_map(|path| Some(quote(path.parent()?.as_str())))
        .filter(|path| path != "''")
        .collect();
    directories.sort();
    directories.dedup();
    let files: Vec<String> = sources.iter().map(|path| quote(path.as_str())).collect();
    let directories = if directories.is_empty() {
        String::new()
    } else {
        format!("mkdir -p {} && ", directories.join(" "))
    };
    lines.push(format!(
        "RUN {directories}touch {} && cargo fetch --locked{configured}",
        files.join(" ")
    ));
    lines.extend([
        String::new(),
        format!("FROM {DEPENDENCIES} AS {BUILD}"),
        "WORKDIR /src".to_owned(),
        "COPY . /given".to_owned(),
        "# Copied again for new file times: cargo compares them with the cache, which may be of \
         another checkout."
            .to_owned(),
        format!(
            "RUN --mount=type=cache,id={cache},target=/target,sharing=locked cp -R /given/. . && \
             cargo xpkg docker --offline --locked {} --target-dir /target --out-dir /tree \
             --context /context",
            arguments.join(" ")
        ),
    ]);
    for image in *images {
        lines.push(String::new());
        lines.extend(stage(image));
    }
    lines.join("\n") + "\n"
}

/// Returns `xpkg.Dockerfile.dockerignore`. It replaces `.dockerignore` for this Dockerfile, so the
/// user's rules are copied into it.
pub fn ignored(target_dir: Option<&Utf8Path>, user_rules: Option<&str>) -> String {
    let mut text = "target\n.git\n".to_owned();
    if let Some(directory) = target_dir.filter(|directory| *directory != "target") {
        text += &format!("{directory}\n");
    }
    if let Some(rules) = user_rules {
        text += &format!(
            "\n# Copied from .dockerignore:\n{}\n",
            rules.trim_start_matches('\u{feff}').trim_end()
        );
    }
    text
}

/// Returns a COPY instruction for a file that is needed before the sources.
fn copied(path: &Utf8PathBuf) -> String {
    format!(
        "COPY {}",
        array(&[path.to_string(), format!("/dependencies/{path}")])
    )
}

/// Returns the stage of an image: its Dockerfile, with bins and files from the build stage.
fn stage(image: &Image) -> Vec<String> {
    let text = dockerfile::text(image, true);
    let line = |line: &str| match line.strip_prefix("FROM ") {
        Some(base) => format!("FROM {base} AS {}", stage_name(&image.name)),
        None => match line.strip_prefix("COPY ") {
            Some(rest) => from_build(rest),
            None => line.to_owned(),
        },
    };
    text.lines().skip(1).map(line).collect()
}

/// Returns the stage's name of an image: it must begin with a letter, and an image's name may not.
pub fn stage_name(image: &str) -> String {
    if image.starts_with(|first: char| first.is_ascii_alphabetic()) {
        image.to_owned()
    } else {
        format!("image-{image}")
    }
}

/// Converts the arguments of COPY to copy from the build stage: `--chmod=0755 ["a","b"]` becomes
/// `--from=xpkg-build --chmod=0755 ["/context/a","b"]`.
fn from_build(rest: &str) -> String {
    let (options, paths) = rest.split_once('[').unwrap_or(("", rest));
    format!(
        "COPY --from={BUILD} {options}[\"/context/{}",
        paths.trim_start_matches('"')
    )
}

/// Returns a JSON array of strings.
fn array(items: &[String]) -> String {
    serde_json::to_string(items).expect("strings are plain data")
}

/// Quotes a word for the shell.
fn quote(word: &str) -> String {
    invocation::quote(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ship::docker::tests::chat;

    #[test]
    fn the_compiler_runs_on_the_builders_platform() {
        let builder =
            Reference::parse(&format!("r.example/rust@sha256:{}", "ab".repeat(32))).unwrap();
        let plan = Plan {
            images: &[chat()],
            builder: &builder,
            triples: vec![
                "x86_64-unknown-linux-musl".to_owned(),
                "aarch64-unknown-linux-musl".to_owned(),
            ],
            arguments: ["--target", "x86_64-unknown-linux-musl", "--bin", "a b"]
                .map(str::to_owned)
                .to_vec(),
            configured: vec!["env.WORDS=\"a b\"".to_owned()],
            cache: "xpkg-chat".to_owned(),
            toolchain: vec!["rust-toolchain.toml".into()],
            manifests: vec![
                "Cargo.lock".into(),
                "Cargo.toml".into(),
                "my app/Cargo.toml".into(),
            ],
            sources: vec!["my app/src/main.rs".into(), "build.rs".into()],
            layouts: &BTreeMap::new(),
        };
        let text = text(&plan)
            .replace(&"ab".repeat(32), "[DIGEST]")
            .replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
        assert_eq!(
            text,
            r#"# Written by `cargo xpkg docker --build-in-docker`. The compiler runs on the builder's platform, whatever the images' are.
# The revision is given with each build: `--label org.opencontainers.image.revision="$(git rev-parse HEAD)"`.
FROM --platform=$BUILDPLATFORM r.example/rust@sha256:[DIGEST] AS xpkg-toolchain
WORKDIR /dependencies
RUN test "$(cargo xpkg --version 2>/dev/null)" = "cargo xpkg [VERSION]" || cargo install cargo-xpkg --version [VERSION] --locked --force
COPY ["rust-toolchain.toml","/dependencies/rust-toolchain.toml"]
RUN ! command -v rustup || rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl

# Rebuilt only if Cargo.lock or a manifest changed.
FROM xpkg-toolchain AS xpkg-dependencies
COPY ["Cargo.lock","/dependencies/Cargo.lock"]
COPY ["Cargo.toml","/dependencies/Cargo.toml"]
COPY ["my app/Cargo.toml","/dependencies/my app/Cargo.toml"]
RUN mkdir -p 'my app/src' && touch 'my app/src/main.rs' build.rs && cargo fetch --locked --config 'env.WORDS="a b"'

FROM xpkg-dependencies AS xpkg-build
WORKDIR /src
COPY . /given
# Copied again for new file times: cargo compares them with the cache, which may be of another checkout.
RUN --mount=type=cache,id=xpkg-chat,target=/target,sharing=locked cp -R /given/. . && cargo xpkg docker --offline --locked --target x86_64-unknown-linux-musl --bin 'a b' --target-dir /target --out-dir /tree --context /context

FROM scratch AS chat
ARG TARGETPLATFORM
COPY --from=xpkg-build ["/context/files/scratch/","/"]
COPY --from=xpkg-build ["/context/files/ca-certificates.crt","/etc/ssl/certs/ca-certificates.crt"]
COPY --from=xpkg-build ["/context/files/chat/0/my app.toml","/etc/app.toml"]
COPY --from=xpkg-build --chmod=0755 ["/context/${TARGETPLATFORM}/chat-server/chat","/usr/local/bin/chat"]
LABEL org.opencontainers.image.title="chat \"\$1\""
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/chat"]
"#
        );
    }

    #[test]
    fn the_rules_of_the_user_come_after_xpkgs() {
        assert_eq!(ignored(None, None), "target\n.git\n");
        assert_eq!(ignored(Some("target".into()), None), "target\n.git\n");
        let text = ignored(Some("build/out".into()), Some("\u{feff}*\r\n!src\r\n\r\n"));
        assert_eq!(
            text,
            "target\n.git\nbuild/out\n\n# Copied from .dockerignore:\n*\r\n!src\n"
        );
    }

    #[test]
    fn a_base_that_is_a_layout_is_a_context_and_a_stage_begins_with_a_letter() {
        let builder =
            Reference::parse(&format!("r.example/rust@sha256:{}", "ab".repeat(32))).unwrap();
        let image = Image {
            name: "2048".to_owned(),
            base: crate::ship::docker::image::Base::OciLayout {
                directory: "/home/me/base".into(),
                tag: None,
            },
            ..chat()
        };
        let layouts = [(
            "2048".to_owned(),
            "oci-layout://../base@sha256:abc".to_owned(),
        )]
        .into();
        let triples = vec!["x86_64-unknown-linux-musl".to_owned()];
        let plan = Plan {
            images: &[image],
            builder: &builder,
            triples,
            arguments: Vec::new(),
            configured: Vec::new(),
            cache: String::new(),
            toolchain: Vec::new(),
            manifests: Vec::new(),
            sources: Vec::new(),
            layouts: &layouts,
        };
        let text = text(&plan);
        assert_eq!(
            text.lines().nth(2),
            Some("# It needs `--build-context xpkg-base-2048=oci-layout://../base@sha256:abc`.")
        );
        assert!(
            text.contains("\nFROM xpkg-base-2048 AS image-2048\n"),
            "{text}"
        );
    }
}

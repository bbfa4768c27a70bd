//! `docker-bake.json`: every image of a context in one call of `docker buildx bake`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::ship::docker::cache::{Cache, Direction};
use crate::ship::docker::image::{Image, PlatformImage, VERSION};

/// The input of a bake file.
pub struct Plan<'a> {
    /// Images, one target each.
    pub images: &'a [Image],
    /// Base layouts as BuildKit writes them, `oci-layout://PATH@sha256:…`, by image.
    pub layouts: &'a BTreeMap<String, String>,
    /// Cache that a target for each architecture writes.
    pub cache_to: Option<&'a Cache>,
    /// Caches that all targets read, each for its architectures.
    pub cache_from: &'a [Cache],
    /// True for a `compose.yaml` beside the bake file.
    pub compose: bool,
}

/// Returns the bake file. Its paths are relative to the context, in which bake must be run.
pub fn text(plan: &Plan) -> String {
    let mut names = Names::default();
    let whole_images: Vec<(String, &Image)> = plan
        .images
        .iter()
        .map(|image| (names.free(&image.name), image))
        .collect();
    let mut targets: serde_json::Map<String, Value> = whole_images
        .iter()
        .map(|(name, image)| (name.clone(), target(image, plan)))
        .collect();
    let whole_names: Vec<&String> = whole_images.iter().map(|(name, _)| name).collect();
    let mut groups = json!({ "default": { "targets": whole_names } });
    if let Some(cache) = plan.cache_to {
        let single_platforms: Vec<(String, Value)> = whole_images
            .iter()
            .flat_map(|(name, image)| single_platforms(name, image, cache, plan, &mut names))
            .collect();
        groups[PER_ARCHITECTURE] =
            json!({ "targets": single_platforms.iter().map(|(name, _)| name).collect::<Vec<_>>() });
        targets.extend(single_platforms);
    }
    let document = json!({
        "variable": {
            // No `description`: buildx 0.13, Debian's version, rejects it.
            "REGISTRY": { "default": "" },
            "TAG": { "default": "latest" },
        },
        "group": groups,
        "target": targets,
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a document is plain data");
    text.push('\n');
    text
}

/// Name of the group of single-platform targets.
const PER_ARCHITECTURE: &str = "per-architecture";

/// The names in use. A target's name consists of letters, digits, `-` and `_`; groups and targets
/// share one namespace.
struct Names(BTreeSet<String>);

impl Default for Names {
    fn default() -> Self {
        Self(["default", PER_ARCHITECTURE].map(str::to_owned).into())
    }
}

impl Names {
    /// Returns an unused name like `preferred`, and marks it as used.
    fn free(&mut self, preferred: &str) -> String {
        let mut name = preferred.replace('.', "_");
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// Returns the target of an image.
fn target(image: &Image, plan: &Plan) -> Value {
    let Image {
        name,
        platforms,
        labels,
        ..
    } = image;
    let version = labels.contains_key(VERSION).then(|| image.tag());
    let tags: Vec<String> = [Some("${TAG}".to_owned()), version]
        .into_iter()
        .flatten()
        .map(|tag| format!("${{REGISTRY}}{name}:{tag}"))
        .collect();
    let labels: BTreeMap<&String, String> = labels
        .iter()
        .map(|(key, value)| (key, literal(value)))
        .collect();
    let mut target = json!({
        "context": ".",
        "dockerfile": file(name),
        "platforms": platforms.iter().map(|platform| platform.platform.label()).collect::<Vec<_>>(),
        "tags": tags,
        "labels": labels,
    });
    if let Some(layout) = plan.layouts.get(name) {
        target["contexts"] = json!({ image.base_name(): literal(layout) });
    }
    let caches: Vec<String> = platforms
        .iter()
        .flat_map(|platform| sources(name, platform, plan))
        .collect();
    if !caches.is_empty() {
        target["cache-from"] = json!(caches);
    }
    target
}

/// Returns a target for each platform of an image, with its own cache, so that each machine can
/// build one.
fn single_platforms(
    target: &str,
    image: &Image,
    cache: &Cache,
    plan: &Plan,
    names: &mut Names,
) -> Vec<(String, Value)> {
    let platform_target = |platform: &PlatformImage| {
        let label = label(platform);
        let to = cache.entry(&image.name, &label, Direction::To, literal);
        let document = json!({
            "inherits": [target],
            "platforms": [platform.platform.label()],
            "tags": [format!("${{REGISTRY}}{}:${{TAG}}-{label}", image.name)],
            "cache-from": sources(&image.name, platform, plan),
            "cache-to": [to],
        });
        (names.free(&format!("{target}-{label}")), document)
    };
    image.platforms.iter().map(platform_target).collect()
}

/// Returns a platform's label: `amd64`, `arm-v7`.
fn label(platform: &PlatformImage) -> String {
    let platform = platform.platform.label();
    platform
        .strip_prefix("linux/")
        .unwrap_or(&platform)
        .replace('/', "-")
}

/// Returns the caches that a platform of an image is read from.
fn sources(name: &str, platform: &PlatformImage, plan: &Plan) -> Vec<String> {
    let label = label(platform);
    let caches = plan.cache_from.iter();
    caches
        .map(|cache| cache.entry(name, &label, Direction::From, literal))
        .collect()
}

/// Escapes a text, since bake reads every string of the file as a template.
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Returns the file name of an image's Dockerfile.
pub fn file(image: &str) -> String {
    format!("{image}.Dockerfile")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ship::docker::dockerfile;
    use crate::ship::docker::tests::{chat, versioned};

    #[test]
    fn a_dockerfile_copies_and_runs_nothing() {
        assert_eq!(
            dockerfile::text(&chat(), true),
            "# chat: written by `cargo xpkg docker`. No RUN: nothing is emulated.\n\
             FROM scratch\n\
             ARG TARGETPLATFORM\n\
             COPY [\"files/scratch/\",\"/\"]\n\
             COPY [\"files/ca-certificates.crt\",\"/etc/ssl/certs/ca-certificates.crt\"]\n\
             COPY [\"files/chat/0/my app.toml\",\"/etc/app.toml\"]\n\
             COPY --chmod=0755 [\"${TARGETPLATFORM}/chat-server/chat\",\"/usr/local/bin/chat\"]\n\
             LABEL org.opencontainers.image.title=\"chat \\\"\\$1\\\"\"\n\
             EXPOSE 8080\n\
             USER 65532:65532\n\
             ENTRYPOINT [\"/usr/local/bin/chat\"]\n"
        );
        assert!(dockerfile::text(&chat(), false).contains("COPY [\"${TARGETPLATFORM}/"));
    }

    #[test]
    fn labels_that_describe_the_base_are_emptied() {
        let image = Image {
            base: crate::ship::docker::image::Base::OciLayout {
                directory: "/b".into(),
                tag: None,
            },
            ..versioned("1.0.0")
        };
        let text = dockerfile::text(&image, true);
        let labels: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("LABEL"))
            .collect();
        assert_eq!(
            labels,
            [
                "LABEL org.opencontainers.image.authors=\"\" \
                 org.opencontainers.image.base.digest=\"\" \
                 org.opencontainers.image.base.name=\"\" \
                 org.opencontainers.image.created=\"\" \
                 org.opencontainers.image.description=\"\" \
                 org.opencontainers.image.documentation=\"\" \
                 org.opencontainers.image.licenses=\"\" \
                 org.opencontainers.image.ref.name=\"\" \
                 org.opencontainers.image.revision=\"\" \
                 org.opencontainers.image.source=\"\" \
                 org.opencontainers.image.url=\"\" \
                 org.opencontainers.image.vendor=\"\"",
                "LABEL org.opencontainers.image.title=\"chat \\\"\\$1\\\"\"",
                "LABEL org.opencontainers.image.version=\"1.0.0\"",
            ]
        );
    }

    fn bake(images: &[Image], cache: bool) -> Value {
        let cache = cache.then(Cache::registry);
        bake_with(images, cache.as_ref(), cache.as_slice())
    }

    fn bake_with(images: &[Image], to: Option<&Cache>, from: &[Cache]) -> Value {
        let layouts = [(
            "chat".to_owned(),
            "oci-layout://../${b}@sha256:abc".to_owned(),
        )]
        .into();
        serde_json::from_str(&text(&Plan {
            images,
            layouts: &layouts,
            cache_to: to,
            cache_from: from,
            compose: false,
        }))
        .unwrap()
    }

    #[test]
    fn a_bake_file_has_a_target_for_each_image() {
        let document = bake(&[chat()], true);
        assert_eq!(document["group"]["default"]["targets"], json!(["chat"]));
        let target = &document["target"]["chat"];
        assert_eq!(target["platforms"], json!(["linux/amd64", "linux/arm/v7"]));
        assert_eq!(target["tags"], json!(["${REGISTRY}chat:${TAG}"]));
        let caches = [
            "type=registry,ref=${REGISTRY}chat:cache-amd64",
            "type=registry,ref=${REGISTRY}chat:cache-arm-v7",
        ];
        assert_eq!(target["cache-from"], json!(caches));
        // Each single-platform target writes the cache that the image's target reads.
        assert_eq!(
            document["group"]["per-architecture"]["targets"],
            json!(["chat-amd64", "chat-arm-v7"])
        );
        let single = &document["target"]["chat-arm-v7"];
        assert_eq!(single["platforms"], json!(["linux/arm/v7"]));
        assert_eq!(
            single["cache-to"],
            json!([format!("{},mode=max", caches[1])])
        );
        assert!(!bake(&[chat()], false).to_string().contains("cache"));
    }

    #[test]
    fn caches_are_read_and_written_where_each_is_wanted() {
        let of = |text, direction| Cache::parse(text, direction).unwrap();
        // A pull request reads what the main branch has written, and writes nothing.
        let read = [
            of("gha", Direction::From),
            of("s3,region=r,bucket=b", Direction::From),
        ];
        let document = bake_with(&[chat()], None, &read);
        assert_eq!(
            document["target"]["chat"]["cache-from"],
            json!([
                "type=gha,scope=chat-amd64",
                "type=s3,name=chat-amd64,region=r,bucket=b",
                "type=gha,scope=chat-arm-v7",
                "type=s3,name=chat-arm-v7,region=r,bucket=b",
            ])
        );
        assert!(document["group"][PER_ARCHITECTURE].is_null());
        let to = of("s3,region=r,bucket=b,ignore-error=true", Direction::To);
        let document = bake_with(&[chat()], Some(&to), &read[..1]);
        let single = &document["target"]["chat-amd64"];
        assert_eq!(single["cache-from"], json!(["type=gha,scope=chat-amd64"]));
        assert_eq!(
            single["cache-to"],
            json!(["type=s3,name=chat-amd64,region=r,bucket=b,ignore-error=true,mode=max"])
        );
        // Of all platforms at once, none writes.
        assert!(document["target"]["chat"]["cache-to"].is_null());
    }

    #[test]
    fn what_bake_would_read_as_a_template_is_escaped() {
        let mut image = Image {
            base: crate::ship::docker::image::Base::OciLayout {
                directory: "/b".into(),
                tag: None,
            },
            ..versioned("1.2.3+build")
        };
        image
            .labels
            .insert("a".to_owned(), "${HOME} $5 %{if}".to_owned());
        let target = &bake(&[image], false)["target"]["chat"];
        assert_eq!(target["labels"]["a"], "$${HOME} $5 %%{if}");
        assert_eq!(target["labels"][VERSION], "1.2.3+build");
        // No registry accepts the `+`.
        assert_eq!(
            target["tags"],
            json!(["${REGISTRY}chat:${TAG}", "${REGISTRY}chat:1.2.3-build"])
        );
        assert_eq!(
            target["contexts"],
            json!({ "xpkg-base-chat": "oci-layout://../$${b}@sha256:abc" })
        );
    }

    #[test]
    fn a_targets_name_is_one_that_bake_takes() {
        let named = |name: &str| Image {
            name: name.to_owned(),
            ..chat()
        };
        let document = bake(
            &["a.b", "a_b", "default", "2048", "2048-amd64"].map(named),
            true,
        );
        assert_eq!(
            document["group"]["default"]["targets"],
            json!(["a_b", "a_b_", "default_", "2048", "2048-amd64"])
        );
        assert_eq!(document["target"]["a_b"]["dockerfile"], "a.b.Dockerfile");
        assert_eq!(
            document["target"]["2048-amd64"]["dockerfile"],
            "2048-amd64.Dockerfile"
        );
        assert_eq!(
            document["target"]["2048-amd64_"]["inherits"],
            json!(["2048"])
        );
    }
}

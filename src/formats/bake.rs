//! `docker-bake.json`: every image of a context in one call of `docker buildx bake`.

use serde_json::{Value, json};

use crate::docker::{Base, ForPlatform, Image};

/// The text. Paths are from the context's directory, where bake is to be called. `cache`: each architecture has a target of its own,
/// which keeps a cache in the registry beside the image; the whole reads them.
pub fn text(images: &[Image], cache: bool) -> String {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let mut targets: serde_json::Map<String, Value> = images.iter().map(|image| (image.name.clone(), target(image, cache))).collect();
    let mut groups = json!({ "default": { "targets": names } });
    if cache {
        let alone: Vec<(String, Value)> = images.iter().flat_map(alone).collect();
        groups["per-architecture"] = json!({ "targets": alone.iter().map(|(name, _)| name).collect::<Vec<_>>() });
        targets.extend(alone);
    }
    let document = json!({
        "variable": {
            "REGISTRY": { "default": "", "description": "registry and path in front of each name, with a slash at its end" },
            "TAG": { "default": "latest" },
        },
        "group": groups,
        "target": targets,
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a document is plain data");
    text.push('\n');
    text
}

fn target(image: &Image, cache: bool) -> Value {
    let Image { name, base, platforms, labels, .. } = image;
    let version = labels.get("org.opencontainers.image.version");
    let tags: Vec<String> =
        [Some("${TAG}".to_owned()), version.cloned()].into_iter().flatten().map(|tag| format!("${{REGISTRY}}{name}:{tag}")).collect();
    let mut target = json!({
        "context": ".",
        "dockerfile": file(name),
        "platforms": platforms.iter().map(|platform| platform.platform.words()).collect::<Vec<_>>(),
        "tags": tags,
        "labels": labels,
    });
    if let Base::Layout(path) = base {
        target["contexts"] = json!({ base.name(): format!("oci-layout://{path}") });
    }
    if cache {
        target["cache-from"] = platforms.iter().map(|platform| reference(name, platform)).collect();
    }
    target
}

/// Each platform of an image as a target of its own, with its own cache: for machines that build one each.
fn alone(image: &Image) -> Vec<(String, Value)> {
    let of = |platform: &ForPlatform| {
        let own = words(platform);
        let cache = reference(&image.name, platform);
        let target = json!({
            "inherits": [image.name],
            "platforms": [platform.platform.words()],
            "tags": [format!("${{REGISTRY}}{}:${{TAG}}-{own}", image.name)],
            "cache-from": [cache],
            "cache-to": [format!("{cache},mode=max")],
        });
        (format!("{}-{own}", image.name), target)
    };
    image.platforms.iter().map(of).collect()
}

/// `amd64`, `arm-v7`.
fn words(platform: &ForPlatform) -> String {
    let words = platform.platform.words();
    words.strip_prefix("linux/").unwrap_or(&words).replace('/', "-")
}

fn reference(name: &str, platform: &ForPlatform) -> String {
    format!("type=registry,ref=${{REGISTRY}}{name}:cache-{}", words(platform))
}

/// The name of an image's Dockerfile.
pub fn file(image: &str) -> String {
    format!("{image}.Dockerfile")
}

#[cfg(test)]
mod tests {
    use crate::docker::tests::chat;
    use crate::formats::dockerfile;

    #[test]
    fn a_dockerfile_copies_and_runs_nothing() {
        assert_eq!(
            dockerfile::text(&chat(), true),
            "# chat: written by `cargo xpkg docker`. No RUN: nothing is emulated.\n\
             FROM scratch\n\
             ARG TARGETPLATFORM\n\
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
    fn a_bake_file_has_a_target_for_each_image() {
        let document: serde_json::Value = serde_json::from_str(&super::text(&[chat()], true)).unwrap();
        assert_eq!(document["group"]["default"]["targets"], serde_json::json!(["chat"]));
        let target = &document["target"]["chat"];
        assert_eq!(target["platforms"], serde_json::json!(["linux/amd64", "linux/arm/v7"]));
        assert_eq!(target["tags"], serde_json::json!(["${REGISTRY}chat:${TAG}"]));
        let caches = ["type=registry,ref=${REGISTRY}chat:cache-amd64", "type=registry,ref=${REGISTRY}chat:cache-arm-v7"];
        assert_eq!(target["cache-from"], serde_json::json!(caches));
        // Each platform by itself keeps the cache that the whole reads.
        assert_eq!(document["group"]["per-architecture"]["targets"], serde_json::json!(["chat-amd64", "chat-arm-v7"]));
        let one = &document["target"]["chat-arm-v7"];
        assert_eq!(one["platforms"], serde_json::json!(["linux/arm/v7"]));
        assert_eq!(one["cache-to"], serde_json::json!([format!("{},mode=max", caches[1])]));
        assert!(super::text(&[chat()], false).lines().all(|line| !line.contains("cache")));
    }
}

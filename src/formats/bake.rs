//! `docker-bake.json`: every image of a context in one call of `docker buildx bake`.

use serde_json::{Value, json};

use crate::docker::{Base, Image};

/// The text. Paths are from the context's directory, where bake is to be called. `cache`: a cache for each image is kept in
/// the registry, beside the image.
pub fn text(images: &[Image], cache: bool) -> String {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let targets: serde_json::Map<String, Value> = images.iter().map(|image| (image.name.clone(), target(image, cache))).collect();
    let document = json!({
        "variable": {
            "REGISTRY": { "default": "", "description": "registry and path in front of each name, with a slash at its end" },
            "TAG": { "default": "latest" },
        },
        "group": { "default": { "targets": names } },
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
        let reference = format!("type=registry,ref=${{REGISTRY}}{name}:cache");
        target["cache-from"] = json!([reference]);
        target["cache-to"] = json!([format!("{reference},mode=max")]);
    }
    target
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
        assert_eq!(target["cache-from"], serde_json::json!(["type=registry,ref=${REGISTRY}chat:cache"]));
    }
}

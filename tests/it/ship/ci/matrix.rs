//! `matrix`: the legs as a user gets them.

use snapbox::str;

use crate::check;
use crate::support::{ARM_MUSL, Project, X86_MUSL};

const CONFIG: &str = "targets = [\"x86_64-unknown-linux-musl\", \"aarch64-unknown-linux-gnu.2.17\"]\n\
                      [ci.sets]\npr = [\"x86_64-unknown-linux-musl\"]\nmain = \"all\"\nnone = []\n";

pub fn hello() -> Project {
    let project = Project::of("hello");
    project.write("xpkg.toml", CONFIG);
    project
}

#[test]
fn sets_and_flags_choose_the_legs() {
    let project = hello();
    check!(
        project.xpkg("matrix --for lines --set pr"),
        str![[r#"
exit 0
--- stdout
cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl

"#]]
    );
    check!(
        project
            .xpkg("matrix --for lines --set main --locked -p hello --features a,b --profile dev"),
        str![[r#"
exit 0
--- stdout
cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --package hello --features 'a,b' --profile dev --locked
cargo xpkg build --target aarch64-unknown-linux-gnu.2.17 --out-dir target/xpkg-legs/aarch64-unknown-linux-gnu --package hello --features 'a,b' --profile dev --locked

"#]]
    );
    check!(
        project.xpkg(&format!(
            "matrix --for lines --target {ARM_MUSL} --out-dir out/{{leg}} --target-dir target/{{leg}}"
        )),
        str![[r#"
exit 0
--- stdout
cargo xpkg build --target aarch64-unknown-linux-musl --out-dir out/aarch64-unknown-linux-musl --target-dir target/aarch64-unknown-linux-musl

"#]]
    );
    check!(
        project
            .env("XPKG_LINKER", "rust-lld")
            .env("XPKG_TARGETS", X86_MUSL)
            .xpkg("matrix --for lines"),
        str![[r#"
exit 0
--- stdout
cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --linker rust-lld

"#]]
    );
}

#[test]
fn what_no_leg_can_be_made_of_is_rejected() {
    let project = hello();
    check!(
        project.xpkg("matrix --for lines --set p"),
        str![[r#"
exit 1
--- stderr
error[set-unknown]: `--set p`: no such set is configured
  help: did you mean `pr`?

"#]]
    );
    check!(
        project.xpkg("matrix --for github --set nightly"),
        str![[r#"
exit 1
--- stderr
error[set-unknown]: `--set nightly`: no such set is configured
  help: the sets are `main`, `none` and `pr`

"#]]
    );
    check!(
        project.xpkg("matrix --for github --set none"),
        str![[r#"
exit 1
--- stderr
error[matrix-empty]: the set `none` has no target, so there is no leg to run
  help: name a target in the set, or do not start the run

"#]]
    );
    check!(
        Project::of("hello").xpkg("matrix --for github --set main"),
        str![[r#"
exit 1
--- stderr
error[set-unknown]: `--set main`: no such set is configured
  help: add it in Cargo.toml: `[workspace.metadata.xpkg.ci.sets]`, `main = "all"`

"#]]
    );
    check!(
        project.xpkg("matrix --for forgejo --set pr"),
        str![[r#"
exit 1
--- stderr
error[runner-unfit]: Forgejo has no runners of its own, and no label is configured for `x86_64-unknown-linux-musl`
  help: name the label of your runners in Cargo.toml: `[workspace.metadata.xpkg.ci.runners.forgejo]`, `default = "docker"`

"#]]
    );
    check!(
        project
            .xpkg("matrix --for lines --out-dir /a --target-dir /b --manifest-path /c/Cargo.toml"),
        str![[r#"
exit 1
--- stderr
error[leg-path]: `--out-dir /a` is a path of this machine
  help: pass it relative to the current directory, in which the legs are run, too
error[leg-path]: `--target-dir /b` is a path of this machine
  help: pass it relative to the current directory, in which the legs are run, too
error[leg-path]: `--manifest-path /c/Cargo.toml` is a path of this machine
  help: pass it relative to the current directory, in which the legs are run, too

"#]]
    );
    project.write("xpkg.toml", &format!("layout = \"{{bin}}\"\n{CONFIG}"));
    check!(
        project.xpkg("matrix --for github --set main"),
        str![[r#"
exit 1
--- stderr
error[path-clash]: the paths of two outputs clash: `hello`
  both: bin `hello` of package `hello` for `aarch64-unknown-linux-gnu.2.17`
        bin `hello` of package `hello` for `x86_64-unknown-linux-musl`
  help: add `{triple}` or `{package}` to `layout`, or `rename` one of them

"#]]
    );
    project.write("xpkg.toml", "[ci.sets]\nmain = \"al\"\n");
    check!(
        project.xpkg("matrix --for github --set main"),
        str![[r#"
exit 1
--- stderr
error[config-invalid]: a list of targets, or `"all"` in xpkg's configuration
  at: [ROOT]/xpkg.toml:2:8
  help: see the keys and their types: `cargo xpkg help configuration`

"#]]
    );
}

#[test]
fn the_document_lists_the_commit_and_every_file() {
    let project = Project::of("chat");
    project.write(".gitignore", "/target\n");
    let commit = project.commit();
    let run = project.xpkg("matrix --for json --locked").ok();
    let legs: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    the_schema_holds(&legs);
    assert_eq!(legs["source"]["commit"], commit.as_str());
    assert_eq!(legs["source"]["dirty"], false);
    let paths: Vec<&str> = legs["legs"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|leg| leg["files"].as_array().unwrap())
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    let expected = [X86_MUSL, ARM_MUSL].iter().flat_map(|target| {
        [
            "analytics-server/analytics-server",
            "bot-server/bot",
            "bot-server/indexer",
            "chat-gateway/chat-gateway",
            "chat-server/chat-server",
            "notify-server/notify-server",
        ]
        .map(|path| format!("{target}/{path}"))
    });
    assert_eq!(paths, expected.collect::<Vec<_>>());
}

fn the_schema_holds(document: &serde_json::Value) {
    let schema = include_str!("../../../../src/ship/ci/legs.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(document);
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

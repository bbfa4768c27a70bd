//! Manifests of the shadow: members depend on each other by version and registry. Pure.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

use crate::problem::{Problem, Result};
use crate::ship::release::model::RELEASE_INVALID;

/// Name of the registry in the manifests.
pub const REGISTRY: &str = "xpkg";

/// Member of the workspace, as manifests refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Names of the tables of dependencies, each with true if users of the package need them.
const TABLES: &[(&str, bool)] = &[
    ("dependencies", true),
    ("build-dependencies", true),
    ("build_dependencies", true),
    ("dev-dependencies", false),
    ("dev_dependencies", false),
];

/// Members by the normalized absolute paths of their directories.
pub type Members = BTreeMap<Utf8PathBuf, MemberRef>;

/// Returns the names of the members that a manifest's package needs, by path or through the
/// workspace's dependencies (`inherited`).
///
/// # Errors
/// `release-invalid`: the manifest cannot be parsed.
pub fn needed(
    text: &str,
    directory: &Utf8Path,
    members: &Members,
    inherited: &BTreeMap<String, String>,
) -> Result<BTreeSet<String>> {
    let document = parse(text, directory)?;
    let mut found = BTreeSet::new();
    for (table, is_used) in tables(document.as_table()) {
        for (name, dependency) in table.iter() {
            let Some(dependency) = dependency.as_table_like() else {
                continue;
            };
            if dependency.get("workspace").and_then(Item::as_bool) == Some(true) {
                found.extend(inherited.get(name).cloned());
            } else if (is_used || dependency.contains_key("version"))
                && let Some(member) = member(dependency, directory, members)
            {
                found.insert(member.name.clone());
            }
        }
    }
    Ok(found)
}

/// Returns the members that `[workspace.dependencies]` names, by their names there.
///
/// # Errors
/// `release-invalid`: the manifest cannot be parsed.
pub fn inherited(
    text: &str,
    root: &Utf8Path,
    members: &Members,
) -> Result<BTreeMap<String, String>> {
    let document = parse(text, root)?;
    let workspace = document.get("workspace").and_then(Item::as_table_like);
    let table = workspace.and_then(|table| table.get("dependencies")?.as_table_like());
    let named = table.into_iter().flat_map(TableLike::iter);
    let member = |(name, dependency): (&str, &Item)| {
        let member = member(dependency.as_table_like()?, root, members)?;
        Some((name.to_owned(), member.name.clone()))
    };
    Ok(named.filter_map(member).collect())
}

/// Returns a manifest of the shadow: dependencies on members have a version and the registry, and
/// the workspace has only the members at `kept`, relative to its root.
///
/// # Errors
/// `release-invalid`: the manifest cannot be parsed, or a dependency lies outside the workspace.
pub fn shadowed(
    text: &str,
    directory: &Utf8Path,
    members: &Members,
    kept: &[String],
) -> Result<String> {
    let mut document = parse(text, directory)?;
    let mut outside = Vec::new();
    // It protects from the public registry. cargo writes no index line of such a package.
    if let Some(package) = document
        .get_mut("package")
        .and_then(Item::as_table_like_mut)
    {
        package.remove("publish");
    }
    edit(document.as_table_mut(), directory, members, &mut outside);
    for table in ["patch", "replace"] {
        if let Some(table) = document.get_mut(table).and_then(Item::as_table_like_mut) {
            absolute(table, directory);
        }
    }
    if let Some(workspace) = document
        .get_mut("workspace")
        .and_then(Item::as_table_like_mut)
    {
        workspace.insert(
            "members",
            Item::Value(Value::Array(kept.iter().collect::<Array>())),
        );
        workspace.remove("default-members");
        if let Some(table) = workspace
            .get_mut("dependencies")
            .and_then(Item::as_table_like_mut)
        {
            edit_table(table, true, directory, members, &mut outside);
        }
    }
    if let Some(name) = outside.first() {
        let message = format!(
            "`{directory}/Cargo.toml` depends on `{name}` by a path outside the workspace, so users \
             of the registry could not get it"
        );
        return Err(Problem::new(RELEASE_INVALID, message)
            .help("make it a member, or depend on a version of a registry"));
    }
    Ok(document.to_string())
}

fn parse(text: &str, directory: &Utf8Path) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let message = format!("cannot read `{directory}/Cargo.toml`");
        Problem::new(RELEASE_INVALID, message)
            .cause(&error.to_string())
            .help("`cargo metadata` reports the same error")
    })
}

/// Returns the tables of dependencies of a manifest, those for targets, too.
fn tables(document: &dyn TableLike) -> Vec<(&dyn TableLike, bool)> {
    let mut found = named_tables(document);
    let targets = document.get("target").and_then(Item::as_table_like);
    for (_, target) in targets.into_iter().flat_map(TableLike::iter) {
        if let Some(target) = target.as_table_like() {
            found.extend(named_tables(target));
        }
    }
    found
}

fn named_tables(parent: &dyn TableLike) -> Vec<(&dyn TableLike, bool)> {
    let table =
        |(name, is_used): &(&str, bool)| Some((parent.get(name)?.as_table_like()?, *is_used));
    TABLES.iter().filter_map(table).collect()
}

/// Edits all tables of dependencies of a manifest.
fn edit(
    document: &mut dyn TableLike,
    directory: &Utf8Path,
    members: &Members,
    outside: &mut Vec<String>,
) {
    for (name, is_used) in TABLES {
        if let Some(table) = document.get_mut(name).and_then(Item::as_table_like_mut) {
            edit_table(table, *is_used, directory, members, outside);
        }
    }
    let targets = document.get_mut("target").and_then(Item::as_table_like_mut);
    for (_, target) in targets.into_iter().flat_map(|targets| targets.iter_mut()) {
        let Some(target) = target.as_table_like_mut() else {
            continue;
        };
        for (name, is_used) in TABLES {
            if let Some(table) = target.get_mut(name).and_then(Item::as_table_like_mut) {
                edit_table(table, *is_used, directory, members, outside);
            }
        }
    }
}

/// Makes the paths of patches absolute, in a table of them or in one of such tables by registry:
/// the shadow has only the members.
fn absolute(table: &mut dyn TableLike, directory: &Utf8Path) {
    for (_, item) in table.iter_mut() {
        let Some(entry) = item.as_table_like_mut() else {
            continue;
        };
        let path = entry.get("path").and_then(Item::as_str);
        match path.map(|path| normalized(&directory.join(path))) {
            Some(path) => {
                // Windows takes `/`, too, which reads the same in every manifest.
                let path = match cfg!(windows) {
                    true => path.as_str().replace('\\', "/"),
                    false => path.into_string(),
                };
                entry.insert("path", toml_edit::value(path));
            }
            None => absolute(entry, directory),
        }
    }
}

/// Adds version and registry to the dependencies of a table that are members. A dependency of tests
/// that has no version is removed, as cargo leaves it out of packages: the shadow may not have it.
fn edit_table(
    table: &mut dyn TableLike,
    is_used: bool,
    directory: &Utf8Path,
    members: &Members,
    outside: &mut Vec<String>,
) {
    if !is_used {
        let is_left_out = |(name, item): (&str, &Item)| {
            let dependency = item.as_table_like()?;
            let has = |key: &str| dependency.contains_key(key);
            (has("path") && !has("version")).then(|| name.to_owned())
        };
        let names: Vec<String> = table.iter().filter_map(is_left_out).collect();
        for name in names {
            table.remove(&name);
        }
    }
    for (name, item) in table.iter_mut() {
        let Some(dependency) = item.as_table_like_mut() else {
            continue;
        };
        let has_version = dependency.contains_key("version");
        if !dependency.contains_key("path") {
            continue;
        }
        match member(dependency, directory, members).cloned() {
            Some(member) => {
                if !has_version {
                    dependency.insert("version", toml_edit::value(&member.version));
                }
                dependency.insert("registry", toml_edit::value(REGISTRY));
            }
            // A published version serves its users.
            None if has_version => {
                dependency.remove("path");
            }
            None => outside.push(name.get().to_owned()),
        }
    }
}

/// Returns the member that a dependency's path leads to.
fn member<'a>(
    dependency: &dyn TableLike,
    directory: &Utf8Path,
    members: &'a Members,
) -> Option<&'a MemberRef> {
    let path = dependency.get("path")?.as_str()?;
    members.get(&normalized(&directory.join(path)))
}

/// Returns a path without `.` and `..`. Links are not followed, as cargo follows none.
pub fn normalized(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part.as_str() {
            "." => {}
            ".." => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        let member = |name: &str, version: &str| MemberRef {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        Members::from([
            ("/w/core".into(), member("chat-core", "1.2.3")),
            ("/w/server".into(), member("chat-server", "1.2.3")),
        ])
    }

    #[test]
    fn members_are_depended_on_by_version_and_registry() {
        let text = "[package]\nname = \"chat-server\" # kept\npublish = false\n[dependencies]\nserde = \"1\"\n\
                    core = { path = \"../core\", package = \"chat-core\" }\n\
                    [target.'cfg(unix)'.build-dependencies.chat-core]\npath = \"./../core/\"\n\
                    version = \"1\"\n";
        assert_eq!(
            shadowed(text, Utf8Path::new("/w/server"), &members(), &[]).unwrap(),
            "[package]\nname = \"chat-server\" # kept\n[dependencies]\nserde = \"1\"\n\
             core = { path = \"../core\", package = \"chat-core\" , version = \"1.2.3\", registry = \
             \"xpkg\" }\n\
             [target.'cfg(unix)'.build-dependencies.chat-core]\npath = \"./../core/\"\n\
             version = \"1\"\nregistry = \"xpkg\"\n"
        );
        let needed = needed(
            text,
            Utf8Path::new("/w/server"),
            &members(),
            &BTreeMap::new(),
        );
        assert_eq!(needed.unwrap(), BTreeSet::from(["chat-core".to_owned()]));
    }

    #[test]
    fn patches_stay_where_they_are_and_unpublished_tests_go() {
        let text = "[dev-dependencies]\nserver = { path = \"../server\" }\nitoa = \"1\"\n\
                    [patch.crates-io]\nitoa = { path = \"libs/itoa\" }\n\
                    [patch.\"https://x\"]\na = { git = \"https://y\" }\n";
        assert_eq!(
            shadowed(text, Utf8Path::new("/w/core"), &members(), &[]).unwrap(),
            "[dev-dependencies]\nitoa = \"1\"\n\
             [patch.crates-io]\nitoa = { path = \"/w/core/libs/itoa\" }\n\
             [patch.\"https://x\"]\na = { git = \"https://y\" }\n"
        );
    }

    #[test]
    fn a_workspace_keeps_what_is_packed() {
        let text = "[workspace]\nmembers = [\"*\"]\ndefault-members = [\"server\"]\n\
                    [workspace.dependencies]\nchat-core = { path = \"core\" }\n";
        let kept = ["core".to_owned()];
        assert_eq!(
            shadowed(text, Utf8Path::new("/w"), &members(), &kept).unwrap(),
            "[workspace]\nmembers = [\"core\"]\n[workspace.dependencies]\nchat-core = { path = \
             \"core\" , version = \"1.2.3\", registry = \"xpkg\" }\n"
        );
        let inherited = inherited(text, Utf8Path::new("/w"), &members()).unwrap();
        assert_eq!(inherited["chat-core"], "chat-core");
        let member = "[dependencies]\nchat-core.workspace = true\n";
        let needed = needed(member, Utf8Path::new("/w/server"), &members(), &inherited);
        assert_eq!(needed.unwrap(), BTreeSet::from(["chat-core".to_owned()]));
    }

    #[test]
    fn a_dependency_outside_the_workspace_is_an_error_unless_it_has_a_version() {
        let shadow = |text: &str| shadowed(text, Utf8Path::new("/w/server"), &members(), &[]);
        let text = "[dependencies]\nother = { path = \"../../other\" }\n";
        assert_eq!(
            shadow(text).unwrap_err().message,
            "`/w/server/Cargo.toml` depends on `other` by a path outside the workspace, so users of \
             the registry could not get it"
        );
        let text = "[dependencies]\nother = { path = \"../../other\", version = \"1\" }\n";
        assert_eq!(
            shadow(text).unwrap(),
            "[dependencies]\nother = { version = \"1\" }\n"
        );
    }
}

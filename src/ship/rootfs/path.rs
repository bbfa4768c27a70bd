//! Paths of a root file system, without a leading `/` or `./`.

/// Joins a directory, empty for the root, and a name.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

/// Removes `./` and `/` from the start of a path.
pub fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_start_matches('/')
}

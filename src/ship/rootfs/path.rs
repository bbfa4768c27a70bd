pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

pub fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_start_matches('/')
}

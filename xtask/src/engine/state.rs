//! Files below `target/engine`, and the processes that they belong to.

use std::path::PathBuf;
use std::process::Command;

use crate::command::root;

pub fn podman_environment() -> [(&'static str, String); 2] {
    [
        ("CONTAINERS_CONF", file("containers.conf")),
        ("CONTAINERS_REGISTRIES_CONF", file("registries.conf")),
    ]
}

pub fn podman() -> Command {
    let mut podman = Command::new("podman");
    podman.envs(podman_environment());
    podman
}

/// The process with this command line (`setsid` first has it behind its own name), which no other
/// clone's has.
pub fn running(command: &[String]) -> Option<String> {
    let line = command
        .iter()
        .fold(String::new(), |line, word| line + word + "\0")
        .into_bytes();
    let mut processes = std::fs::read_dir("/proc").ok()?.flatten();
    let ours = processes.find(|process| {
        std::fs::read(process.path().join("cmdline")).is_ok_and(|own| own.ends_with(&line))
    })?;
    Some(ours.file_name().to_string_lossy().into_owned())
}

pub fn file(name: &str) -> String {
    root()
        .join("target/engine")
        .join(name)
        .to_string_lossy()
        .into_owned()
}

pub fn write(name: &str, text: &str) -> Result<(), String> {
    let path = PathBuf::from(file(name));
    let directory = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    directory
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

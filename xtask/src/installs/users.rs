//! What users do on a machine with what the machine has: install.sh, and packages of Debian.

use crate::installs::chat::{PACKAGES, VERSION};
use crate::installs::roots::{Root, System};

/// Lines of a shell, with the functions of users.sh.
fn lines(root: &Root, url: &str, last: &str) -> String {
    format!(
        "url={url}/{VERSION}\nget() {{ {} \"$1\"; }}\n{}\n{last}\n",
        root.get,
        include_str!("users.sh")
    )
}

/// A package for a target by install.sh. `target` is passed to it, unless it is what it has to choose.
pub fn by_script(root: &Root, url: &str, package: &str, target: &str) -> Result<String, String> {
    let asked = if root.targets.first() == Some(&target) {
        String::new()
    } else {
        format!("--target {target}")
    };
    let last = format!("by_script {package} \"{}\" {asked}", programs(package));
    let said = root.run(&lines(root, url, &last))?;
    chosen(&said, package, target)
}

/// All packages by install.sh, each for the target that it has to choose.
pub fn all_by_script(root: &Root, url: &str) -> Result<String, String> {
    let said = root.run(&lines(root, url, "all_by_script"))?;
    let target = root.targets.first().copied().unwrap_or_default();
    for (package, _) in PACKAGES {
        chosen(&said, package, target)?;
    }
    Ok(format!("{} packages for {target}", PACKAGES.len()))
}

fn chosen(said: &str, package: &str, target: &str) -> Result<String, String> {
    let start = format!("{package} {VERSION} for ");
    let chosen = said.lines().find_map(|line| line.strip_prefix(&start));
    match chosen {
        Some(chosen) if chosen == target => Ok(target.to_owned()),
        Some(chosen) => Err(format!("install.sh chose {chosen}, not {target}")),
        None => Err(format!("install.sh does not say what it chose: {said}")),
    }
}

/// A package of Debian by dpkg.
pub fn by_dpkg(root: &Root, url: &str, package: &str) -> Result<String, String> {
    let last = format!("by_dpkg {package} \"{}\"", programs(package));
    root.run(&lines(root, url, &last))?;
    Ok(String::new())
}

pub fn has_dpkg(root: &Root) -> bool {
    root.system == System::Debian
}

/// The programs of a package, as words.
fn programs(package: &str) -> String {
    let row = PACKAGES.iter().find(|(name, _)| *name == package);
    row.map_or(String::new(), |(_, programs)| programs.join(" "))
}

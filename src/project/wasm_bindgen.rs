//! wasm-bindgen: the kinds of packages for JavaScript that it makes of a library, and its versions.

use serde::{Deserialize, Serialize};

/// Name of the program, and of the crate.
pub const NAME: &str = "wasm-bindgen";

/// Kind of package that wasm-bindgen makes: a value of its `--target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavor {
    /// For bundlers.
    Bundler,
    /// For Node.js.
    Nodejs,
    /// For browsers, without a bundler.
    Web,
    /// For Deno.
    Deno,
    /// For browsers, without modules.
    NoModules,
}

impl Flavor {
    /// Returns the value of `--target`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundler => "bundler",
            Self::Nodejs => "nodejs",
            Self::Web => "web",
            Self::Deno => "deno",
            Self::NoModules => "no-modules",
        }
    }
}

/// Returns the versions of the crate in a Cargo.lock.
pub fn locked_versions(lock: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock: Option<Lock> = toml::from_str(lock).ok();
    let packages = lock.into_iter().flat_map(|lock| lock.package);
    packages
        .filter(|package| package.name == NAME)
        .map(|package| package.version)
        .collect()
}

/// Returns the version in the output of `wasm-bindgen --version`.
pub fn printed_version(output: &str) -> Option<&str> {
    let mut words = output.split_whitespace();
    words.next().filter(|name| *name == NAME)?;
    words.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock_and_from_the_program() {
        let lock = "version = 4\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n\n\
                    [[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"0.2.131\"\n";
        assert_eq!(locked_versions(lock), ["0.2.130"]);
        assert_eq!(locked_versions("version = 4"), [""; 0]);
        assert_eq!(
            printed_version("wasm-bindgen 0.2.130 (abc)\n"),
            Some("0.2.130")
        );
        assert_eq!(printed_version("other 1\n"), None);
    }
}

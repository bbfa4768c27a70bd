//! The script that installs this program in a job: the one place that says which one, and how its
//! bytes are known. Pure.

use crate::problem::Result;
use crate::project::config::ci::{ToolArchive, ToolConfig};
use crate::ship::ci::workflow::fault::{incomplete, is_plain, unknown_key};
use crate::tree::fields::is_hex;

/// Platforms of runners, and what `uname -s` and `uname -m` say there.
const PLATFORMS: &[(&str, &str)] = &[
    ("linux/amd64", "Linux-x86_64"),
    ("linux/arm64", "Linux-aarch64"),
    ("darwin/amd64", "Darwin-x86_64"),
    ("darwin/arm64", "Darwin-arm64"),
];

/// Installation of this program. Always of this version: another one would write another workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// It is on the runners.
    Installed,
    /// Archives, by what `uname` says.
    Archives(Vec<(&'static str, ToolArchive)>),
    /// From the public registry, compiled in each job.
    Registry,
}

impl Tool {
    /// Returns the configured installation.
    ///
    /// # Errors
    /// `ci-incomplete`.
    pub fn of(config: &ToolConfig) -> Result<Self> {
        let ToolConfig {
            installed,
            archives,
        } = config;
        if archives.is_empty() {
            return Ok(if *installed {
                Self::Installed
            } else {
                Self::Registry
            });
        }
        if *installed {
            let message = "`ci.tool` has `installed` and `archives`".to_owned();
            return Err(incomplete(message, "keep one of the two"));
        }
        let archives = archives.iter().map(|(platform, archive)| {
            let row = PLATFORMS.iter().find(|(name, _)| name == platform);
            let Some((_, machine)) = row else {
                let known: Vec<&str> = PLATFORMS.iter().map(|(name, _)| *name).collect();
                return Err(unknown_key("ci.tool.archives", platform, &known));
            };
            let ToolArchive { url, sha256 } = archive;
            let is_url = ["https://", "file:///"]
                .iter()
                .any(|scheme| url.starts_with(scheme));
            // The digest decides which bytes are run; the text must only survive a shell.
            if !is_url || !is_plain(url, ":/-_.+%~@=?&,") {
                let message = format!("`ci.tool.archives` has the address `{url}`");
                let help = "use an address with `https://`, without spaces and quotes";
                return Err(incomplete(message, help));
            }
            if !is_hex(sha256, 64) {
                let message = format!("`{sha256}` of `ci.tool.archives` is no SHA-256");
                return Err(incomplete(message, "print it: `sha256sum FILE`"));
            }
            Ok((*machine, archive.clone()))
        });
        Ok(Self::Archives(archives.collect::<Result<_>>()?))
    }

    /// Returns the script, for a POSIX shell that runs it or reads it with `.`.
    pub fn script(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let install = match self {
            Self::Installed => String::new(),
            Self::Registry => PLACE.replace(
                "@INSTALL@",
                &format!("cargo install --locked --root \"$place\" cargo-xpkg@{version}\n"),
            ),
            Self::Archives(archives) => {
                let cases: String = archives.iter().map(case).collect();
                PLACE.replace("@INSTALL@", &ARCHIVE.replace("@CASES@", &cases))
            }
        };
        format!("set -e\n{install}{}", CHECK.replace("@VERSION@", version))
    }
}

/// Returns the branch of an archive.
fn case((machine, ToolArchive { url, sha256 }): &(&str, ToolArchive)) -> String {
    format!("  {machine})\n    url='{url}'\n    sha256={sha256}\n    ;;\n")
}

/// A directory of its own, first on PATH; GitHub and Forgejo keep it for the next steps.
const PLACE: &str = r#"place=$(mktemp -d)
@INSTALL@PATH="$place/bin:$PATH"
export PATH
if test -n "${GITHUB_PATH:-}"; then echo "$place/bin" >> "$GITHUB_PATH"; fi
"#;

const ARCHIVE: &str = r#"case "$(uname -s)-$(uname -m)" in
@CASES@  *)
    echo "ci.tool.archives has no archive for $(uname -s)-$(uname -m)" >&2
    exit 1
    ;;
esac
curl -fsSL --retry 3 --proto '=https,file' --proto-redir '=https' -o "$place/archive" "$url"
echo "$sha256  $place/archive" | sha256sum -c -
mkdir "$place/files" "$place/bin"
tar -xf "$place/archive" -C "$place/files"
find "$place/files" -type f -name cargo-xpkg -exec mv {} "$place/bin/" \;
chmod 755 "$place/bin/cargo-xpkg"
"#;

const CHECK: &str = r#"found=$(cargo xpkg --version)
if test "$found" != 'cargo xpkg @VERSION@'; then
  echo "this workflow is of cargo xpkg @VERSION@, and here is $found" >&2
  exit 1
fi
"#;

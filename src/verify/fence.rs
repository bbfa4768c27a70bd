//! Fence around the programs that `verify --run` starts: no network, and a file system that is
//! read-only but for an empty directory.
//!
//! Pure: [`crate::verify::run`] looks for a fence and uses it.

use camino::Utf8Path;
use serde::Serialize;

use crate::invocation::Invocation;

/// Tool that makes a fence, without root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceTool {
    /// Kind of the tool.
    pub kind: FenceKind,
    /// Path of its program.
    pub program: String,
}

/// Kinds of tools, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceKind {
    /// bubblewrap.
    Bwrap,
    /// `unshare` of util-linux, with its `mount` and `setpriv`.
    Unshare,
}

/// All kinds, in the order in which they are tried.
pub const KINDS: [FenceKind; 2] = [FenceKind::Bwrap, FenceKind::Unshare];

/// Directories that a fence hides. Sockets in them lead out of it.
pub const HIDDEN: [&str; 2] = ["/tmp", "/run"];

impl FenceKind {
    /// Returns the name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bwrap => "bwrap",
            Self::Unshare => "unshare",
        }
    }
}

/// The fence of a run, as the report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fence {
    /// Name of the tool: `bwrap` or `unshare`; `None` if the programs ran without a fence.
    pub tool: Option<&'static str>,
    /// Reason why there is none.
    pub why: Option<String>,
}

impl Fence {
    /// Returns a description: what the programs could not do, or why they could.
    pub fn describe(&self) -> String {
        match (self.tool, &self.why) {
            (Some(tool), _) => {
                format!("programs ran under `{tool}`: no network, read-only file system")
            }
            (None, why) => format!(
                "programs ran without a fence: {}",
                why.as_deref().unwrap_or("none was looked for")
            ),
        }
    }
}

/// Makes the fence of `unshare`, then becomes the program. The arguments are the writable
/// directory, the directory of the program, another writable one, and its command line.
///
/// What lies in /tmp and /run is hidden: sockets there lead out of a network namespace. So are the
/// devices: a program could type into the user's terminal, which a session of its own prevents, too.
/// The mounts
/// are made read-only one by one, since `ro=recursive` is new; then all capabilities are dropped,
/// with which they could be made writable again.
const SCRIPT: &str = "set -e
scratch=$1 tree=$2 writable=$3
shift 3
mount --make-rprivate /
exec 3<\"$scratch\" 4<\"$tree\"
for place in /tmp /run; do
    if [ -d \"$place\" ]; then mount -t tmpfs none \"$place\"; fi
done
mkdir -p /run/dev
for device in null zero full random urandom; do
    : > \"/run/dev/$device\"
    mount --bind \"/dev/$device\" \"/run/dev/$device\"
done
ln -s /proc/self/fd /run/dev/fd
mount --rbind /run/dev /dev
mkdir -p \"$scratch\" \"$tree\"
mount -c --bind /proc/self/fd/4 \"$tree\"
mount -c --bind /proc/self/fd/3 \"$scratch\"
exec 3<&- 4<&-
cd \"$scratch\"
while read -r _ _ _ _ at options _; do
    at=$(printf '%b' \"$at\")
    case \",$options,\" in *,rw,*) ;; *) continue ;; esac
    if [ \"$at\" = \"$scratch\" ] || [ \"$at\" = \"$writable\" ]; then continue; fi
    if [ -e \"$at\" ]; then mount -o remount,bind,ro \"$at\"; fi
done < /proc/self/mountinfo
exec 5<&- 6<&- 7<&- 8<&- 9<&-
exec setsid --wait setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- \"$@\"
";

/// Returns the invocation of a verified program, with an environment of its own.
pub fn invocation(directory: &Utf8Path, command_line: &[String]) -> Invocation {
    Invocation::new(&command_line[0], directory)
        .args(command_line[1..].iter().cloned())
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env_clear()
}

impl FenceTool {
    /// Returns the command line that runs another one behind the fence. `scratch` is the writable
    /// directory, `tree` the directory of the program; both are absolute. `is_wine`: the program is
    /// wine, which needs a socket in /tmp.
    pub fn wrap(
        &self,
        scratch: &Utf8Path,
        tree: &Utf8Path,
        command: &[String],
        is_wine: bool,
    ) -> Vec<String> {
        let (scratch, tree) = (scratch.as_str(), tree.as_str());
        // The fence's /tmp is an empty one of its own.
        let (writable, read_only_tmp): (&str, &[&str]) = match is_wine {
            true => ("/tmp", &[]),
            false => (scratch, &["--remount-ro", "/tmp"]),
        };
        let fence: Vec<&str> = match self.kind {
            FenceKind::Bwrap => [
                &[
                    "--ro-bind",
                    "/",
                    "/",
                    "--dev",
                    "/dev",
                    "--proc",
                    "/proc",
                    "--tmpfs",
                    "/tmp",
                    "--tmpfs",
                    "/run",
                    "--ro-bind",
                    tree,
                    tree,
                    "--bind",
                    scratch,
                    scratch,
                ],
                read_only_tmp,
                &[
                    "--remount-ro",
                    "/run",
                    "--unshare-all",
                    "--die-with-parent",
                    "--new-session",
                    "--cap-drop",
                    "ALL",
                    "--chdir",
                    scratch,
                    "--",
                ],
            ]
            .concat(),
            FenceKind::Unshare => vec![
                "--user",
                "--map-root-user",
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child",
                "--",
                "/bin/sh",
                "-c",
                SCRIPT,
                "sh",
                scratch,
                tree,
                writable,
            ],
        };
        std::iter::once(&self.program)
            .cloned()
            .chain(fence.into_iter().map(str::to_owned))
            .chain(command.iter().cloned())
            .collect()
    }

    /// Returns the signal that a fence reports as an exit code.
    pub fn signal_of(&self, code: i32) -> Option<i32> {
        let is_signal = self.kind == FenceKind::Bwrap && (129..=192).contains(&code);
        is_signal.then(|| code - 128)
    }
}

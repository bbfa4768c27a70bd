//! podman of another suite, in a system of its own: a tree that is the root of a process's mount
//! namespace. Homes, sources and devices are this machine's there, under their paths; libraries,
//! runtimes and all that podman stores are the tree's.

use std::path::Path;
use std::process::Command;

use super::state::{file, running, write};
use crate::command::{ask, step};
use crate::debian::{self, KEYRING};

/// What podman is asked to be there for: containers and builds with a network (nft), and the hold's
/// own `umount`.
const PACKAGES: &str = "podman,runc,conmon,netavark,nftables,mount";

/// Makes the namespace and keeps it. It ends with the process, and no mount of it was ever seen
/// outside: what takes the tree away takes away nothing of this machine's.
const HOLD: &str = r#"set -e
[ -n "$WITHIN" ] || WITHIN=yes exec unshare --mount --propagation private /bin/sh "$0"
mount --bind TREE TREE
cd TREE
for each in /*; do
    case $each in /bin|/boot|/etc|/lib*|/lost+found|/run|/sbin|/usr|/var) continue ;; esac
    if [ -d "$each" ] && [ ! -L "$each" ]; then
        mkdir -p "TREE$each"
        mount --rbind "$each" "TREE$each"
    fi
done
mount --types tmpfs tmpfs TREE/run
mkdir TREE/run/old
pivot_root . run/old
umount --lazy /run/old
mkfifo /run/never
read -r never <>/run/never
"#;

/// A command of the tree, from wherever it is called.
const CALL: &str = r#"#!/bin/sh
# Said of this machine by each call.
export PODMAN_IGNORE_CGROUPSV1_WARNING=yes
exec /usr/bin/nsenter --mount=/proc/PROCESS/ns/mnt --wdns="$PWD" /usr/bin/podman "$@"
"#;

pub struct Apart {
    pub name: &'static str,
    pub suite: &'static str,
}

impl Apart {
    fn tree(&self) -> String {
        format!("/var/lib/xpkg-{}", self.name)
    }

    pub fn program(&self) -> String {
        file(&format!("{}/podman", self.name))
    }

    pub fn hold(&self) -> Vec<String> {
        vec!["/bin/sh".to_owned(), file(&format!("{}/hold", self.name))]
    }

    /// Makes the tree, where there is none.
    pub fn make(&self) -> Result<(), String> {
        let tree = self.tree();
        write(&format!("{}/hold", self.name), &HOLD.replace("TREE", &tree))?;
        let complete = format!("{tree}/complete");
        if std::fs::read_to_string(&complete).is_ok_and(|made| made == PACKAGES) {
            return Ok(());
        }
        let _ = std::fs::remove_dir_all(&tree);
        step(&format!(
            "{}: unpacking {PACKAGES} of {}",
            self.name, self.suite
        ));
        let archive = debian::archive().ok_or("no Debian archive is configured here")?;
        let source = format!("deb [signed-by={KEYRING}] {archive} {} main", self.suite);
        let include = format!("--include={PACKAGES}");
        ask(Command::new("mmdebstrap").args([
            "--quiet",
            "--variant=apt",
            &include,
            self.suite,
            &tree,
            &source,
        ]))?;
        std::fs::write(&complete, PACKAGES).map_err(|error| format!("{complete}: {error}"))
    }

    /// Where the hold's process is, every call goes through it.
    pub fn reach(&self) -> Result<(), String> {
        use std::os::unix::fs::PermissionsExt as _;
        let process =
            running(&self.hold()).ok_or_else(|| format!("{} has no process", self.name))?;
        write(
            &format!("{}/podman", self.name),
            &CALL.replace("PROCESS", &process),
        )?;
        let program = self.program();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(Path::new(&program), executable)
            .map_err(|error| format!("{program}: {error}"))
    }
}

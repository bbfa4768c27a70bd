//! `installs`: two releases of fixtures/chat, and what users do with one: install.sh and dpkg on root
//! file systems of real systems, cargo-binstall, `cargo install`; and a byte of it changed.
//!
//! All of it goes below target/installs, on loopback. Roots, tools and what was compiled stay for the
//! next run.

mod chat;
mod place;
mod report;
mod roots;
mod served;
mod tampered;
mod tools;
mod users;

use std::path::Path;

use crate::command::{Go as _, cargo};
use crate::installs::chat::{PACKAGES, TARGETS, VERSION, Workspace, X86_MUSL};
use crate::installs::place::place;
use crate::installs::report::{Cell, Report, cell};
use crate::installs::roots::{ROOTS, Root};
use crate::installs::served::Ports;
use crate::setup;

/// What the task needs beyond what the tests do.
const TOOLS: &[(&str, &str)] = &[
    ("debootstrap", "debootstrap"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("chroot", "coreutils"),
    ("openssl", "openssl"),
    ("python3", "python3"),
];

/// What cannot be tried here, and why.
const SKIPPED: &[(&str, &str)] = &[(
    "install.ps1",
    "no PowerShell can be had from the registries; the tests parse it",
)];

/// The directories of the two releases: of different lengths.
const WORKSPACES: [&str; 2] = ["one", "in/another/directory"];

pub fn run(args: &[String]) -> Result<(), String> {
    setup::run()?;
    setup::packages(TOOLS)?;
    setup::targets(TARGETS)?;
    cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
    std::fs::create_dir_all(place("")).map_err(|error| format!("target/installs: {error}"))?;
    served::certify()?;
    let ports = Ports::new()?;
    let addresses = ports.addresses();
    let mut report = Report::new(args);
    let mut workspaces = Vec::new();
    for name in WORKSPACES {
        let workspace = Workspace::new(name, &addresses)?;
        // All others stand on it.
        if !report.run(cell(format!("release/{name}"), || workspace.make())) {
            return report.end(SKIPPED);
        }
        workspaces.push(workspace.release());
    }
    let [release, other] = &workspaces[..] else {
        return Err("there are two workspaces".to_owned());
    };
    report.group(
        None,
        vec![
            cell("equal", || chat::compare(release, other)),
            cell("verify/one", || chat::verify(release)),
            cell("verify/other", || chat::verify(other)),
        ],
    );
    let server = served::serve(release, &ports)?;
    for root in ROOTS {
        let made = cell(format!("root/{}", root.name), || root.make());
        report.group(Some(made), in_a_root(root, &addresses.plain));
    }
    report.group(None, debs(release));
    report.group(
        Some(cell("tool/cargo-binstall", tools::binstall_made)),
        binstalled(release, &ports),
    );
    let installed = |(package, programs): &(&'static str, &'static [&'static str])| {
        let (package, programs) = (*package, *programs);
        let url = addresses.plain.clone();
        cell(format!("cargo-install/{package}"), move || {
            tools::by_cargo(&url, package, programs)
        })
    };
    report.group(
        Some(cell("tool/cargo", tools::cargo_ready)),
        PACKAGES.iter().map(installed).collect(),
    );
    drop(server);
    let changed = |name: String| {
        cell(format!("changed/{name}"), move || {
            tampered::change(release, &name)
        })
    };
    report.group(
        Some(cell("changed/nothing", || tampered::copy(release))),
        chat::files(release)?.into_iter().map(changed).collect(),
    );
    report.end(SKIPPED)
}

/// Each archive by install.sh, each package by dpkg.
fn in_a_root<'a>(root: &'a Root, url: &'a str) -> Vec<Cell<'a>> {
    let mut cells = Vec::new();
    for target in root.targets {
        for (package, _) in PACKAGES {
            let name = format!("install.sh/{}/{target}/{package}", root.name);
            cells.push(cell(name, move || {
                users::by_script(root, url, package, target)
            }));
        }
    }
    cells.push(cell(format!("install.sh/{}/all", root.name), move || {
        users::all_by_script(root, url)
    }));
    for (package, _) in PACKAGES.iter().filter(|_| users::has_dpkg(root)) {
        let name = format!("dpkg/{}/{package}", root.name);
        cells.push(cell(name, move || users::by_dpkg(root, url, package)));
    }
    cells
}

fn debs(release: &Path) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for (package, _) in PACKAGES {
        for arch in ["amd64", "arm64"] {
            let deb = format!("{package}_{VERSION}-1_{arch}.deb");
            let name = format!("lintian/{deb}");
            cells.push(cell(name, move || tools::by_lintian(&release.join(&deb))));
        }
    }
    cells
}

/// Each archive by cargo-binstall, and each package from a place that is not GitHub's.
fn binstalled<'a>(release: &'a Path, ports: &'a Ports) -> Vec<Cell<'a>> {
    let mut cells = Vec::new();
    let index = ports.secure_index();
    for target in TARGETS {
        for (package, programs) in PACKAGES {
            let index = index.clone();
            cells.push(cell(format!("binstall/{target}/{package}"), move || {
                tools::by_binstall(release, &index, None, (package, programs), target)
            }));
        }
    }
    for (package, programs) in PACKAGES {
        let (index, template) = (index.clone(), ports.secure_template());
        cells.push(cell(format!("binstall/pkg-url/{package}"), move || {
            let template = Some(template.as_str());
            tools::by_binstall(release, &index, template, (package, programs), X86_MUSL)
        }));
    }
    cells
}

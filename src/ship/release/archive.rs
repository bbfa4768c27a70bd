//! Members of an archive. Pure.

use std::collections::BTreeMap;

use crate::ship::release::model::{Build, IncludedFile, ReleasedBin};

/// Contents of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents<'a> {
    /// A directory.
    Directory,
    /// A bin of a tree.
    Bin(&'a ReleasedBin),
    /// A file of the workspace.
    File(&'a IncludedFile),
}

/// Returns the members of the archives of a build, by path, sorted. All are in one directory with
/// the name of the archive, where `tar` unpacks nothing beside what it is asked for, and where
/// cargo-binstall looks.
pub fn members(build: &Build) -> BTreeMap<String, Contents<'_>> {
    let Build {
        stem, bins, files, ..
    } = build;
    let bins = bins.iter().map(|bin| (&bin.name, Contents::Bin(bin)));
    let files = files.iter().map(|file| (&file.to, Contents::File(file)));
    let mut members = BTreeMap::from([(stem.clone(), Contents::Directory)]);
    for (name, contents) in bins.chain(files) {
        for (end, _) in name.match_indices('/') {
            let directory = format!("{stem}/{}", &name[..end]);
            members.insert(directory, Contents::Directory);
        }
        members.insert(format!("{stem}/{name}"), contents);
    }
    members
}

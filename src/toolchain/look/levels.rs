//! At which levels this run has C compiled.

use std::collections::BTreeSet;
use std::thread;

use crate::project::c_package::CPackage;
use crate::project::look::context::ProjectContext;
use crate::project::look::graph::Scope;
use crate::project::profile::{ProfilePackage, Profiles, Side};
use crate::project::request::TargetRequest;

/// The profiles with what the configuration says of one target: it comes as an argument, after
/// those that were typed.
pub fn own_profiles(scope: &Scope, request: &TargetRequest) -> Profiles {
    let mut profiles = scope.profiles.clone();
    let profile = toml::Table::from_iter([(
        scope.profile.to_owned(),
        toml::Value::Table(request.overrides.profile.clone()),
    )]);
    profiles.arguments.push(profile);
    profiles
}

/// The packages, each with the levels at which this run has its C compiled.
pub fn leveled(
    found: &ProjectContext,
    scope: &Scope,
    profiles: &Profiles,
    packages: Vec<CPackage>,
    side: Side,
) -> Vec<CPackage> {
    let members = &found.workspace.members;
    let level = |package: CPackage| {
        let member = members
            .iter()
            .any(|member| member.name == package.package && member.version == package.version);
        let named = ProfilePackage {
            name: &package.package,
            version: &package.version,
            member,
        };
        CPackage {
            levels: profiles.levels(scope.profile, named, side),
            ..package
        }
    };
    packages.into_iter().map(level).collect()
}

/// All levels of these packages, the lowest first.
pub fn levels(packages: &[CPackage]) -> Vec<String> {
    packages
        .iter()
        .flat_map(|package| &package.levels)
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

pub fn joined<T>(asked: thread::ScopedJoinHandle<T>) -> T {
    asked.join().expect("asking does not panic")
}

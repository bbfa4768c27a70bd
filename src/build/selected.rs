//! Makes the manifest's record of what cargo was asked to build.
//!
//! Pure.

use std::collections::BTreeSet;

use crate::project::selection_flags::Selection;
use crate::project::settings::Settings;
use crate::tree::manifest::SelectionRecord;

/// Returns the record of what cargo is asked to build.
pub fn selection_record(packages: &[String], settings: &Settings) -> SelectionRecord {
    let Selection {
        packages: _,
        workspace: _,
        exclude: _,
        bins,
        features,
        all_features,
        no_default_features,
    } = &settings.selection;
    let sorted = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let names: BTreeSet<&str> = names.collect();
        names.into_iter().map(str::to_owned).collect()
    };
    let features = features.iter().flat_map(|names| names.split([',', ' ']));
    SelectionRecord {
        packages: sorted(&mut packages.iter().map(String::as_str)),
        bins: sorted(&mut bins.iter().map(String::as_str)),
        features: sorted(&mut features.filter(|name| !name.is_empty())),
        all_features: *all_features,
        no_default_features: *no_default_features,
        auditable: settings.auditable,
        profile: None,
        rustflags: None,
    }
}

//! Decides on one image of a table: its bins, their platforms, and their paths.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, nearest};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{DockerConfig, Port};
use crate::project::reference::{IMAGE_INVALID, Reference};
use crate::ship::docker::bases::{BaseContents, check_base};
use crate::ship::docker::bins::{Bin, ImageOptions, missing, one_a_package};
use crate::ship::docker::healthcheck::Healthcheck;
use crate::ship::docker::image::{
    Base, DOCKER_CLASH, DOCKER_INVALID, DeclaredBase, Image, InstalledBin, PLACE, PlatformImage,
    RuntimeDeps, USER,
};
use crate::ship::docker::validate;
use crate::target::glibc::Glibc;
use crate::tree::manifest::{Artifact, Manifest};

/// The selected bins: an entry of the table's `bins`, and its bin for each target.
type SelectedBins<'a> = Vec<(&'a str, Vec<&'a Bin<'a>>)>;

/// Returns the image, or `None` if it has none of the targets and bins that this run selects. Notes
/// for the user are added to `notes`.
///
/// # Errors
/// All problems of the image.
pub fn decide(
    trees: &[Manifest],
    config: &DockerConfig,
    bins: &[Bin],
    options: &ImageOptions,
    notes: &mut Vec<String>,
) -> Result<Option<Image>, Vec<Problem>> {
    let name = &config.name;
    let base_text = config
        .base
        .as_deref()
        .or(options.base.as_deref())
        .unwrap_or("scratch");
    let mut problems = validate::check(config, base_text);
    if Reference::parse(&format!("localhost/{name}")).is_err() || name.contains(['/', ':', '@']) {
        problems.push(
            Problem::new(IMAGE_INVALID, format!("`{name}` is not a valid image name"))
                .help(
                    "give it another name in a table of its own: \
                       `[[workspace.metadata.xpkg.docker]]` with `name` and `bins`",
                )
                .help(
                    "use lower-case letters, digits, and `-`, `_`, `.` between them; registry \
                     and tag are set when it is pushed",
                ),
        );
    }
    let base = Base::parse(base_text, &options.root).map_err(|problem| problems.push(problem));
    let declared_base = DeclaredBase {
        glibc: declared(config, &mut problems),
        accepted: options.accepted,
    };
    let requested_bins = requested_bins(config, bins, &mut problems);
    let of_run = |target: &&String| {
        !options.narrowed || options.targets.is_empty() || options.targets.contains(target)
    };
    let targets: Vec<String> = config.targets.iter().filter(of_run).cloned().collect();
    if targets.is_empty() && !config.targets.is_empty() {
        return Ok(None);
    }
    let usable: Vec<&Bin> = bins
        .iter()
        .filter(|bin| targets.is_empty() || targets.contains(&bin.artifact.target))
        .collect();
    if options.some
        && !requested_bins.is_empty()
        && !usable
            .iter()
            .any(|bin| requested_bins.iter().any(|selector| selects(selector, bin)))
    {
        return Ok(None);
    }
    let chosen = chosen(name, &requested_bins, &usable, &mut problems);
    problems.extend(missing(
        &targets,
        usable.iter().copied(),
        &format!("the image `{name}`"),
    ));
    problems.extend(platforms_at_odds(name, &chosen));
    let platforms = placed(
        name,
        &chosen,
        base.as_ref().ok(),
        declared_base,
        notes,
        &mut problems,
    );
    problems.dedup();
    let Ok(base) = base else { return Err(problems) };
    if !problems.is_empty() {
        return Err(problems);
    }
    let first = chosen.first().and_then(|(_, found)| found.first());
    Ok(Some(Image {
        labels: labels(trees, first.copied(), name, options, &config.labels),
        name: name.clone(),
        base,
        said: declared_base,
        entrypoint: config
            .entrypoint
            .clone()
            .or_else(|| entrypoint(name, &platforms, notes)),
        platforms,
        user: config.user.clone().unwrap_or_else(|| USER.to_owned()),
        ports: config.ports.iter().map(Port::label).collect(),
        files: config
            .files
            .iter()
            .map(|(from, to)| (options.root.join(from), to.clone()))
            .collect(),
        ca_certificates: config.ca_certificates,
        tzdata: config.tzdata,
        read_only: config.read_only.unwrap_or(true),
        healthcheck: config
            .healthcheck
            .as_ref()
            .and_then(|config| Healthcheck::parse(config).ok()),
    }))
}

/// Parses the glibc that `base-glibc` declares.
fn declared(config: &DockerConfig, problems: &mut Vec<Problem>) -> Option<Glibc> {
    let text = config.base_glibc.as_ref()?;
    let parsed = Glibc::parse(text);
    if parsed.is_none() {
        problems.push(
            Problem::new(
                CONFIG_INVALID,
                format!("`base-glibc = \"{text}\"` is not a version of glibc"),
            )
            .help("write it as `2.36`"),
        );
    }
    parsed
}

/// Returns the selectors of an image's bins: those of its table, or all bins of the package with
/// the image's name.
fn requested_bins(config: &DockerConfig, bins: &[Bin], problems: &mut Vec<Problem>) -> Vec<String> {
    if !config.bins.is_empty() {
        return config.bins.clone();
    }
    let name = &config.name;
    let default_bins = one_a_package(bins)
        .into_iter()
        .find(|image| image.name == *name)
        .map(|image| image.bins)
        .unwrap_or_default();
    if default_bins.is_empty() {
        problems.push(
            Problem::new(
                DOCKER_INVALID,
                format!("the image `{name}` has no `bins`, and no package has its name"),
            )
            .help("list its bins: `bins = [\"PACKAGE/BIN\", …]`"),
        );
    }
    default_bins
}

/// Returns the bins of each selector.
fn chosen<'a>(
    name: &str,
    requested: &'a [String],
    usable: &[&'a Bin<'a>],
    problems: &mut Vec<Problem>,
) -> SelectedBins<'a> {
    let mut chosen = Vec::new();
    for selector in requested {
        let found: Vec<&Bin> = usable
            .iter()
            .copied()
            .filter(|bin| selects(selector, bin))
            .collect();
        let packages: BTreeSet<&str> = found
            .iter()
            .map(|bin| bin.artifact.package.as_str())
            .collect();
        if found.is_empty() {
            let names: BTreeSet<String> =
                usable.iter().map(|bin| bin.artifact.bin.clone()).collect();
            let problem = Problem::new(
                DOCKER_INVALID,
                format!("the image `{name}` needs the bin `{selector}`, and the tree has none"),
            );
            problems.push(match nearest(selector, names.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("list the tree's bins: `cargo xpkg show`"),
            });
        } else if packages.len() > 1 {
            let packages: Vec<&str> = packages.into_iter().collect();
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!(
                        "the image `{name}` needs the bin `{selector}`, and {} packages have one",
                        packages.len()
                    ),
                )
                .help(format!("name its package: `{}/{selector}`", packages[0])),
            );
        } else {
            chosen.push((selector.as_str(), found));
        }
    }
    chosen
}

/// Returns a problem for each platform with several targets, and for each bin that is missing for a
/// platform.
fn platforms_at_odds(name: &str, chosen: &SelectedBins) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut platforms: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for bin in chosen.iter().flat_map(|(_, found)| found) {
        platforms
            .entry(bin.platform.label())
            .or_default()
            .insert(&bin.artifact.target);
    }
    for (platform, triples) in platforms.iter().filter(|(_, triples)| triples.len() > 1) {
        let first = triples.first().copied().unwrap_or_default();
        problems.push(
            Problem::new(
                DOCKER_CHOICE,
                format!(
                    "the tree has several targets for {platform}, and the image `{name}` takes one"
                ),
            )
            .note("available", triples.iter().map(ToString::to_string))
            .help(format!(
                "select it: `cargo xpkg docker --target {first}`, or `targets = [\"{first}\", \
                     …]` in the image's configuration"
            )),
        );
    }
    for (selector, found) in chosen {
        let available: BTreeSet<String> = found.iter().map(|bin| bin.platform.label()).collect();
        for platform in platforms
            .keys()
            .filter(|platform| !available.contains(*platform))
        {
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!("the image `{name}` has no bin `{selector}` for {platform}"),
                )
                .help("build it for that target, too, or select other targets: `--target TRIPLE`"),
            );
        }
    }
    problems
}

/// Returns the bins by platform, with their paths, and checks them against the base as far as it is
/// known before it is read.
fn placed(
    name: &str,
    chosen: &SelectedBins,
    base: Option<&Base>,
    declared_base: DeclaredBase,
    notes: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Vec<PlatformImage> {
    let mut made: BTreeMap<String, PlatformImage> = BTreeMap::new();
    for bin in chosen.iter().flat_map(|(_, found)| found) {
        let Artifact {
            package,
            sha256,
            size,
            path,
            ..
        } = bin.artifact;
        let file = &bin.name;
        let placed = InstalledBin {
            tree: bin.tree,
            staged: path.clone(),
            context: format!("{}/{package}/{file}", bin.platform.label()),
            place: format!("{PLACE}/{file}"),
            sha256: sha256.clone(),
            size: *size,
            needs: RuntimeDeps::of(bin.artifact),
        };
        if let (Some(needs), Some(base)) = (&placed.needs, base) {
            let known = match (base, declared_base.glibc) {
                (Base::Scratch, _) => BaseContents::Empty,
                (Base::Registry(_), Some(glibc)) => BaseContents::Declared(glibc),
                // Layouts are read later, by `oci::look::base`.
                (Base::Registry(_) | Base::OciLayout { .. }, _) => BaseContents::Nothing,
            };
            problems.extend(check_base(
                name,
                path,
                needs,
                known.clone(),
                declared_base,
                notes,
            ));
            if let (Base::Registry(_), BaseContents::Nothing, Some(floor)) =
                (base, &known, needs.glibc)
            {
                notes.push(format!(
                    "cannot check that the base of `{name}` has glibc {floor}, which `{path}` \
                     needs: set `base-glibc`"
                ));
            }
        }
        let platform = made
            .entry(bin.platform.label())
            .or_insert_with(|| PlatformImage {
                platform: bin.platform.clone(),
                bins: Vec::new(),
            });
        match platform.bins.iter().find(|had| had.place == placed.place) {
            Some(had) if had.context == placed.context => {}
            Some(had) => problems.push(
                Problem::new(
                    DOCKER_CLASH,
                    format!("the image `{name}` has two bins at `{}`", placed.place),
                )
                .note("bins", [had.staged.clone(), placed.staged.clone()])
                .help(
                    "rename one of them (`rename` in its package's configuration), or make \
                           two images",
                ),
            ),
            None => platform.bins.push(placed),
        }
    }
    made.into_values().collect()
}

/// Returns the default entrypoint: the image's only bin, or the one with the image's name.
fn entrypoint(
    name: &str,
    platforms: &[PlatformImage],
    notes: &mut Vec<String>,
) -> Option<Vec<String>> {
    let places: Vec<&str> = platforms
        .first()
        .iter()
        .flat_map(|platform| &platform.bins)
        .map(|bin| bin.place.as_str())
        .collect();
    let namesake = format!("{PLACE}/{name}");
    match places.as_slice() {
        [single] => Some(vec![(*single).to_owned()]),
        many if many.contains(&namesake.as_str()) => Some(vec![namesake]),
        many => {
            let count = many.len();
            notes.push(format!(
                "the image `{name}` has {count} bins and none with its name, so it has no \
                 entrypoint: select a bin by `docker run … NAME`"
            ));
            None
        }
    }
}

/// Returns true if a selector, `bin` or `package/bin`, selects a bin.
fn selects(selector: &str, bin: &Bin) -> bool {
    let called = |name: &str| bin.artifact.bin == name || bin.name == name;
    match selector.split_once('/') {
        Some((package, name)) => bin.artifact.package == package && called(name),
        None => called(selector),
    }
}

/// Returns the labels of an image: OCI's annotations, overridden by the user's.
fn labels(
    trees: &[Manifest],
    bin: Option<&Bin>,
    name: &str,
    options: &ImageOptions,
    user: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            labels.insert(format!("org.opencontainers.image.{key}"), value);
        }
    };
    set("title", Some(name.to_owned()));
    if let Some(bin) = bin {
        let record = trees[bin.tree]
            .targets
            .iter()
            .find(|record| record.id == bin.artifact.built_by);
        let source = record.map(|record| &record.source);
        set("version", Some(bin.artifact.version.clone()));
        set("revision", source.and_then(|source| source.commit.clone()));
        set(
            "source",
            source.and_then(|source| source.repository.clone()),
        );
        set(
            "licenses",
            options.licences.get(&bin.artifact.package).cloned(),
        );
    }
    // A Dockerfile's LABEL takes one line: line ends become spaces, so that both formats agree.
    labels.extend(
        user.iter()
            .map(|(key, value)| (key.clone(), value.lines().collect::<Vec<_>>().join(" "))),
    );
    labels
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[DOCKER_CHOICE];

pub const DOCKER_CHOICE: Code = code(&CodeInfo {
    name: "docker-choice",
    title: "the tree has several targets for one platform of an image",
    cause: "glibc and musl of one processor are the same platform for Docker, and an image can \
            have only one of them.",
    detection: "The manifest's targets are grouped by platform.",
    fix: "Select the targets: `--target`, or `targets` in the image's table.",
    page: "docker",
    sources: &[],
    waivable: false,
});

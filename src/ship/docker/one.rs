//! One image of a table: its bins, the platforms they are for, and where each stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, nearest};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{DockerConfig, Port};
use crate::project::reference::{IMAGE_INVALID, Reference};
use crate::ship::docker::bases::{BaseContents, judge};
use crate::ship::docker::bins::{Bin, ImageOptions, missing, one_a_package};
use crate::ship::docker::image::{
    Base, DOCKER_CLASH, DOCKER_INVALID, DeclaredBase, Image, InstalledBin, PLACE, PlatformImage,
    RuntimeDeps, USER,
};
use crate::ship::docker::validate;
use crate::target::glibc::Glibc;
use crate::tree::manifest::{Artifact, Manifest};

/// A name of the table's `bins`, and what it names: a bin, for each of its targets.
type SelectedBins<'a> = Vec<(&'a str, Vec<&'a Bin<'a>>)>;

/// `None`: nothing of what was named for this run is in it.
pub fn decide(
    trees: &[Manifest],
    config: &DockerConfig,
    bins: &[Bin],
    about: &ImageOptions,
    told: &mut Vec<String>,
) -> Result<Option<Image>, Vec<Problem>> {
    let name = &config.name;
    let base_text = config
        .base
        .as_deref()
        .or(about.base.as_deref())
        .unwrap_or("scratch");
    let mut problems = validate::check(config, base_text);
    if Reference::parse(&format!("localhost/{name}")).is_err() || name.contains(['/', ':', '@']) {
        problems.push(
            Problem::new(IMAGE_INVALID, format!("`{name}` is no name of an image"))
                .help(
                    "give it another in a table of its own: \
                       `[[workspace.metadata.xpkg.docker]]` with `name` and `bins`",
                )
                .help(
                    "lower-case letters, digits, and `-`, `_`, `.` between them; registry and \
                       tag are given when it is pushed",
                ),
        );
    }
    let base = Base::parse(base_text, &about.root).map_err(|problem| problems.push(problem));
    let said = DeclaredBase {
        glibc: declared(config, &mut problems),
        accepted: about.accepted,
    };
    let wanted = wanted(config, bins, &mut problems);
    let of_run = |target: &&String| {
        !about.narrowed || about.targets.is_empty() || about.targets.contains(target)
    };
    let targets: Vec<String> = config.targets.iter().filter(of_run).cloned().collect();
    if targets.is_empty() && !config.targets.is_empty() {
        return Ok(None);
    }
    let counted: Vec<&Bin> = bins
        .iter()
        .filter(|bin| targets.is_empty() || targets.contains(&bin.artifact.target))
        .collect();
    if about.some
        && !wanted.is_empty()
        && !counted
            .iter()
            .any(|bin| wanted.iter().any(|selector| selects(selector, bin)))
    {
        return Ok(None);
    }
    let chosen = chosen(name, &wanted, &counted, &mut problems);
    problems.extend(missing(
        &targets,
        counted.iter().copied(),
        &format!("the image `{name}`"),
    ));
    problems.extend(platforms_at_odds(name, &chosen));
    let platforms = placed(name, &chosen, base.as_ref().ok(), said, told, &mut problems);
    problems.dedup();
    let Ok(base) = base else { return Err(problems) };
    if !problems.is_empty() {
        return Err(problems);
    }
    let first = chosen.first().and_then(|(_, found)| found.first());
    Ok(Some(Image {
        labels: labels(trees, first.copied(), name, about, &config.labels),
        name: name.clone(),
        base,
        said,
        entrypoint: config
            .entrypoint
            .clone()
            .or_else(|| entrypoint(name, &platforms, told)),
        platforms,
        user: config.user.clone().unwrap_or_else(|| USER.to_owned()),
        ports: config.ports.iter().map(Port::label).collect(),
        files: config
            .files
            .iter()
            .map(|(from, to)| (about.root.join(from), to.clone()))
            .collect(),
        ca_certificates: config.ca_certificates,
        tzdata: config.tzdata,
    }))
}

/// The glibc that a base is said to have.
fn declared(config: &DockerConfig, problems: &mut Vec<Problem>) -> Option<Glibc> {
    let text = config.base_glibc.as_ref()?;
    let parsed = Glibc::parse(text);
    if parsed.is_none() {
        problems.push(
            Problem::new(
                CONFIG_INVALID,
                format!("`base-glibc = \"{text}\"` is no version of glibc"),
            )
            .help("write it as `2.36`"),
        );
    }
    parsed
}

/// The names of an image's bins: those of its table, or all of the package that is called as it is.
fn wanted(config: &DockerConfig, bins: &[Bin], problems: &mut Vec<Problem>) -> Vec<String> {
    if !config.bins.is_empty() {
        return config.bins.clone();
    }
    let name = &config.name;
    let own = one_a_package(bins)
        .into_iter()
        .find(|own| own.name == *name)
        .map(|own| own.bins)
        .unwrap_or_default();
    if own.is_empty() {
        problems.push(
            Problem::new(
                DOCKER_INVALID,
                format!("the image `{name}` names no bins, and no package is called so"),
            )
            .help("say which it holds: `bins = [\"PACKAGE/BIN\", …]`"),
        );
    }
    own
}

fn chosen<'a>(
    name: &str,
    wanted: &'a [String],
    counted: &[&'a Bin<'a>],
    problems: &mut Vec<Problem>,
) -> SelectedBins<'a> {
    let mut chosen = Vec::new();
    for selector in wanted {
        let found: Vec<&Bin> = counted
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
                counted.iter().map(|bin| bin.artifact.bin.clone()).collect();
            let problem = Problem::new(
                DOCKER_INVALID,
                format!("the image `{name}` wants the bin `{selector}`, and the tree has none"),
            );
            problems.push(match nearest(selector, names.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("see what there is: `cargo xpkg show`"),
            });
        } else if packages.len() > 1 {
            let packages: Vec<&str> = packages.into_iter().collect();
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!(
                        "the image `{name}` wants the bin `{selector}`, and {} packages have one",
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

/// What stands against one target a platform, and every bin for each.
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
                    "the tree has several targets for \
                {platform}, and the image `{name}` takes one"
                ),
            )
            .note("there", triples.iter().map(ToString::to_string))
            .help(format!(
                "name it: `cargo xpkg docker --target {first}`, or `targets = [\"{first}\", \
                     …]` in the image's configuration"
            )),
        );
    }
    for (selector, found) in chosen {
        let there: BTreeSet<String> = found.iter().map(|bin| bin.platform.label()).collect();
        for platform in platforms
            .keys()
            .filter(|platform| !there.contains(*platform))
        {
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!(
                        "the image `{name}` has no bin \
                    `{selector}` for {platform}"
                    ),
                )
                .help(
                    "build it for that target, too, or name the targets that count: \
                           `--target TRIPLE`",
                ),
            );
        }
    }
    problems
}

/// Every bin at its place, held against what is known of the base by now.
fn placed(
    name: &str,
    chosen: &SelectedBins,
    base: Option<&Base>,
    said: DeclaredBase,
    told: &mut Vec<String>,
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
            let known = match (base, said.glibc) {
                (Base::Scratch, _) => BaseContents::Empty,
                (Base::Registry(_), Some(glibc)) => BaseContents::Declared(glibc),
                // A layout is read when it is built upon.
                (Base::Registry(_) | Base::OciLayout { .. }, _) => BaseContents::Nothing,
            };
            problems.extend(judge(name, path, needs, known.clone(), said, told));
            if let (Base::Registry(_), BaseContents::Nothing, Some(floor)) =
                (base, &known, needs.glibc)
            {
                told.push(format!(
                    "whether the base of `{name}` has glibc {floor}, which `{path}` \
                                   needs, is not known: say `base-glibc`"
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
                    format!(
                        "in the image `{name}` two bins would \
                    stand at `{}`",
                        placed.place
                    ),
                )
                .note("there", [had.staged.clone(), placed.staged.clone()])
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

/// What an image starts by itself: its only bin, or that of its name.
fn entrypoint(
    name: &str,
    platforms: &[PlatformImage],
    told: &mut Vec<String>,
) -> Option<Vec<String>> {
    let places: Vec<&str> = platforms
        .first()
        .iter()
        .flat_map(|platform| &platform.bins)
        .map(|bin| bin.place.as_str())
        .collect();
    let own = format!("{PLACE}/{name}");
    match places.as_slice() {
        [one] => Some(vec![(*one).to_owned()]),
        many if many.contains(&own.as_str()) => Some(vec![own]),
        many => {
            let count = many.len();
            told.push(format!(
                "the image `{name}` has {count} bins and none of its own name, so it has no \
                 entrypoint: `docker run … NAME` names one"
            ));
            None
        }
    }
}

/// `bin`, or `package/bin`.
fn selects(selector: &str, bin: &Bin) -> bool {
    let called = |name: &str| bin.artifact.bin == name || bin.name == name;
    match selector.split_once('/') {
        Some((package, name)) => bin.artifact.package == package && called(name),
        None => called(selector),
    }
}

/// OCI's annotations, and the user's over them.
fn labels(
    trees: &[Manifest],
    bin: Option<&Bin>,
    name: &str,
    about: &ImageOptions,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut say = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            labels.insert(format!("org.opencontainers.image.{key}"), value);
        }
    };
    say("title", Some(name.to_owned()));
    if let Some(bin) = bin {
        let record = trees[bin.tree]
            .targets
            .iter()
            .find(|record| record.id == bin.artifact.built_by);
        let source = record.map(|record| &record.source);
        say("version", Some(bin.artifact.version.clone()));
        say("revision", source.and_then(|source| source.commit.clone()));
        say(
            "source",
            source.and_then(|source| source.repository.clone()),
        );
        say(
            "licenses",
            about.licences.get(&bin.artifact.package).cloned(),
        );
    }
    // A line's end would be a space in one format and stay in another.
    labels.extend(
        own.iter()
            .map(|(key, value)| (key.clone(), value.lines().collect::<Vec<_>>().join(" "))),
    );
    labels
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[DOCKER_CHOICE];

pub const DOCKER_CHOICE: Code = code(&CodeInfo {
    name: "docker-choice",
    title: "the tree has several targets for one platform of an image",
    cause: "glibc and musl of one processor are the same platform to Docker, and an image takes \
            one of them.",
    detection: "The manifest's targets are grouped by platform.",
    fix: "Name the targets that count: `--target`, or `targets` in the image's table.",
    source: "README, Docker",
    waivable: false,
});

//! Whether a bin can start on a base: what it needs, what is known of the base, and the one judgement of both.

use serde::Serialize;

use crate::inspect::Linkage;
use crate::manifest::Artifact;
use crate::problem::{Code, Problem};
use crate::target::Glibc;

/// What a dynamic bin asks of the base that it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needs {
    pub target: String,
    /// The path of its loader.
    pub loader: Option<String>,
    /// Its floor.
    pub glibc: Option<Glibc>,
}

impl Needs {
    pub(super) fn of(artifact: &Artifact) -> Option<Self> {
        let binary = artifact.binary.as_ref().filter(|binary| binary.linkage == Linkage::Dynamic)?;
        let glibc = binary.glibc_floor.as_ref().and_then(|floor| Glibc::parse(&floor.version));
        Some(Self { target: artifact.target.clone(), loader: binary.interpreter.clone(), glibc })
    }
}

/// What is known of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is empty.
    Empty,
    /// Nobody looked, nobody said.
    Nothing,
    /// It is said to have this glibc.
    Declared(Glibc),
    /// What stands in it, for one bin.
    Read {
        glibc: Option<Glibc>,
        /// It has the loader that the bin asks for.
        loader: bool,
        /// musl's loader.
        musl: Option<String>,
    },
}

/// What a bin needs that its base does not have. The one judgement of it, whoever looked at the base.
pub fn unfit(image: &str, staged: &str, needs: &Needs, known: &Known) -> Option<Problem> {
    let loader = needs.loader.as_deref().unwrap_or("its loader");
    let static_way = "build it for musl (`--target x86_64-unknown-linux-musl` and its like)";
    let with_glibc = format!("take a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or {static_way}");
    let has = match known {
        Known::Empty => {
            let problem = Problem::new(Code::BaseUnfit, format!("`{staged}` cannot start on `scratch`: it asks for `{loader}`"));
            return Some(problem.help(with_glibc));
        }
        Known::Read { loader: false, musl, .. } => {
            let problem = Problem::new(
                Code::BaseUnfit,
                format!("`{staged}` cannot start on the base of `{image}`: it asks for `{loader}`, which is not there"),
            );
            let problem = match musl {
                Some(musl) => problem.note("cause", [format!("the base has musl (`{musl}`)")]),
                None => problem,
            };
            return Some(problem.help(with_glibc));
        }
        Known::Nothing => return None,
        Known::Declared(glibc) => Some(*glibc),
        Known::Read { glibc, .. } => *glibc,
    };
    let (floor, has) = (needs.glibc?, has?);
    (floor > has).then(|| {
        Problem::new(Code::BaseUnfit, format!("`{staged}` needs glibc {floor}, and the base of `{image}` has {has}"))
            .help(format!("build it with a floor: `--target {}.{has}`, take a newer base, or {static_way}", needs.target))
    })
}

//! Tools of the graph that an image lacks.

use crate::problem::Problem;
use crate::project::build_tools::{BUILD_TOOLS, Find, Installer, RequiredTool, TOOL_MISSING};
use crate::toolchain::facts::Facts;
use crate::toolchain::image::facts::ImageFacts;

/// Tools of the graph that are not in the image.
pub fn missing_tools(facts: &Facts, image: &ImageFacts) -> Vec<Problem> {
    let installer = Installer::from_os_release(image.inside.os_release.as_deref().or(Some("")));
    facts
        .wants
        .iter()
        .filter_map(|want| missing_inside(want, image, installer))
        .collect()
}

/// What is wrong with a tool that is not in an image.
pub fn missing_inside(
    want: &RequiredTool,
    image: &ImageFacts,
    installer: Installer,
) -> Option<Problem> {
    let need = BUILD_TOOLS.iter().find(|need| need.id == want.tool)?;
    let set = |name: &str| {
        image.variables.contains_key(name) || image.passed.iter().any(|passed| passed.name == name)
    };
    let there = match need.find {
        Find::Program { variable, .. } => {
            variable.is_some_and(set) || image.inside.programs.contains_key(need.id)
        }
        Find::Library { variable } => set(variable) || image.inside.libraries.contains_key(need.id),
    };
    if there || need.unless_set.iter().any(|name| set(name)) {
        return None;
    }
    let RequiredTool {
        tool,
        package,
        version,
    } = want;
    let line = installer.line(need).replace(" install ", " install --yes ");
    let before = if installer == Installer::Apt {
        "apt-get update && "
    } else {
        ""
    };
    Some(
        Problem::new(
            TOOL_MISSING,
            format!(
                "`{tool}` is not in the image `{}`, and {package} {version} calls it",
                image.reference
            ),
        )
        .help(format!(
            "add it by `pre-build = [\"{before}{line}\"]`, then `cargo xpkg image pin`"
        ))
        .help("or name another image"),
    )
}

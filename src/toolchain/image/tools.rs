//! Build tools that an image lacks, or has in an old version.

use crate::problem::Problem;
use crate::project::build_tools::{self, Find, RequiredTool, TOOL_MISSING, ToolFound};
use crate::project::installer::Installer;
use crate::toolchain::facts::Facts;
use crate::toolchain::image::facts::ImageFacts;

/// Returns a problem for each tool that the graph needs and the image lacks.
pub fn missing_tools(facts: &Facts, image: &ImageFacts) -> Vec<Problem> {
    let installer = Installer::from_os_release(image.inside.os_release.as_deref().or(Some("")));
    facts
        .wants
        .iter()
        .filter_map(|required| missing_inside(required, image, installer))
        .collect()
}

/// Returns a problem for each tool in the image that is older than a file of the graph needs.
pub fn old_tools(facts: &Facts, image: &ImageFacts) -> Vec<Problem> {
    let old = |tool: &ToolFound| {
        let id = tool.want.tool.as_str();
        let row = build_tools::row(&tool.want)?;
        // Another one than that on PATH is called.
        let is_named = match row.find {
            Find::Program { variable, .. } => variable.is_some_and(|name| is_set(image, name)),
            Find::Library { .. } => true,
        };
        let program = image.inside.programs.get(id).filter(|_| !is_named)?;
        let (path, version) = (program.path.as_ref()?, program.version.as_ref()?);
        let place = format!("`{path}` in the image `{}`", image.reference);
        let help = "use an image with a newer one, or compile with protox, which needs none";
        let problem = build_tools::older(&place, id, version, tool.needs.as_ref()?)?;
        Some(problem.help(help))
    };
    facts.tools.iter().filter_map(old).collect()
}

/// Returns true if a variable is set in the container.
fn is_set(image: &ImageFacts, name: &str) -> bool {
    image.variables.contains_key(name) || image.passed.iter().any(|passed| passed.name == name)
}

/// Returns a problem if the image lacks the tool.
pub fn missing_inside(
    required: &RequiredTool,
    image: &ImageFacts,
    installer: Installer,
) -> Option<Problem> {
    let build_tool = build_tools::row(required)?;
    let set = |name: &str| is_set(image, name);
    let exists = match build_tool.find {
        Find::Program { variable, .. } => {
            variable.is_some_and(set) || image.inside.programs.contains_key(build_tool.id)
        }
        Find::Library { variable } => {
            set(variable) || image.inside.libraries.contains_key(build_tool.id)
        }
    };
    if exists || build_tool.unless_set.iter().any(|name| set(name)) {
        return None;
    }
    let RequiredTool {
        tool,
        package,
        version,
        scripts: _,
    } = required;
    let line = installer
        .line(build_tool.packages)
        .unwrap_or_default()
        .replace(" install ", " install --yes ");
    let update = if installer == Installer::Apt {
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
            "add it with `pre-build = [\"{update}{line}\"]`, then `cargo xpkg image pin`"
        ))
        .help("or use another image"),
    )
}

//! What `--explain CODE` says.

use crate::problem::codes::CodeInfo;

/// What `--explain CODE` says.
pub fn explanation(row: &CodeInfo) -> String {
    let CodeInfo {
        code: _,
        name,
        title,
        cause,
        detection,
        fix,
        source,
    } = row;
    format!(
        "{name}: {title}\n\ncause:     {cause}\ndetection: {detection}\nfix:       \
         {fix}\nsource:    {source}\n"
    )
}

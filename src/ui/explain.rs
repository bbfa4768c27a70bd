//! What `--explain CODE` says.

use crate::problem::code::CodeInfo;

/// What `--explain CODE` says.
pub fn explanation(row: &CodeInfo) -> String {
    let CodeInfo {
        name,
        title,
        cause,
        detection,
        fix,
        source,
        waivable: _,
    } = row;
    format!(
        "{name}: {title}\n\ncause:     {cause}\ndetection: {detection}\nfix:       \
         {fix}\nsource:    {source}\n"
    )
}

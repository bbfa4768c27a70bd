//! Arguments that clang is called with for a target.

use crate::project::request::TargetRequest;

/// Returns clang's arguments for this target.
pub fn arguments(request: &TargetRequest) -> Vec<String> {
    let target = format!("--target={}", request.target.gnu_name());
    [target]
        .into_iter()
        .chain(
            request
                .sysroot
                .iter()
                .map(|sysroot| format!("--sysroot={sysroot}")),
        )
        .collect()
}

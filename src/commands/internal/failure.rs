//! What the wrappers of linkers leave behind for `build`.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::Problem;
use crate::project::linker::LinkerKind;
use crate::toolchain::link_failure::LinkFailure;
use crate::toolchain::lld::FAILURE_VARIABLE;

/// Keeps what a failed link asked for. `build` reports it after cargo's messages; without `build`,
/// it is reported here, among the linker's messages.
pub fn keep(host: &Host, failure: &LinkFailure, used: LinkerKind) {
    let file = host.var(FAILURE_VARIABLE).map(Utf8Path::new);
    let is_kept =
        file.is_some_and(|file| host.write(file, shell::json(failure).as_bytes()).is_ok());
    if is_kept {
        // The linker itself has said nothing of an argument that it was not given.
        if matches!(
            failure,
            LinkFailure::Argument {
                reason: Some(_),
                ..
            }
        ) {
            let problem = failure.problem(None, used, &[]);
            host.shell.problems(&[Problem {
                help: Vec::new(),
                ..problem
            }]);
        }
    } else {
        host.shell.problems(&[failure.problem(None, used, &[])]);
    }
}

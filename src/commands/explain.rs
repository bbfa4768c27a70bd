//! `--explain CODE`: explains a code of a message.

use crate::commands::codes;
use crate::host::shell;
use crate::problem::code::{Code, NO_SUCH_CODE};
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result, nearest};
use crate::ui::explain;

/// Prints the explanation of a code.
///
/// # Errors
/// `no-such-code`, with the most similar name.
pub fn run(name: &str) -> Result<(), Failure> {
    let Some(code) = codes::find(name) else {
        let names = || codes::all().map(Code::name);
        let problem = Problem::new(NO_SUCH_CODE, format!("there is no code `{name}`"));
        return Err(match nearest(name, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("available codes: {}", list(names()))),
        }
        .into());
    };
    shell::data(&explain::explanation(code.info()))?;
    Ok(())
}

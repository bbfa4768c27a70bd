//! `--explain CODE`.

use crate::host::shell;
use crate::problem::codes::{CODES, Code};
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result, nearest};
use crate::ui::explain;

pub fn run(name: &str) -> Result<(), Failure> {
    let Some(code) = Code::from_name(name) else {
        let names = || CODES.iter().map(|row| row.name);
        let problem = Problem::new(Code::NoSuchName, format!("there is no code `{name}`"));
        return Err(match nearest(name, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("the codes are {}", list(names()))),
        }
        .into());
    };
    shell::data(&explain::explanation(code.row()))?;
    Ok(())
}

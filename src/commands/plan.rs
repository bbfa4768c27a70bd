//! `plan`: what `build` would do and why. Compiles and installs nothing.

use crate::cli::{MessageFormat, PlanArgs};
use crate::host::Host;
use crate::look::images::PullPolicy;
use crate::problem::{Failure, Result};
use crate::ui::{self, Shell};

pub fn run(host: &Host, shell: Shell, args: PlanArgs) -> Result<(), Failure> {
    let PlanArgs { run } = args;
    let format = run.output.message_format;
    let prepared = super::prepare(host, shell, run.options(), PullPolicy::Leave)?;
    // The printed lines are to work when pasted, so the names in them must stand for something.
    prepared.write_tools(host)?;
    ui::data(&match format {
        MessageFormat::Human => ui::plan(&prepared.plan),
        MessageFormat::Json => ui::json(&prepared.plan),
    })?;
    Ok(())
}

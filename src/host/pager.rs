//! Long text, shown by the user's pager.

use std::io::IsTerminal as _;

use crate::host::machine::Host;
use crate::host::shell::{data, safe};
use crate::invocation::Invocation;
use crate::problem::Result;

impl Host {
    /// Prints data; on a terminal through the program of `PAGER`, as git does. Without one, or if
    /// it cannot be started, the text is printed as it is.
    ///
    /// # Errors
    /// `file-access`: stdout cannot be written.
    pub fn page(&self, text: &str) -> Result<()> {
        let pager = self.var("PAGER").filter(|pager| {
            let pager = pager.trim();
            !pager.is_empty() && pager != "cat"
        });
        let Some(pager) = pager.filter(|_| std::io::stdout().is_terminal()) else {
            return data(text);
        };
        let mut invocation = Invocation::new("sh", self.cwd()).arg("-c").arg(pager);
        // What git sets: quit if the text fits the screen, show colors, leave the text there.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if self.var(name).is_none() {
                invocation = invocation.env(name, value);
            }
        }
        let text = safe(text);
        let text = match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(&text).to_string(),
            _ => text,
        };
        if self.feed(&invocation, &text) {
            Ok(())
        } else {
            data(&text)
        }
    }
}

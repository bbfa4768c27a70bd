//! Asks the pkg-config of an image for libraries.

use crate::host::cache;
use crate::problem::{Problem, Result};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::look::engine;
use crate::toolchain::image::look::store::ImageStore;
use crate::toolchain::pkg_config::{self, Answers, Question};

impl ImageStore<'_> {
    /// Returns the answers of a shell in the image, cached by the image's digest and the question.
    /// The error is a clause that says why the question cannot be asked.
    pub fn libraries(&self, facts: &ImageFacts, question: &Question) -> Result<Answers, String> {
        if let Some(place) = self.mounted(facts, question) {
            return Err(format!(
                "pkg-config reads `{place}`, which the image does not have"
            ));
        }
        let script = pkg_config::script(question);
        let place = cache::place(self.host, "images", &format!("{}\n{script}", facts.run));
        if let Some(answers) = cache::read(self.host, place.as_deref()) {
            return Ok(answers);
        }
        let asked = || -> Result<Answers> {
            let session = self.session(facts)?;
            let output = session.ask("/bin/sh", ["-c", &script].map(str::to_owned))?;
            pkg_config::read(&output.stdout)
                .ok_or_else(|| engine::cut_short(&facts.engine, &facts.run, &output.stderr))
        };
        let answers = asked().map_err(|Problem { message, .. }| message)?;
        cache::keep(self.host, place.as_deref(), &answers);
        Ok(answers)
    }

    /// Returns the first directory of pkg-config's variables that a build's container mounts from
    /// this machine: that which asks here does not.
    fn mounted<'q>(&self, facts: &ImageFacts, question: &'q Question) -> Option<&'q str> {
        let values = question.variables.iter();
        let mut places = values.flat_map(|(_, value)| value.split(':'));
        places.find(|place| {
            let mounts = facts.mounts.iter().map(|mount| mount.at.as_path());
            let mut mounts = mounts.chain([self.found.workspace.root.as_path()]);
            mounts.any(|mount| camino::Utf8Path::new(place).starts_with(mount))
        })
    }
}

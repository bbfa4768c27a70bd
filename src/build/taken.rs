//! What earlier runs found in the files that cargo built, by the identities of the files.
//!
//! Pure. A file that nothing has written to since then, and whose bytes are those of the staged one, is
//! neither hashed nor inspected again. If nothing has written to the staged one either since both were
//! compared, neither is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inspect::binary::Binary;

/// Files of a target and a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Identity of the xpkg that inspected them: another one may see more.
    program: String,
    /// Files by their paths in the staged tree.
    files: BTreeMap<String, TakenFile>,
}

/// File that cargo built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenFile {
    /// Identity of the file, which changes when it is written to.
    pub identity: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// Identity of the staged file that had the same bytes; `None` if it was written, linked or touched
    /// so shortly before that a later change could leave it the same identity.
    pub staged: Option<String>,
    /// Facts of the program.
    pub binary: Binary,
}

impl Taken {
    /// Creates an empty record of a program; of one without an identity nothing is believed.
    fn new(program: Option<String>) -> Self {
        Self {
            program: program.unwrap_or_default(),
            files: BTreeMap::new(),
        }
    }

    /// Returns this record if the same program wrote it, else an empty one of that program.
    pub fn of(self, program: Option<String>) -> Self {
        let is_same = program.as_ref() == Some(&self.program) && !self.program.is_empty();
        if is_same { self } else { Self::new(program) }
    }

    /// Returns an empty record of the same program.
    pub fn emptied(&self) -> Self {
        Self {
            program: self.program.clone(),
            files: BTreeMap::new(),
        }
    }

    /// Returns what is known of a file of this identity, which has this digest in the staged tree.
    pub fn find(&self, path: &str, identity: Option<&str>, staged: &str) -> Option<&TakenFile> {
        let known = self.files.get(path)?;
        (identity == Some(&known.identity) && known.sha256 == staged).then_some(known)
    }

    /// Adds a file.
    pub fn add(&mut self, path: &str, file: TakenFile) {
        self.files.insert(path.to_owned(), file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::inspect;

    #[test]
    fn another_file_another_tree_and_another_program_are_not_known() {
        let binary = inspect(b"\0asm\x01\0\0\0").unwrap();
        let file = TakenFile {
            identity: "1:2 3 4 5".to_owned(),
            sha256: "aa".to_owned(),
            size: 8,
            staged: None,
            binary,
        };
        let program = || Some("xpkg 1".to_owned());
        let mut taken = Taken::new(program());
        taken.add("t/app", file.clone());
        let find =
            |taken: &Taken, path, identity, staged| taken.find(path, identity, staged).cloned();
        let same = Some("1:2 3 4 5");
        assert_eq!(find(&taken, "t/app", same, "aa"), Some(file));
        assert_eq!(find(&taken, "t/app", Some("1:2 3 4 6"), "aa"), None);
        assert_eq!(find(&taken, "t/app", None, "aa"), None);
        assert_eq!(find(&taken, "t/app", same, "bb"), None);
        assert_eq!(find(&taken, "t/other", same, "aa"), None);
        assert_eq!(taken.clone().of(program()), taken);
        for other in [Some("xpkg 2".to_owned()), None] {
            assert_eq!(find(&taken.clone().of(other), "t/app", same, "aa"), None);
        }
        let unknown = Taken::new(None);
        assert_eq!(unknown.clone().of(None), unknown);
    }
}

//! Where the measurements take place.

use std::path::{Path, PathBuf};

/// Program and directories of the measurements.
pub struct Bench {
    /// Optimized program.
    pub xpkg: PathBuf,
    /// Workspace with six bins.
    pub chat: PathBuf,
    /// Directory of all that is written.
    pub scratch: PathBuf,
}

/// Bytes of one of the files that `verify` is measured with.
pub const FILE: usize = 32 * 1024 * 1024;

/// Writes so many gigabytes of files, which do not compress, and a program into a directory.
pub fn files(tree: &Path, gigabytes: usize, program: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
    std::fs::create_dir_all(tree).map_err(failed)?;
    let mut bytes = vec![0_u8; FILE];
    // Nothing that compresses, and no two files alike.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    for number in 0..gigabytes * 1024 * 1024 * 1024 / FILE {
        bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let file = tree.join(number.to_string());
        if !file
            .metadata()
            .is_ok_and(|known| known.len() == FILE as u64)
        {
            std::fs::write(file, &bytes).map_err(failed)?;
        }
    }
    // A tree without any program is none to release.
    std::fs::copy(program, tree.join("app")).map_err(failed)?;
    Ok(())
}

//! Signs a release by minisign and ssh-keygen. Both write the same signature each time: Ed25519 has
//! no random part, and the comment has no time.

use std::time::Duration;

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::ship::release::sign::{SIGNING_FAILED, SigningKey};
use crate::tree::release::SUMS_NAME;
use crate::tree::signature::{NAMESPACE, SignatureKind};
use crate::verify::signed::{self, Signer};

/// Time limit of a program, which may wait for a touch of a hardware key.
const LIMIT: Duration = Duration::from_secs(120);

/// Returns the program that signs, and its package in Debian.
fn program(kind: SignatureKind) -> (&'static str, &'static str) {
    match kind {
        SignatureKind::Minisign => ("minisign", "minisign"),
        SignatureKind::Ssh => ("ssh-keygen", "openssh-client"),
    }
}

/// Checks what can be known of a key before anything is signed: its file, and the program.
///
/// # Errors
/// `signing-failed`.
pub fn check(host: &Host, key: &SigningKey) -> Result<()> {
    let SigningKey { kind, file } = key;
    let file = host.absolute(file);
    let (program, package) = program(*kind);
    if host.find(program).is_none() {
        return Err(
            Problem::new(SIGNING_FAILED, format!("`{program}` is not on PATH"))
                .help(format!("install it: `apt-get install {package}`")),
        );
    }
    if !host.is_file(&file) {
        return Err(
            Problem::new(SIGNING_FAILED, format!("there is no key at `{file}`")).help(format!(
                "pass the file of a secret key: `--sign {}:FILE`",
                kind.name()
            )),
        );
    }
    Ok(())
}

/// Signs the list of checksums in a directory. `comment` is the trusted one.
///
/// # Errors
/// `signing-failed`.
pub fn sign(host: &Host, directory: &Utf8Path, key: &SigningKey, comment: &str) -> Result<()> {
    check(host, key)?;
    let SigningKey { kind, file } = key;
    let file = host.absolute(file);
    let (program, _) = program(*kind);
    let signature = kind.file_name();
    let call = Invocation::new(program, directory);
    let call = match kind {
        SignatureKind::Minisign => call
            .args(["-S", "-q", "-s", file.as_str(), "-m", SUMS_NAME])
            .args(["-x", signature, "-t", comment, "-c"])
            .arg(format!("signature of {comment}")),
        SignatureKind::Ssh => call.args([
            "-q",
            "-Y",
            "sign",
            "-f",
            file.as_str(),
            "-n",
            NAMESPACE,
            SUMS_NAME,
        ]),
    };
    let output = host.capture_bounded(&call, LIMIT)?;
    if output.success() && host.is_file(&directory.join(signature)) {
        return Ok(());
    }
    let message = format!("`{program}` does not sign with `{file}`");
    let problem = Problem::new(SIGNING_FAILED, message).cause(&output.stderr);
    Err(match kind {
        SignatureKind::Minisign => {
            problem.help("use a key without a password on machines: `minisign -G -W`")
        }
        SignatureKind::Ssh => problem.help("add the key to an agent: `ssh-add FILE`"),
    })
}

/// Checks that a release is signed by the key that its installers have.
///
/// # Errors
/// `signing-failed`: it is another key.
pub fn check_key(host: &Host, directory: &Utf8Path, kind: SignatureKind, key: &str) -> Result<()> {
    let signer = Signer::parse(key, key)?;
    let signature = host.read(&directory.join(kind.file_name()))?;
    let signed = host.read(&directory.join(SUMS_NAME))?;
    let Err(found) = signed::look::is_by(host, &signer, &signature, &signed)? else {
        return Ok(());
    };
    let name = kind.name();
    let message = format!("`{SUMS_NAME}` has {found} for the key of {name} in `public-keys`");
    Err(Problem::new(SIGNING_FAILED, message).help(format!(
        "sign it with the secret key of that public key: `--sign {name}:FILE`, or correct \
         `public-keys`"
    )))
}

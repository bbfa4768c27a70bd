//! Rule about Apple's code signature.

use crate::inspect::binary::{Binary, FormatName, Signature, SignatureState};
use crate::inspect::{macho, system_of};
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::arch::Arch;
use crate::target::system::Os;
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Rule `signature-invalid`.
fn signature(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
    if binary.format != FormatName::MachO {
        return None;
    }
    let signed = binary.mach_o.as_ref().and_then(|it| it.signature.as_ref());
    let found = match signed {
        None if must_be_signed(binary) => "no code signature".to_owned(),
        None => return None,
        Some(signed) => fault(signed)?,
    };
    violation(found, "a code signature whose hashes are the file's", SIGN)
}

const SIGN: &str = "sign it again after the last change: `codesign -f -s - FILE`, or `rcodesign sign \
                    FILE`";

/// Returns true for what a Mac with Apple silicon does not load without a signature. Intel's
/// processors do, and what is for iOS is signed with the application that it becomes a part of.
fn must_be_signed(binary: &Binary) -> bool {
    let arm = Arch::of_prefix("aarch64").map(|arch| macho::machine(arch.macho));
    let is_loaded = ["MH_EXECUTE", "MH_DYLIB", "MH_BUNDLE"].contains(&binary.kind.as_str());
    let is_for_macs = system_of(binary).is_none_or(|system| system == Os::Darwin);
    is_loaded && is_for_macs && arm.as_ref() == Some(&binary.machine)
}

fn fault(signed: &Signature) -> Option<String> {
    match signed.state {
        SignatureState::Intact | SignatureState::UnknownHash => None,
        SignatureState::Changed => Some(format!(
            "{} of {} pages changed after it was signed",
            signed.bad_pages, signed.pages
        )),
        SignatureState::Incomplete => {
            Some("a code signature that does not cover the whole file".to_owned())
        }
        SignatureState::Damaged => Some("a code signature that cannot be read".to_owned()),
    }
}

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: SIGNATURE_INVALID, check: signature,         at_build: Some(SIGN),          default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[SIGNATURE_INVALID];

/// Code of a program of macOS without a valid code signature.
pub const SIGNATURE_INVALID: Code = code(&CodeInfo {
    name: "signature-invalid",
    title: "a program has no valid code signature",
    cause: "macOS on Apple silicon does not start a program without one, and kills one that was \
            changed after it was signed (`Killed: 9`), as `strip` of GNU, `sed -i` and UPX do.",
    detection: "LC_CODE_SIGNATURE of Mach-O files for arm64 must be there; of all Mach-O files that \
                have one the hash of every page is compared. Certificates are not examined.",
    fix: "Sign it after the last change: `codesign -f -s - FILE`, or `rcodesign sign FILE`.",
    page: "verify",
    sources: &["xnu, osfmk/kern/cs_blobs.h"],
    waivable: true,
});

//! Libraries that every Windows and every macOS has, for the rule `library-unfit`.
//!
//! Sources: Microsoft, Windows API index and API sets; windows-targets and std of Rust, which import
//! the DLLs that programs in Rust need; Apple, the shared cache of dyld.

use crate::inspect::binary::{Binary, FormatName};
use crate::verify::rules::context::{Violation, violation};

/// DLLs of Windows 10 and later, on desktops and servers, in lower case. `vcruntime140.dll` and
/// `msvcp140.dll` are not among them: Microsoft's redistributable brings them.
#[rustfmt::skip]
const WINDOWS: &[&str] = &[
    "activeds.dll", "advapi32.dll", "advpack.dll", "amsi.dll", "apphelp.dll", "authz.dll", "avicap32.dll", "avifil32.dll",
    "avrt.dll", "bcrypt.dll", "bcryptprimitives.dll", "bluetoothapis.dll", "bthprops.cpl", "cabinet.dll", "certadm.dll",
    "certpoleng.dll", "cfgmgr32.dll", "cldapi.dll", "clfsw32.dll", "clusapi.dll", "combase.dll", "comctl32.dll",
    "comdlg32.dll", "compstui.dll", "computecore.dll", "coremessaging.dll", "credui.dll", "crypt32.dll", "cryptnet.dll",
    "cryptui.dll", "cryptxml.dll", "cscapi.dll", "d2d1.dll", "d3d10.dll", "d3d10_1.dll", "d3d11.dll", "d3d12.dll",
    "d3d9.dll", "d3dcompiler_47.dll", "davclnt.dll", "dbgeng.dll", "dbghelp.dll", "dciman32.dll", "dcomp.dll", "ddraw.dll",
    "dhcpcsvc.dll", "dhcpcsvc6.dll", "dinput8.dll", "dnsapi.dll", "drt.dll", "dsound.dll", "dsprop.dll", "dssec.dll",
    "dsuiext.dll", "dwmapi.dll", "dwrite.dll", "dxgi.dll", "dxva2.dll", "eappcfg.dll", "eappprxy.dll", "efswrt.dll",
    "elscore.dll", "esent.dll", "evr.dll", "faultrep.dll", "feclient.dll", "fltlib.dll", "fontsub.dll", "framedynos.dll",
    "fwpuclnt.dll", "gdi32.dll", "gdiplus.dll", "glu32.dll", "gpedit.dll", "hid.dll", "hlink.dll", "httpapi.dll",
    "icm32.dll", "icmp.dll", "icuin.dll", "icuuc.dll", "icu.dll", "ieframe.dll", "imagehlp.dll", "imgutil.dll", "imm32.dll",
    "inetcomm.dll", "iphlpapi.dll", "iscsidsc.dll", "kernel32.dll", "kernelbase.dll", "ksuser.dll", "ktmw32.dll",
    "loadperf.dll", "logoncli.dll", "lz32.dll", "magnification.dll", "mapi32.dll", "mdmregistration.dll", "mf.dll",
    "mfcore.dll", "mfplat.dll", "mfplay.dll", "mfreadwrite.dll", "mfsensorgroup.dll", "mgmtapi.dll", "mmdevapi.dll",
    "mpr.dll", "mprapi.dll", "mrmsupport.dll", "msacm32.dll", "mscms.dll", "mscoree.dll", "msctfmonitor.dll", "msdelta.dll",
    "msdmo.dll", "msdrm.dll", "msi.dll", "msimg32.dll", "mspatcha.dll", "mspatchc.dll", "msports.dll", "msrating.dll",
    "mssign32.dll", "mstask.dll", "msvcp_win.dll", "msvcrt.dll", "msvfw32.dll", "mswsock.dll", "mtxdm.dll", "ncrypt.dll",
    "ndfapi.dll", "netapi32.dll", "netutils.dll", "newdev.dll", "ninput.dll", "normaliz.dll", "ntdll.dll", "ntdsapi.dll",
    "ntlanman.dll", "odbc32.dll", "odbccp32.dll", "ole32.dll", "oleacc.dll", "oleaut32.dll", "oledlg.dll", "opengl32.dll",
    "opmxbox.dll", "p2p.dll", "p2pgraph.dll", "pdh.dll", "peerdist.dll", "powrprof.dll", "prntvpt.dll", "profapi.dll",
    "projectedfslib.dll", "propsys.dll", "psapi.dll", "quartz.dll", "query.dll", "qwave.dll", "rasapi32.dll", "rasdlg.dll",
    "resutils.dll", "rometadata.dll", "rpcns4.dll", "rpcrt4.dll", "rstrtmgr.dll", "rtm.dll", "rtutils.dll", "rtworkq.dll",
    "samcli.dll", "sas.dll", "scarddlg.dll", "schannel.dll", "sechost.dll", "secur32.dll", "sensapi.dll",
    "sensorsutilsv2.dll", "setupapi.dll", "sfc.dll", "shcore.dll", "shdocvw.dll", "shell32.dll", "shfolder.dll",
    "shlwapi.dll", "slc.dll", "slwga.dll", "snmpapi.dll", "spoolss.dll", "srpapi.dll", "srvcli.dll", "sspicli.dll",
    "sti.dll", "t2embed.dll", "tapi32.dll", "tbs.dll", "tdh.dll", "traffic.dll", "txfw32.dll", "ualapi.dll",
    "ucrtbase.dll", "uiautomationcore.dll", "urlmon.dll", "user32.dll", "userenv.dll", "usp10.dll", "uxtheme.dll",
    "verifier.dll", "version.dll", "vssapi.dll", "wcmapi.dll", "wdsbp.dll", "webauthn.dll", "webservices.dll",
    "websocket.dll", "wecapi.dll", "wer.dll", "wevtapi.dll", "wiatrace.dll", "winbio.dll", "winbrand.dll", "windowscodecs.dll",
    "winfax.dll", "winhttp.dll", "winhvplatform.dll", "wininet.dll", "winmm.dll", "winscard.dll", "winspool.drv",
    "winsta.dll", "wintrust.dll", "winusb.dll", "wkscli.dll", "wlanapi.dll", "wlanui.dll", "wldap32.dll", "wldp.dll",
    "wmi.dll", "wnvapi.dll", "wofutil.dll", "ws2_32.dll", "wscapi.dll", "wsclient.dll", "wsdapi.dll", "wsmsvc.dll",
    "wsnmp32.dll", "wsock32.dll", "wtsapi32.dll", "xaudio2_8.dll", "xaudio2_9.dll", "xinput1_4.dll", "xinput9_1_0.dll",
    "xinputuap.dll", "xmllite.dll", "xolehlp.dll", "xpsprint.dll",
];

/// Starts of the names of API sets, which Windows' loader resolves without a file.
const API_SETS: &[&str] = &["api-ms-win-", "ext-ms-win-", "ext-ms-"];

/// Starts of the paths of macOS' own libraries and frameworks. Most are in no file: dyld has them.
const MACOS: &[&str] = &["/usr/lib/", "/System/"];

/// Starts of libraries that come with a compiler for Windows, and how a program does without.
#[rustfmt::skip]
const RUNTIMES: &[(&str, &str)] = &[
    ("vcruntime",     STATIC_CRT), ("msvcp",        STATIC_CRT), ("vccorlib",     STATIC_CRT), ("ucrtbased",  STATIC_CRT),
    ("libstdc++",     STATIC_CXX), ("libgcc_s",     STATIC_GNU), ("libwinpthread", STATIC_GNU), ("libunwind",  STATIC_GNU),
    ("libc++",        STATIC_GNU),
];

const STATIC_CRT: &str = "build it with `-C target-feature=+crt-static`, or install Microsoft's \
                          redistributable with it";
const STATIC_CXX: &str = "link it statically: `CXXSTDLIB_<target>=static:-bundle=stdc++`, as `cargo \
                          xpkg build` sets it for cc-rs, or release the DLL beside it";
const STATIC_GNU: &str = "name the static library in the build script: \
                          `cargo::rustc-link-lib=static:-bundle=NAME`, or release the DLL beside it";
const BESIDE: &str = "link it statically (a `vendored` or `bundled` feature), or release the DLL \
                      beside it and allow it: `policy = { libraries = [\"…\"] }`";
const DYLIB: &str = "link it statically (a `vendored` or `bundled` feature), or release the library \
                     beside it and allow it: `policy = { libraries = [\"…\"] }`";

/// Checks the libraries of a PE or a Mach-O file against those of its system, and `allowed`.
pub fn check(binary: &Binary, allowed: &[String]) -> Option<Violation> {
    let delayed = binary.pe.iter().flat_map(|pe| &pe.delay_needed);
    let needed = binary.needed.iter().chain(delayed);
    let (is_system, expected): (fn(&str) -> bool, &str) = match binary.format {
        FormatName::Pe => (is_windows, "only DLLs of Windows itself"),
        FormatName::MachO => (is_macos, "only libraries of macOS itself"),
        FormatName::Elf | FormatName::Wasm => return None,
    };
    // Names of DLLs are equal without regard to case.
    let is_allowed = |library: &str| {
        allowed.iter().any(|known| match binary.format {
            FormatName::Pe => known.eq_ignore_ascii_case(library),
            _ => known == library,
        })
    };
    let unfit: Vec<&String> = needed
        .filter(|library| !is_system(library) && !is_allowed(library))
        .collect();
    let first = unfit.first()?;
    let help = match binary.format {
        FormatName::Pe => {
            let name = first.to_ascii_lowercase();
            let mut rows = RUNTIMES.iter();
            rows.find(|(start, _)| name.starts_with(start))
                .map_or(BESIDE, |(_, help)| help)
        }
        _ => DYLIB,
    };
    let quoted: Vec<String> = unfit.iter().map(|library| format!("`{library}`")).collect();
    violation(format!("needs {}", quoted.join(", ")), expected, help)
}

/// Returns true for a DLL that every Windows has.
pub fn is_windows(library: &str) -> bool {
    let name = library.to_ascii_lowercase();
    // A module without a suffix is a DLL.
    let name = if name.contains('.') {
        name
    } else {
        format!("{name}.dll")
    };
    WINDOWS.contains(&name.as_str()) || API_SETS.iter().any(|start| name.starts_with(start))
}

fn is_macos(library: &str) -> bool {
    MACOS.iter().any(|start| library.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(format: FormatName, needed: &[&str], delayed: &[&str]) -> Option<(String, String)> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let binary = Binary {
            needed: owned(needed),
            pe: Some(crate::inspect::binary::Pe {
                subsystem: "IMAGE_SUBSYSTEM_WINDOWS_CUI".to_owned(),
                dynamic_base: true,
                relocations: true,
                high_entropy_va: true,
                nx_compat: true,
                guard_cf: false,
                force_integrity: false,
                delay_needed: owned(delayed),
                pdb: None,
                signed: false,
            }),
            ..Binary::plain(format, String::new(), 64, String::new(), true)
        };
        let violation = check(&binary, &["Allowed.DLL".to_owned()])?;
        Some((violation.found, violation.help.to_owned()))
    }

    #[test]
    fn what_windows_brings_may_be_needed() {
        let dll = |needed: &[&str], delayed: &[&str]| found(FormatName::Pe, needed, delayed);
        let system = [
            "KERNEL32.dll",
            "ntdll.dll",
            "api-ms-win-core-synch-l1-2-0.dll",
            "bcryptprimitives.dll",
            "ucrtbase.dll",
            "msvcrt.dll",
            "WINSPOOL.DRV",
            "allowed.dll",
        ];
        assert_eq!(dll(&system, &["VERSION.dll"]), None);
        let expected = |found: &str, help: &str| Some((found.to_owned(), help.to_owned()));
        assert_eq!(
            dll(&["VCRUNTIME140.dll", "KERNEL32.dll"], &["foo.dll"]),
            expected("needs `VCRUNTIME140.dll`, `foo.dll`", STATIC_CRT)
        );
        assert_eq!(
            dll(&["libstdc++-6.dll"], &[]),
            expected("needs `libstdc++-6.dll`", STATIC_CXX)
        );
        assert_eq!(dll(&["foo.dll"], &[]), expected("needs `foo.dll`", BESIDE));
    }

    #[test]
    fn what_macos_brings_may_be_needed() {
        let dylib = |needed: &[&str]| found(FormatName::MachO, needed, &[]).map(|(found, _)| found);
        let framework = "/System/Library/Frameworks/Security.framework/Versions/A/Security";
        assert_eq!(dylib(&["/usr/lib/libSystem.B.dylib", framework]), None);
        assert_eq!(
            dylib(&["@rpath/libfoo.dylib", "/opt/homebrew/lib/libssl.3.dylib"]).as_deref(),
            Some("needs `@rpath/libfoo.dylib`, `/opt/homebrew/lib/libssl.3.dylib`")
        );
    }

    #[test]
    fn the_table_is_in_lower_case_and_without_redistributables() {
        let is_lower = |name: &&str| name.chars().all(|letter| !letter.is_ascii_uppercase());
        assert!(WINDOWS.iter().all(is_lower));
        for name in ["vcruntime140.dll", "msvcp140.dll", "python312.dll"] {
            assert!(!is_windows(name), "{name}");
        }
    }
}

# Called by the completion of cargo for `cargo xpkg …`, with the words from `xpkg` on.
function _cargo-xpkg() {
    _clap_dynamic_completer_cargo_xpkg "$@"
}
# A file of this name on `fpath` is loaded by its first call.
if [[ "${funcstack[1]}" == _cargo-xpkg ]]; then
    _cargo-xpkg "$@"
fi

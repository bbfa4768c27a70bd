# `cargo xpkg …` is completed here, and all else of cargo by what completed it before.
_cargo_xpkg_of_cargo() {
    local at=1
    [[ ${COMP_WORDS[1]} == +* ]] && at=2
    if [[ $COMP_CWORD -gt $at && ${COMP_WORDS[at]} == xpkg ]]; then
        COMP_WORDS=(cargo-xpkg "${COMP_WORDS[@]:at+1}")
        COMP_CWORD=$((COMP_CWORD - at))
        _clap_complete_cargo_xpkg cargo-xpkg "$2" "$3"
    elif [[ -n $_CARGO_XPKG_BEFORE ]]; then
        "$_CARGO_XPKG_BEFORE" "$@"
    fi
}
# bash-completion loads cargo's own on its first use.
if declare -F _comp_load > /dev/null; then
    _comp_load cargo 2> /dev/null
elif declare -F _completion_loader > /dev/null; then
    _completion_loader cargo 2> /dev/null
fi
_cargo_xpkg_found=$(complete -p cargo 2> /dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
if [[ $_cargo_xpkg_found != _cargo_xpkg_of_cargo ]]; then
    _CARGO_XPKG_BEFORE=$_cargo_xpkg_found
fi
unset _cargo_xpkg_found
complete -o bashdefault -o default -F _cargo_xpkg_of_cargo cargo

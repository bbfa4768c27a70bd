# Prints what zsh offers for the last word of a line, one candidate a line.
#
# zsh completes in a terminal only, so another zsh in a pseudo-terminal is typed at.
# usage: zsh -f complete.zsh FPATH LINE

zmodload zsh/zpty
zpty inner zsh -f -i

send() {
    zpty -w inner "$1"
}

# Reads up to a mark that the inner shell prints by itself, not as the echo of what is typed.
until_mark() {
    local piece=''
    REPLY=''
    while zpty -r inner piece; do
        REPLY+=$piece
        [[ $piece == *"<$1>"* ]] && return
    done
}

send "PROMPT='' RPROMPT='' PS2=''; fpath=(${(j: :)${(s.:.)1}} \$fpath)"
send "autoload -Uz compinit && compinit -u -D; bindkey '^I' complete-word"
send 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "$@"
    (( $#hits )) && print -lr -- "<hit>"$^hits
    builtin compadd "$@"
}'
send 'finished() { print -r -- "<""finished>"; }; compinit_done() { comppostfuncs=(finished); }'
send 'zle -C complete-word complete-word finishing; finishing() { _main_complete; finished; }'
send 'print -r -- "<""ready>"'
until_mark ready
zpty -w -n inner "$2"$'\t'
until_mark finished
print -rl -- ${${(M)${(f)REPLY//$'\r'/}:#*"<hit>"*}##*<hit>}
zpty -d inner

#!/bin/sh
# Installer of @NAME@ @VERSION@, written by cargo xpkg.
#
# POSIX shell. Needs tar, gzip, mktemp, a tool for SHA-256, and curl or wget (or --from DIR).
# All of it is in functions that the last line calls: of a download that was cut off, nothing runs.
set -u

name=@NAME_QUOTED@
version=@VERSION_QUOTED@
url_default=@URL_QUOTED@
dir_default=@DIR_QUOTED@

# Public keys that SHA256SUMS is signed by; empty where it is not signed.
minisign_key=@MINISIGN_KEY_QUOTED@
ssh_key=@SSH_KEY_QUOTED@

# package  target  archive  sha256  floor (glibc or macOS)  loader  programs
table='
@TABLE@'

usage() {
  cat <<USAGE
Installs $name $version.

Usage: install.sh [OPTIONS] [PACKAGE]...

Packages: $(packages)[default: all]

Options:
  --dir DIR         directory of the programs [default: \$HOME/$dir_default] [env: @PREFIX@_INSTALL_DIR]
  --target TRIPLE   do not detect the system
  --url URL         directory to download from [env: @PREFIX@_INSTALL_URL]
  --from DIR        directory on this machine that has the archives; nothing is downloaded
  --force           replace programs that no earlier run has installed
  --no-modify-path  leave the start-up files of the shells alone [env: @PREFIX@_NO_MODIFY_PATH=1]
  --print           show what would be installed, and stop
  --uninstall       remove what an earlier run has installed, unless it was changed
  -q, --quiet       print errors only
  -V, --version     print the version
  -h, --help        print this help
USAGE
}

say() { [ "$quiet" = 1 ] || printf '%s\n' "$*" >&2; }
fail() { printf '%s: error: %s\n' "$name" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

packages() {
  printf '%s' "$table" | while read -r package rest; do
    [ "$package" = "${last-}" ] || [ -z "$package" ] || printf '%s ' "$package"
    last=$package
  done
}

# download URL FILE
download() {
  case $1 in
    https:*) set -- "$1" "$2" --proto =https --tlsv1.2 ;;
    *) set -- "$1" "$2" ;;
  esac
  address=$1 saved=$2
  shift 2
  # The snap of curl cannot write below a directory whose name starts with a dot.
  if have curl && case $(command -v curl) in */snap/*) false ;; esac then
    curl "$@" -fsSL --retry 3 --connect-timeout 20 -o "$saved" "$address" </dev/null
  elif have wget; then
    wget -q -O "$saved" "$address" </dev/null
  elif have fetch; then
    fetch -q -o "$saved" "$address" </dev/null
  else
    fail "curl or wget is needed, or the archives on this machine: --from DIR"
  fi
}

# Prints the SHA-256 of a file.
digest() {
  if have sha256sum; then
    sum=$(sha256sum <"$1")
  elif have shasum; then
    sum=$(shasum -a 256 <"$1")
  elif have openssl; then
    sum=$(openssl dgst -sha256 -r <"$1")
  elif have sha256; then
    sum=$(digest -q <"$1")
  else
    return 1
  fi
  printf '%s' "${sum%% *}"
}

# at_least HAVE WANT: versions of up to three numbers
at_least() {
  ours=$1. least=$2.
  while [ -n "$least" ]; do
    a=${ours%%.*} b=${least%%.*}
    a=${a%%[!0-9]*} b=${b%%[!0-9]*}
    [ "${a:-0}" -le "${b:-0}" ] || return 0
    [ "${a:-0}" -eq "${b:-0}" ] || return 1
    ours=${ours#*.} least=${least#*.}
  done
}

# Prints the version of glibc, or nothing. The loader of musl may lie in /lib of a system with glibc,
# so the tools of the system are asked instead.
glibc() {
  said=$(getconf GNU_LIBC_VERSION 2>/dev/null) || said=
  case $said in
    "glibc "*)
      printf '%s' "${said#glibc }"
      return
      ;;
  esac
  said=$(ldd --version 2>&1 </dev/null | head -n 1) || said=
  case $said in
    *musl*) ;;
    *GLIBC* | *"GNU libc"* | "ldd ("*) printf '%s' "${said##* }" ;;
  esac
}

# Prints 32 or 64, of the programs that run here: the kernel may have more.
word_size() {
  bits=$(getconf LONG_BIT 2>/dev/null) || bits=
  case $bits in
    32 | 64) ;;
    *)
      # Byte 5 of an ELF file is its class.
      case $(head -c 5 /proc/self/exe 2>/dev/null | tail -c 1) in
        "$(printf '\001')") bits=32 ;;
        *) bits=64 ;;
      esac
      ;;
  esac
  printf '%s' "$bits"
}

# Prints the targets that this machine may run, the best first.
targets() {
  cpu=$(uname -m)
  case $(uname -s) in
    Linux) linux_targets "$cpu" ;;
    Darwin)
      # Under Rosetta 2, uname says x86_64.
      case $( (sysctl -n hw.optional.arm64) 2>/dev/null) in
        1) cpu=arm64 ;;
      esac
      case $cpu in
        arm64) echo aarch64-apple-darwin ;;
        *) echo x86_64-apple-darwin ;;
      esac
      echo universal2-apple-darwin
      echo x86_64-apple-darwin
      ;;
    FreeBSD)
      case $cpu in
        amd64) echo x86_64-unknown-freebsd ;;
        arm64) echo aarch64-unknown-freebsd ;;
      esac
      ;;
    MINGW* | MSYS* | CYGWIN*)
      fail "on Windows, run install.ps1 in PowerShell"
      ;;
  esac
}

linux_targets() {
  bits=$(word_size)
  features=$(cat /proc/cpuinfo 2>/dev/null) || features=
  case $1 in
    x86_64 | amd64) [ "$bits" = 32 ] || linux x86_64 && linux i686 && linux i586 ;;
    i[3-6]86)
      case $features in
        *sse2*) linux i686 ;;
      esac
      linux i586
      ;;
    aarch64 | arm64)
      if [ "$bits" = 32 ]; then arm_targets 7; else linux aarch64; fi
      ;;
    armv[78]*) arm_targets 7 ;;
    armv6*) arm_targets 6 ;;
    armv5*) arm_targets 5 ;;
    riscv64) linux riscv64gc ;;
    ppc64le) linux powerpc64le ;;
    ppc64) linux powerpc64 ;;
    s390x) linux s390x ;;
    loongarch64) linux loongarch64 ;;
  esac
}

# 32-bit Arm, of a version of the architecture. Programs with hard floats need a VFP.
arm_targets() {
  case $1$features in
    7*neon* | 7*asimd*) linux thumbv7neon eabihf ;;
  esac
  case $1$features in
    7*vfpv3* | 7*vfpv4* | 7*neon* | 7*asimd*) linux armv7 eabihf ;;
  esac
  [ "$1" = 5 ] || case $features in
    *vfp* | *asimd*) linux arm eabihf ;;
  esac
  [ "$1" = 7 ] && linux armv7 eabi
  [ "$1" = 5 ] || linux arm eabi
  linux armv5te eabi
}

linux() {
  echo "$1-unknown-linux-gnu${2-}"
  echo "$1-unknown-linux-musl${2-}"
}

# row PACKAGE TARGET: prints its line of the table.
row() {
  printf '%s' "$table" | while read -r package triple rest; do
    if [ "$package" = "$1" ] && [ "$triple" = "$2" ]; then
      printf '%s' "$rest"
      break
    fi
  done
}

# Tells whether programs with this floor and this loader start here, and says why not.
starts() {
  if [ "$3" != - ] && ! [ -e "$3" ]; then
    say "$1: $2 needs the loader $3, which is not here"
    return 1
  fi
  case $2:$4 in
    *:-) ;;
    *-apple-*)
      here=$(sw_vers -productVersion 2>/dev/null) || here=0
      at_least "$here" "$4" || {
        say "$1: $2 needs macOS $4, here is $here"
        return 1
      }
      ;;
    *)
      here=$(glibc)
      at_least "${here:-0}" "$4" || {
        say "$1: $2 needs glibc $4, here is ${here:-another C library}"
        return 1
      }
      ;;
  esac
}

# Chooses the build of a package: sets triple, archive, sum and programs.
choose() {
  # In yash, the variable of a loop is local to the function.
  for candidate in ${target:-$(targets)}; do
    triple=$candidate
    line=$(row "$1" "$triple")
    [ -n "$line" ] || continue
    read -r archive sum floor loader programs <<LINE
$line
LINE
    if [ -n "$target" ] || starts "$1" "$triple" "$loader" "$floor"; then return; fi
  done
  if [ -n "$target" ]; then fail "$1 $version has no build for $target"; fi
  fail "$1 $version has no build for this machine: $(uname -s) $(uname -m), $(word_size) bits, glibc $(glibc)"
}

# unpack ARCHIVE DIR
unpack() {
  case $1 in
    *.tar.gz) gzip -dc <"$1" | tar -xf - -C "$2" ;;
    *.tar.xz) xz -dc <"$1" | tar -xf - -C "$2" ;;
    *.tar.zst) zstd -dc <"$1" | tar -xf - -C "$2" ;;
    *.zip) unzip -q "$1" -d "$2" </dev/null ;;
  esac
}

# get FILE: fetches a file of the release.
get() {
  if [ -n "$from" ]; then
    cp "$from/$1" "$tmp/$1" || fail "cannot copy $from/$1"
  else
    download "$url/$1" "$tmp/$1" || fail "cannot download $url/$1"
  fi
}

# Verifies the signature of the list of all files by a tool that is here, and says by which.
signature() {
  list=
  [ -n "$minisign_key$ssh_key" ] || return 0
  if [ -n "$minisign_key" ] && have minisign; then
    get SHA256SUMS
    get SHA256SUMS.minisig
    said=$(minisign -V -Q -P "$minisign_key" -m "$tmp/SHA256SUMS" -x "$tmp/SHA256SUMS.minisig" 2>/dev/null </dev/null) ||
      fail "SHA256SUMS is not signed by the key in this script, says minisign"
    [ "$said" = "$name $version" ] || fail "SHA256SUMS is signed for $said, not for $name $version"
    by=minisign
  elif [ -n "$ssh_key" ] && signs_by_ssh; then
    get SHA256SUMS
    get SHA256SUMS.sig
    printf 'signer namespaces="file" %s\n' "$ssh_key" >"$tmp/allowed" || fail "cannot write to $dir"
    ssh-keygen -q -Y verify -f "$tmp/allowed" -I signer -n file -s "$tmp/SHA256SUMS.sig" <"$tmp/SHA256SUMS" >/dev/null 2>&1 ||
      fail "SHA256SUMS is not signed by the key in this script, says ssh-keygen"
    by=ssh-keygen
  else
    say "the signature was not verified, for which minisign or ssh-keygen is needed; the archives are compared with the digests in this script"
    return 0
  fi
  list=$tmp/SHA256SUMS
  say "SHA256SUMS is signed by the key in this script, says $by"
}

# OpenSSH before 8.0 knows no signatures.
signs_by_ssh() {
  have ssh-keygen || return 1
  case $(ssh-keygen -Y verify 2>&1 </dev/null) in
    *"unknown option"* | *"illegal option"* | *"invalid option"*) return 1 ;;
  esac
}

# signed DIGEST FILE: tells whether the signed list, if there is one, has a line.
signed() {
  [ -n "$list" ] || return 0
  while read -r known listed; do
    [ "$known $listed" != "$1 $2" ] || return 0
  done <"$list"
  return 1
}

# Ends if a file that no earlier run has installed is where a program of the chosen build belongs.
refuse_foreign() {
  foreign=
  for program in $(words "$programs"); do
    file=$dir/$program
    if [ -d "$file" ]; then fail "$file is a directory"; fi
    if [ "$force" = 1 ]; then continue; fi
    if ! [ -e "$file" ] && ! [ -L "$file" ]; then continue; fi
    if [ -f "$receipt" ] && lists "$receipt" "$program"; then continue; fi
    foreign="$foreign, $file"
  done
  [ -z "$foreign" ] ||
    fail "not installed by an earlier run, and not overwritten: ${foreign#, }; remove it, choose another directory (--dir DIR), or replace it (--force)"
}

# Fetches, checks and unpacks a chosen build, and lists its programs in the new receipt.
prepare() {
  say "$1 $version for $triple"
  get "$archive"
  found=$(digest "$tmp/$archive") || fail "cannot read $tmp/$archive"
  [ "$found" = "$sum" ] || fail "$archive is not the file that was released: SHA-256 $found, expected $sum"
  signed "$sum" "$archive" || fail "$archive is not in the signed SHA256SUMS"
  mkdir "$tmp/$1" || fail "cannot write to $dir"
  unpack "$tmp/$archive" "$tmp/$1" || fail "cannot unpack $archive"
  stem=${archive%.tar.*} stem=${stem%.zip}
  for program in $(words "$programs"); do
    file=$tmp/$1/$stem/$program
    if ! [ -f "$file" ] || [ -L "$file" ]; then fail "$archive has no program $program"; fi
    { chmod 755 "$file" && mv "$file" "$tmp/new/$program"; } || fail "cannot write to $dir"
    printf '%s  %s\n' "$(digest "$tmp/new/$program")" "$program" >>"$tmp/receipt"
  done
}

# Prints the words of a list with commas.
words() {
  list=$1,
  while [ -n "$list" ]; do
    echo "${list%%,*}"
    list=${list#*,}
  done
}

install() {
  for tool in tar mktemp; do
    have "$tool" || fail "$tool is needed"
  done
  digest /dev/null >/dev/null || fail "sha256sum, shasum or openssl is needed to check the archives"
  if [ -z "$from" ] && [ -z "$url" ]; then
    fail "nothing says where the archives are: --url URL or --from DIR"
  fi
  # Nothing is created for a machine that has no build.
  builds=
  for package in $wanted; do
    choose "$package"
    refuse_foreign
    builds="$builds$package $triple $archive $sum $programs
"
  done
  umask 022
  mkdir -p "$dir" || fail "cannot create $dir"
  tmp=$(mktemp -d "$dir/.$name-XXXXXX") || fail "cannot write to $dir"
  trap 'rm -rf "$tmp"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir "$tmp/new" || fail "cannot write to $dir"
  : >"$tmp/receipt"
  signature
  while read -r package triple archive sum programs; do
    if [ -n "$package" ]; then prepare "$package"; fi
  done <<BUILDS
$builds
BUILDS
  # Until all are moved, the receipt has the programs of before and of now: what an interruption
  # leaves can be removed.
  old=$(entries "$receipt")
  { cat "$tmp/receipt" && printf '%s\n' "$old"; } >"$tmp/both" || fail "cannot write to $dir"
  mv -f "$tmp/both" "$receipt" || fail "cannot write $receipt"
  # All is checked. A move within one file system replaces a program that is running, too.
  while read -r sum program; do
    mv -f "$tmp/new/$program" "$dir/$program" || fail "cannot write $dir/$program"
    say "  $dir/$program"
  done <"$tmp/receipt" || exit 1
  # Programs of an earlier version or of packages that were not asked for now.
  while read -r sum program; do
    if [ -z "$program" ] || lists "$tmp/receipt" "$program"; then continue; fi
    if [ "$all" = 1 ]; then
      forget "$program"
    else
      printf '%s  %s\n' "$sum" "$program" >>"$tmp/receipt"
    fi
  done <<OLD
$old
OLD
  mv -f "$tmp/receipt" "$receipt" || fail "cannot write $receipt"
  shadowed
  if [ "$edit" = 1 ]; then modify_path; fi
}

# lists RECEIPT PROGRAM
lists() {
  while read -r _ listed || [ -n "$listed" ]; do
    [ "$listed" != "$2" ] || return 0
  done <"$1"
  return 1
}

# Prints the lines of a receipt, each a digest and the name of a program in this directory.
entries() {
  [ -f "$1" ] || return 0
  while read -r sum program || [ -n "$sum" ]; do
    case $program in
      '' | . | .. | */*) ;;
      *) printf '%s  %s\n' "$sum" "$program" ;;
    esac
  done <"$1"
}

# Removes a program that is as a line of $old says.
forget() {
  [ -f "$dir/$1" ] || return 0
  found=$(digest "$dir/$1")
  while read -r known listed; do
    if [ "$listed" = "$1" ] && [ "$known" = "$found" ]; then
      rm -f "$dir/$1" || fail "cannot remove $dir/$1"
      say "  removed $dir/$1"
      return 0
    fi
  done <<KNOWN
$old
KNOWN
  say "  kept $dir/$1: it was changed"
}

# Warns of programs of the same name that the shell finds first.
shadowed() {
  while read -r sum program; do
    found=$(command -v "$program" 2>/dev/null) || continue
    case $found in
      "$dir/$program" | [!/]*) ;;
      *) say "note: $found comes first on PATH" ;;
    esac
  done <"$receipt"
}

start_up_files() {
  for file in .profile .bashrc .bash_profile .bash_login .zshrc .zprofile; do
    if [ -f "$HOME/$file" ] || [ "$file" = .profile ]; then printf '%s\n' "$HOME/$file"; fi
  done
}

modify_path() {
  [ -z "${GITHUB_PATH-}" ] || printf '%s\n' "$dir" >>"$GITHUB_PATH"
  case :$PATH: in
    *":$dir:"*) return ;;
  esac
  if [ -z "${HOME-}" ]; then
    say "add $dir to PATH"
    return
  fi
  case $dir in
    *[\"\$\`\\:]*)
      say "add $dir to PATH: its name cannot be written into the start-up files of shells"
      return
      ;;
  esac
  start_up_files | while read -r file; do
    add_line "$file" "$path_line"
  done
  # Directories share the file, each with a line.
  if [ -d "$HOME/.config/fish" ]; then
    mkdir -p "$HOME/.config/fish/conf.d"
    add_line "$HOME/$fish_file" "$fish_line"
  fi
  say "open a new shell, or run: export PATH=\"$dir:\$PATH\""
}

# has_line FILE LINE
has_line() {
  [ -f "$1" ] || return 1
  while IFS= read -r line || [ -n "$line" ]; do
    [ "$line" != "$2" ] || return 0
  done <"$1"
  return 1
}

# add_line FILE LINE: adds it at the end, once.
add_line() {
  if has_line "$1" "$2"; then return; fi
  # A last line without an end would be joined with ours.
  (
    [ ! -s "$1" ] || [ -z "$(tail -c 1 "$1")" ] || printf '\n' >>"$1"
    printf '%s\n' "$2" >>"$1"
  ) 2>/dev/null || say "note: cannot write $1"
}

# remove_line FILE LINE: fails if it is not there. The file keeps its place, its mode and its links.
remove_line() {
  has_line "$1" "$2" || return 1
  kept=$(while IFS= read -r line || [ -n "$line" ]; do
    [ "$line" = "$2" ] || printf '%s\n' "$line"
  done <"$1" && echo .)
  printf '%s' "${kept%.}" >"$1"
}

uninstall() {
  [ -f "$receipt" ] || fail "nothing to remove: there is no $receipt"
  digest /dev/null >/dev/null || fail "sha256sum, shasum or openssl is needed to see what was changed"
  old=$(entries "$receipt")
  while read -r sum program; do
    [ -z "$program" ] || forget "$program"
  done <<OLD
$old
OLD
  rm -f "$receipt" || fail "cannot remove $receipt"
  [ "$edit" = 1 ] && [ -n "${HOME-}" ] || return 0
  if remove_line "$HOME/$fish_file" "$fish_line"; then
    [ -s "$HOME/$fish_file" ] || rm -f "$HOME/$fish_file"
  fi
  start_up_files | while read -r file; do
    remove_line "$file" "$path_line" || continue
  done
}

main() {
  quiet=0 print=0 remove=0 edit=1 force=0 target='' from='' wanted='' all=0
  dir=${@PREFIX@_INSTALL_DIR-} url=${@PREFIX@_INSTALL_URL-$url_default}
  [ "${@PREFIX@_NO_MODIFY_PATH-}" != 1 ] || edit=0
  while [ $# -gt 0 ]; do
    case $1 in
      --dir=* | --target=* | --url=* | --from=*)
        option=${1%%=*} value=${1#*=}
        ;;
      --dir | --target | --url | --from)
        [ $# -gt 1 ] || fail "$1 needs a value (--help)"
        option=$1 value=$2
        shift
        ;;
      --force) force=1 option= ;;
      --no-modify-path) edit=0 option= ;;
      --print) print=1 option= ;;
      --uninstall) remove=1 option= ;;
      -q | --quiet) quiet=1 option= ;;
      -h | --help)
        usage
        return
        ;;
      -V | --version)
        printf '%s %s\n' "$name" "$version"
        return
        ;;
      -*) fail "unknown option $1 (--help)" ;;
      *)
        case " $(packages)" in
          *" $1 "*) wanted="$wanted $1" option= ;;
          *) fail "there is no package $1 in $name $version; it has $(packages)" ;;
        esac
        ;;
    esac
    case $option in
      --dir) dir=$value ;;
      --target) target=$value ;;
      --url) url=$value ;;
      --from) from=$value ;;
    esac
    shift
  done
  url=${url%/}
  if [ -z "$wanted" ]; then all=1 wanted=$(packages); fi
  if [ -z "$dir" ]; then
    [ -n "${HOME-}" ] || fail "HOME is not set: choose a directory with --dir DIR"
    dir=$HOME/$dir_default
  fi
  case $dir in
    /*) ;;
    *) dir=$(pwd)/$dir ;;
  esac
  [ "$dir" = / ] || dir=${dir%/}
  case $dir in
    *"
"*) fail "a directory with a line break in its name cannot be used" ;;
  esac
  receipt=$dir/.$name-receipt
  path_line="export PATH=\"$dir:\$PATH\" # $name"
  fish_file=.config/fish/conf.d/$name.fish
  fish_line="fish_add_path \"$dir\" # $name"
  [ ! -d "$receipt" ] || fail "$receipt is a directory"
  if [ "$remove" = 1 ]; then
    [ "$all" = 1 ] || fail "--uninstall removes all packages, and takes none"
    uninstall
  elif [ "$print" = 1 ]; then
    for package in $wanted; do
      choose "$package"
      printf '%s %s %s %s\n' "$package" "$triple" "${from:-${url:-URL}}/$archive" "$sum"
      for program in $(words "$programs"); do printf '  %s\n' "$dir/$program"; done
    done
  else
    install
  fi
}

# zsh splits words as other shells do only if it is asked to.
[ -z "${ZSH_VERSION-}" ] || emulate sh
{ main "$@"; }

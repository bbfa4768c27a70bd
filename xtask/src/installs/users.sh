# What a user of a release does on a machine. Before it: `url`, and the function `get`, which prints
# what an address has.

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Tells what the directories of users have, but for empty files.
contents() {
  find /root /tmp /usr/bin /usr/share/doc /etc -type f -size +0 ! -path /etc/ld.so.cache -exec sha256sum {} + | sort
}

# healthy PROGRAM: asks the service that has told its address in /tmp/said.
healthy() {
  tries=0
  until grep -q '^listening on ' /tmp/said; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || die "$1 does not listen"
    sleep 0.1
  done
  health=$(get "http://$(sed -n 's/^listening on //p' /tmp/said)/health")
  [ "$health" = "{\"service\":\"$1\",\"version\":\"0.1.0\",\"status\":\"ok\"}" ] || die "$1 answers: $health"
}

# started DIRECTORY PROGRAM: a service prints its version, listens, answers, and ends when told to.
started() {
  version=$("$1/$2" --version)
  [ "$version" = "$2 0.1.0" ] || die "$2 --version prints $version"
  "$1/$2" >/tmp/said 2>&1 &
  healthy "$2"
  kill "$!"
  wait "$!" || :
  rm /tmp/said
}

# by_script PACKAGE PROGRAMS [ARGUMENT]...: installs a package by install.sh, starts its programs, and
# removes it. Prints what install.sh says.
by_script() {
  package=$1 programs=$2
  shift 2
  cd
  before=$(contents)
  get "$url/install.sh" | sh -s -- "$@" "$package" 2>&1
  bin=$HOME/.local/bin
  (cd "$bin" && sha256sum -c .chat-receipt >/dev/null) || die "the receipt does not hold"
  listed=$(sed 's/^[0-9a-f]*  //' "$bin/.chat-receipt" | sort | tr '\n' ' ')
  [ "$listed" = "$programs " ] || die "the receipt lists $listed"
  # As the next shell of the user finds it.
  for program in $programs; do
    found=$(sh -c '. ./.profile >/dev/null 2>&1; command -v "$0"' "$program")
    [ "$found" = "$bin/$program" ] || die "PATH has $found"
    started "$bin" "$program"
  done
  get "$url/install.sh" | sh -s -- --uninstall >/dev/null 2>&1
  [ "$before" = "$(contents)" ] || die "something stays: $(contents)"
}

# all_by_script: installs all packages, once more while a program of them runs, and removes them.
all_by_script() {
  cd
  before=$(contents)
  get "$url/install.sh" >install.sh
  sh install.sh 2>&1
  bin=$HOME/.local/bin
  "$bin/chat-server" >/tmp/said 2>&1 &
  healthy chat-server
  sh install.sh >/dev/null 2>&1
  health=$(get "http://$(sed -n 's/^listening on //p' /tmp/said)/health")
  [ -n "$health" ] || die "the program that ran does not answer"
  kill "$!"
  (cd "$bin" && sha256sum -c .chat-receipt >/dev/null) || die "the receipt does not hold"
  rm /tmp/said
  sh install.sh --uninstall >/dev/null 2>&1
  rm install.sh
  [ "$before" = "$(contents)" ] || die "something stays: $(contents)"
}

# by_dpkg PACKAGE PROGRAMS: installs a package by dpkg, starts its programs, and removes it.
by_dpkg() {
  cd
  before=$(contents)
  deb=$1_0.1.0-1_$(dpkg --print-architecture).deb
  get "$url/$deb" >"/tmp/$deb"
  dpkg --install "/tmp/$deb"
  rm "/tmp/$deb"
  changed=$(dpkg --verify "$1")
  [ -z "$changed" ] || die "dpkg --verify: $changed"
  for program in $2; do
    started /usr/bin "$program"
  done
  dpkg --purge "$1" >/dev/null
  [ "$before" = "$(contents)" ] || die "something stays: $(contents)"
}

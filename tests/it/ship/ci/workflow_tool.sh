#!/bin/sh
# Written by `cargo xpkg ci init --for github`: installs cargo xpkg in a job.
set -e
place=$(mktemp -d)
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    url='https://get.example/cargo-xpkg-x86_64-unknown-linux-musl.tar.gz'
    sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    ;;
  *)
    echo "ci.tool.archives has no archive for $(uname -s)-$(uname -m)" >&2
    exit 1
    ;;
esac
curl -fsSL --retry 3 --proto '=https,file' --proto-redir '=https' -o "$place/archive" "$url"
echo "$sha256  $place/archive" | sha256sum -c -
mkdir "$place/files" "$place/bin"
tar -xf "$place/archive" -C "$place/files"
find "$place/files" -type f -name cargo-xpkg -exec mv {} "$place/bin/" \;
chmod 755 "$place/bin/cargo-xpkg"
PATH="$place/bin:$PATH"
export PATH
if test -n "${GITHUB_PATH:-}"; then echo "$place/bin" >> "$GITHUB_PATH"; fi
found=$(cargo xpkg --version)
if test "$found" != 'cargo xpkg 0.1.0'; then
  echo "this workflow is of cargo xpkg 0.1.0, and here is $found" >&2
  exit 1
fi
# Written by `cargo xpkg ci init`, to this line: sha256:f97bb4be3600097cdf7f7bfd4979a3f26c089b7acc7ecc887619e4b897d5c2fb

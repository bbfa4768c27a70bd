# `cargo xpkg …`: the words from `xpkg` on.
complete --keep-order --exclusive --command cargo --condition "__fish_seen_subcommand_from xpkg" --arguments "(CARGO_XPKG_COMPLETE=fish cargo-xpkg -- (commandline --current-process --tokenize --cut-at-cursor)[2..] (commandline --current-token))"

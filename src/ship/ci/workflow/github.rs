//! The workflow of GitHub Actions and of Forgejo Actions. Pure.
//!
//! Values of events, configuration and other jobs reach a shell by `env:` alone: an expression in
//! `run:` would be shell text before a shell sees it.
//!
//! Sources: GitHub Docs, Workflow syntax, Script injections, Contexts; Forgejo Docs, Actions.

use crate::ship::ci::assigned::{list, scalar};
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::settings::{Credentials, Workflow};

/// An action by the SHA of its commit: what a tag names can change.
struct Action {
    name: &'static str,
    commit: &'static str,
    version: &'static str,
}

const CHECKOUT: Action = Action {
    name: "actions/checkout",
    commit: "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    version: "v5.0.0",
};
const RESTORE: Action = Action {
    name: "actions/cache/restore",
    commit: "0057852bfaa89a56745cba8c7296529d2fc39830",
    version: "v4.3.0",
};
const SAVE: Action = Action {
    name: "actions/cache/save",
    commit: "0057852bfaa89a56745cba8c7296529d2fc39830",
    version: "v4.3.0",
};
const UPLOAD: Action = Action {
    name: "actions/upload-artifact",
    commit: "330a01c490aca151604b8cf639adc76d48f6c5d4",
    version: "v5.0.0",
};
const DOWNLOAD: Action = Action {
    name: "actions/download-artifact",
    commit: "634f93cb2916e3fdff6788551b99b062d0335ce0",
    version: "v5.0.0",
};
const ATTEST: Action = Action {
    name: "actions/attest-build-provenance",
    commit: "977bb373ede98d70efdf65b84cb5f73e068dcc2a",
    version: "v3.0.0",
};
/// The newest that take Forgejo for what it is: v4 and later refuse servers that are not GitHub's.
const FORGEJO_UPLOAD: Action = Action {
    name: "actions/upload-artifact",
    commit: "a8a3f3ad30e3422c9c7b888a15615d19a852ae32",
    version: "v3.1.3",
};
const FORGEJO_DOWNLOAD: Action = Action {
    name: "actions/download-artifact",
    commit: "9bc31d5ccc31df68ecc42ccf4149144866c47d8a",
    version: "v3.0.2",
};

/// Where Forgejo's runners find actions, whatever the server's default is.
const FORGEJO_ACTIONS: &str = "https://data.forgejo.org/";

/// Condition of the jobs that a tag starts.
const ON_TAG: &str = "startsWith(github.ref, 'refs/tags/')";

/// Returns the workflow.
pub fn text(workflow: &Workflow) -> String {
    let Workflow {
        forge,
        path: _,
        branches,
        tags,
        sets: _,
        labels: _,
        minutes: _,
        setup: _,
        tool: _,
        release_flags: _,
        docker,
        registry,
        attest,
        publish,
        image: _,
        services: _,
    } = workflow;
    let names = |names: &[String]| list(names.iter().map(|name| scalar(name)));
    let mut text = format!(
        "# Written by `cargo xpkg ci init --for {}` from the configuration of xpkg. Change that, and \
         write this file again.\n",
        forge.name()
    );
    text += &format!(
        "name: xpkg\n\
         on:\n\
         \x20 push:\n\
         \x20   branches: {}\n\
         \x20   tags: {}\n\
         \x20 pull_request:\n",
        names(branches),
        names(tags)
    );
    text += "\
# No job may do more than it says.
permissions: {}
concurrency:
  group: xpkg-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}
defaults:
  run:
    shell: bash
jobs:
";
    let jobs = Jobs { workflow };
    let mut always = vec!["plan", "leg", "merge", "verify"];
    text += &jobs.plan();
    text += &jobs.leg();
    text += &jobs.merge();
    text += &jobs.verify();
    if *docker {
        always.push("docker");
        text += &jobs.docker();
    }
    let mut tagged = vec!["release"];
    text += &jobs.release(&always);
    if *attest {
        tagged.push("attest");
        text += &jobs.attest();
    }
    if let Some(registry) = registry {
        tagged.push("push");
        text += &jobs.push(registry);
    }
    if let Some(publication) = publish {
        text += &jobs.publish(&publication.credentials, &tagged);
        tagged.push("publish");
    }
    text + &jobs.done(&always, &tagged)
}

/// What a job has beside its steps.
struct Head<'a> {
    name: &'a str,
    needs: &'a [&'a str],
    is_tagged: bool,
    minutes: u32,
    permissions: &'a [&'a str],
    /// Labels of its runner, if they are its own.
    runner: Option<&'a str>,
    /// More lines of the job, indented.
    more: &'a str,
}

/// Jobs of a workflow.
struct Jobs<'a> {
    workflow: &'a Workflow,
}

impl Jobs<'_> {
    /// Returns the lines of a job up to its steps.
    fn head(&self, head: &Head) -> String {
        let Head {
            name,
            needs,
            is_tagged,
            minutes,
            permissions,
            runner,
            more,
        } = head;
        let labels = &self.workflow.labels;
        let default = match labels.as_slice() {
            [one] => scalar(one),
            several => list(several.iter().map(|label| scalar(label))),
        };
        let mut text = format!("  {name}:\n");
        if !needs.is_empty() {
            text += &format!("    needs: [{}]\n", needs.join(", "));
        }
        if *is_tagged {
            text += &format!("    if: {ON_TAG}\n");
        }
        text += &format!("    runs-on: {}\n", runner.unwrap_or(&default));
        text += &format!("    timeout-minutes: {minutes}\n");
        if permissions.is_empty() {
            text += "    permissions: {}\n";
        } else {
            text += "    permissions:\n";
            text.extend(permissions.iter().map(|line| format!("      {line}\n")));
        }
        text + more + "    steps:\n"
    }

    /// Returns a step that uses an action, with its inputs.
    fn uses(&self, action: &Action, more: &[&str]) -> String {
        let server = match self.workflow.forge {
            Forge::Forgejo => FORGEJO_ACTIONS,
            Forge::Github | Forge::Gitlab => "",
        };
        let Action {
            name,
            commit,
            version,
        } = action;
        let mut text = format!("      - uses: {server}{name}@{commit} # {version}\n");
        text.extend(more.iter().map(|line| format!("        {line}\n")));
        text
    }

    /// Returns the steps that every job with this program begins with.
    fn begin(&self) -> String {
        let checkout = self.uses(&CHECKOUT, &["with:", "  persist-credentials: false"]);
        format!(
            "{checkout}      - run: bash {}\n",
            self.workflow.forge.tool_path()
        )
    }

    /// Returns the step that keeps a file of the runner's temporary directory.
    fn upload(&self, name: &str, file: &str, days: u32) -> String {
        let name = format!("  name: {name}");
        let path = format!("  path: ${{{{ runner.temp }}}}/{file}");
        let days = format!("  retention-days: {days}");
        let mut lines = vec!["with:", &name, &path, &days, "  if-no-files-found: error"];
        if self.workflow.forge == Forge::Forgejo {
            return self.uses(&FORGEJO_UPLOAD, &lines);
        }
        // A job that runs again replaces what it kept before; tars are not compressed again.
        lines.extend(["  overwrite: true", "  compression-level: 0"]);
        self.uses(&UPLOAD, &lines)
    }

    /// Returns the step that fetches what another job has kept.
    fn download(&self, name: &str, directory: &str) -> String {
        let name = format!("  name: {name}");
        let path = format!("  path: ${{{{ runner.temp }}}}{directory}");
        let action = match self.workflow.forge {
            Forge::Forgejo => &FORGEJO_DOWNLOAD,
            Forge::Github | Forge::Gitlab => &DOWNLOAD,
        };
        self.uses(action, &["with:", &name, &path])
    }

    fn plan(&self) -> String {
        let head = self.head(&Head {
            name: "plan",
            needs: &[],
            is_tagged: false,
            minutes: 20,
            permissions: &["contents: read"],
            runner: None,
            more: "    outputs:\n      matrix: ${{ steps.legs.outputs.matrix }}\n      expected: ${{ \
                   steps.legs.outputs.expected }}\n",
        });
        let forge = self.workflow.forge.name();
        let choice = match (self.workflow.sets.pr, self.workflow.sets.main) {
            (false, false) => "",
            (true, false) => {
                "          if test \"$EVENT\" = pull_request; then set -- \"$@\" --set pr; fi\n"
            }
            (false, true) => {
                "          if test \"$EVENT\" != pull_request; then set -- \"$@\" --set main; fi\n"
            }
            (true, true) => {
                "          if test \"$EVENT\" = pull_request; then\n            set -- \"$@\" --set \
                 pr\n          else\n            set -- \"$@\" --set main\n          fi\n"
            }
        };
        let event = if choice.is_empty() {
            ""
        } else {
            "          EVENT: ${{ github.event_name }}\n"
        };
        let (is_tag, lists) = match self.workflow.release_flags.as_str() {
            "" => (String::new(), String::new()),
            flags => (
                format!("          IS_TAG: ${{{{ {ON_TAG} }}}}\n"),
                format!("          if test \"$IS_TAG\" = true; then set -- \"$@\" {flags}; fi\n"),
            ),
        };
        let env = match format!("{event}{is_tag}") {
            env if env.is_empty() => env,
            env => format!("        env:\n{env}"),
        };
        // The list of what is expected is an artifact, which other jobs could exchange; its digest
        // is an output of this job, which they cannot.
        let legs = format!(
            "      - id: legs\n{env}        run: |
          set -- --locked
{choice}{lists}          matrix=$(cargo xpkg matrix --for {forge} \"$@\")
          cargo xpkg matrix --for json \"$@\" > \"$RUNNER_TEMP/legs.json\"
          expected=$(sha256sum < \"$RUNNER_TEMP/legs.json\")
          echo \"matrix=$matrix\" >> \"$GITHUB_OUTPUT\"
          echo \"expected=${{expected%% *}}\" >> \"$GITHUB_OUTPUT\"\n"
        );
        format!(
            "{head}{}      - run: cargo xpkg ci check --for {forge}\n{legs}{}",
            self.begin(),
            self.upload("expected", "legs.json", 1)
        )
    }

    fn leg(&self) -> String {
        let head = self.head(&Head {
            name: "leg",
            needs: &["plan"],
            is_tagged: false,
            minutes: self.workflow.minutes,
            permissions: &["contents: read"],
            runner: Some("${{ matrix.runner }}"),
            more: "    name: ${{ matrix.leg }}\n    strategy:\n      \
                   fail-fast: false\n      matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}\n",
        });
        // A release takes nothing from a cache, and only a push saves one: what a pull request
        // brings stays there.
        let restore = self.uses(
            &RESTORE,
            &[
                "id: cache",
                &format!("if: ${{{{ !{ON_TAG} }}}}"),
                "with:",
                "  path: |",
                "    ~/.cargo/registry/cache",
                "    ${{ steps.key.outputs.path }}",
                "  key: ${{ steps.key.outputs.key }}",
                "  restore-keys: ${{ steps.key.outputs.restore-keys }}",
            ],
        );
        let saves = "github.event_name == 'push' && steps.cache.outcome == 'success' && \
                     steps.cache.outputs.cache-hit != 'true'";
        let prune = PRUNE.replace("@IF@", saves);
        let save = self.uses(
            &SAVE,
            &[
                &format!("if: {saves}"),
                "with:",
                "  path: |",
                "    ~/.cargo/registry/cache",
                "    ${{ steps.key.outputs.path }}",
                "  key: ${{ steps.key.outputs.key }}",
            ],
        );
        let setup = match self.workflow.setup.as_slice() {
            [] => String::new(),
            lines => {
                let lines = lines.iter().map(|line| format!("          {line}\n"));
                format!("      - run: |\n{}", lines.collect::<String>())
            }
        };
        let upload = self.upload("${{ matrix.artifact }}", "leg.tar", 1);
        let cache_key = CACHE_KEY.replace("@IF@", &format!("${{{{ !{ON_TAG} }}}}"));
        format!(
            "{head}{}{TARGET}{setup}{cache_key}{restore}{BUILD}{upload}{prune}{save}",
            self.begin()
        )
    }

    fn merge(&self) -> String {
        let head = self.head(&Head {
            name: "merge",
            needs: &["plan", "leg"],
            is_tagged: false,
            minutes: 20,
            permissions: &["contents: read"],
            runner: None,
            more: "",
        });
        let legs = match self.workflow.forge {
            Forge::Github | Forge::Gitlab => self.uses(
                &DOWNLOAD,
                &[
                    "with:",
                    "  pattern: xpkg-*",
                    "  path: ${{ runner.temp }}/legs",
                ],
            ),
            // It takes no pattern, but all artifacts.
            Forge::Forgejo => self.uses(
                &FORGEJO_DOWNLOAD,
                &["with:", "  path: ${{ runner.temp }}/legs"],
            ),
        };
        let run = r#"      - env:
          EXPECTED: ${{ needs.plan.outputs.expected }}
        run: |
          echo "$EXPECTED  $RUNNER_TEMP/legs.json" | sha256sum -c -
          cargo xpkg merge "$RUNNER_TEMP"/legs/xpkg-*/leg.tar --expect "$RUNNER_TEMP/legs.json" \
            --out-dir "$RUNNER_TEMP/merged"
          tar -cf "$RUNNER_TEMP/tree.tar" -C "$RUNNER_TEMP/merged" .
"#;
        format!(
            "{head}{}{}{legs}{run}{}",
            self.begin(),
            self.download("expected", ""),
            self.upload("tree", "tree.tar", 7)
        )
    }

    fn verify(&self) -> String {
        let head = self.head(&Head {
            name: "verify",
            needs: &["merge"],
            is_tagged: false,
            minutes: 20,
            permissions: &["contents: read"],
            runner: None,
            more: "",
        });
        format!(
            "{head}{}{}      - run: cargo xpkg verify \"$RUNNER_TEMP/tree.tar\"\n",
            self.begin(),
            self.download("tree", "")
        )
    }

    fn docker(&self) -> String {
        let head = self.head(&Head {
            name: "docker",
            needs: &["verify"],
            is_tagged: false,
            minutes: 30,
            permissions: &["contents: read"],
            runner: None,
            more: "",
        });
        format!(
            "{head}{}{}      - run: |\n{}          docker buildx bake --set '*.output=type=cacheonly'\n",
            self.begin(),
            self.download("tree", ""),
            CONTEXT
        )
    }

    fn release(&self, needs: &[&str]) -> String {
        let last = needs.last().copied().unwrap_or("verify");
        let head = self.head(&Head {
            name: "release",
            needs: &[last],
            is_tagged: true,
            minutes: 30,
            permissions: &["contents: read"],
            runner: None,
            more: "",
        });
        let run = r#"      - run: |
          cargo xpkg release --from "$RUNNER_TEMP/tree.tar" --tag "$GITHUB_REF_NAME" \
            --release-dir "$RUNNER_TEMP/release"
          tar -cf "$RUNNER_TEMP/release.tar" -C "$RUNNER_TEMP/release" .
"#;
        format!(
            "{head}{}{}{run}{}",
            self.begin(),
            self.download("tree", ""),
            self.upload("release", "release.tar", 30)
        )
    }

    /// Returns the job that has the files of a release attested. It alone has the token for it, and
    /// it has verified what it is for.
    fn attest(&self) -> String {
        let head = self.head(&Head {
            name: "attest",
            needs: &["release"],
            is_tagged: true,
            minutes: 20,
            permissions: &["contents: read", "id-token: write", "attestations: write"],
            runner: None,
            more: "",
        });
        let run = r#"      - run: |
          mkdir "$RUNNER_TEMP/release"
          tar -xf "$RUNNER_TEMP/release.tar" -C "$RUNNER_TEMP/release"
          cargo xpkg verify "$RUNNER_TEMP/release" --require-list
"#;
        let sums = "  subject-checksums: ${{ runner.temp }}/release/SHA256SUMS";
        format!(
            "{head}{}{}{run}{}",
            self.begin(),
            self.download("release", ""),
            self.uses(&ATTEST, &["with:", sums])
        )
    }

    fn push(&self, registry: &str) -> String {
        let is_githubs = self.workflow.forge == Forge::Github && registry.starts_with("ghcr.io/");
        let permissions: &[&str] = if is_githubs {
            &["contents: read", "packages: write"]
        } else {
            &["contents: read"]
        };
        let (user, password) = if is_githubs {
            ("github.actor", "github.token")
        } else {
            ("secrets.REGISTRY_USER", "secrets.REGISTRY_PASSWORD")
        };
        let head = self.head(&Head {
            name: "push",
            needs: &["docker", "release"],
            is_tagged: true,
            minutes: 30,
            permissions,
            runner: None,
            more: self.environment(),
        });
        let run = format!(
            "      - env:
          REGISTRY: {}
          REGISTRY_USER: ${{{{ {user} }}}}
          REGISTRY_PASSWORD: ${{{{ {password} }}}}
        run: |
          echo \"$REGISTRY_PASSWORD\" | docker login --username \"$REGISTRY_USER\" --password-stdin \\
            \"${{REGISTRY%%/*}}\"
{CONTEXT}          TAG=\"sha-$GITHUB_SHA\" docker buildx bake --push
",
            scalar(registry)
        );
        format!("{head}{}{}{run}", self.begin(), self.download("tree", ""))
    }

    /// Returns the line that gives a job the secrets of an environment, which can ask for reviews.
    fn environment(&self) -> &'static str {
        match self.workflow.forge {
            Forge::Github => "    environment: release\n",
            Forge::Forgejo | Forge::Gitlab => "",
        }
    }

    fn publish(&self, credentials: &Credentials, needs: &[&str]) -> String {
        let permissions: &[&str] = match credentials {
            Credentials::Role(_) => &["contents: read", "id-token: write"],
            Credentials::None | Credentials::Key => &["contents: read"],
        };
        let head = self.head(&Head {
            name: "publish",
            needs,
            is_tagged: true,
            minutes: 30,
            permissions,
            runner: None,
            // Two releases at once are safe, and no more useful.
            more: &format!(
                "{}    concurrency:\n      group: xpkg-publish\n",
                self.environment()
            ),
        });
        let (env, token) = match credentials {
            Credentials::None => ("      - run: |\n".to_owned(), ""),
            Credentials::Key => (KEY.to_owned(), ""),
            Credentials::Role(role) => (ROLE.replace("@ROLE@", &scalar(role)), TOKEN),
        };
        let run = format!(
            "{env}{token}          mkdir \"$RUNNER_TEMP/release\"
          tar -xf \"$RUNNER_TEMP/release.tar\" -C \"$RUNNER_TEMP/release\"
          cargo xpkg publish \"$RUNNER_TEMP/release\"
"
        );
        format!(
            "{head}{}{}{run}",
            self.begin(),
            self.download("release", "")
        )
    }

    /// Returns the job to require in the rules of a branch: a job that was skipped counts as
    /// success there, and this one never is.
    fn done(&self, always: &[&str], tagged: &[&str]) -> String {
        let all: Vec<&str> = always.iter().chain(tagged).copied().collect();
        let head = self.head(&Head {
            name: "done",
            needs: &all,
            is_tagged: false,
            minutes: 5,
            permissions: &[],
            runner: None,
            more: "    if: always()\n",
        });
        let results = |jobs: &[&str]| {
            let results = jobs
                .iter()
                .map(|job| format!("{job}=${{{{ needs.{job}.result }}}}"));
            results.collect::<Vec<_>>().join(" ")
        };
        format!(
            r#"{head}      - env:
          RESULTS: {}
          RESULTS_OF_TAGS: {}
          IS_TAG: ${{{{ {ON_TAG} }}}}
        run: |
          if test "$IS_TAG" = true; then RESULTS="$RESULTS $RESULTS_OF_TAGS"; fi
          failed=
          for result in $RESULTS; do
            case $result in
              *=success) ;;
              *) failed="$failed $result" ;;
            esac
          done
          if test -n "$failed"; then
            echo "not successful:$failed"
            exit 1
          fi
"#,
            results(always),
            results(tagged)
        )
    }
}

/// Lines that write the context of the images and start a builder for all platforms.
const CONTEXT: &str = r#"          cargo xpkg docker --from "$RUNNER_TEMP/tree.tar" --context "$RUNNER_TEMP/context"
          cd "$RUNNER_TEMP/context"
          docker buildx create --use
"#;

/// Lines that write the token of GitHub that AWS takes.
const TOKEN: &str = r#"          printf 'Authorization: bearer %s' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
            curl -fsS -H @- "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" |
            sed 's/.*"value":"\([^"]*\)".*/\1/' > "$AWS_WEB_IDENTITY_TOKEN_FILE"
"#;

/// Step that installs the standard library of a leg's target. A floor of glibc is no part of its
/// name.
const TARGET: &str = r#"      - env:
          TARGET: ${{ matrix.target }}
        run: |
          if command -v rustup; then rustup target add "${TARGET%%.[0-9]*}"; fi
"#;

/// Step that prints the key of a leg's cache, and what is in it.
const CACHE_KEY: &str = r#"      - id: key
        if: @IF@
        env:
          ARGS: ${{ matrix.args }}
        run: eval "cargo xpkg cache key --for github $ARGS" >> "$GITHUB_OUTPUT"
"#;

/// Step that leaves in the cache what the next build uses.
const PRUNE: &str = r#"      - if: @IF@
        env:
          ARGS: ${{ matrix.args }}
        run: eval "cargo xpkg cache prune $ARGS"
"#;

/// Steps that build a leg, show the digest of its manifest, and pack its tree: artifacts lose modes.
const BUILD: &str = r#"      - env:
          ARGS: ${{ matrix.args }}
        run: eval "cargo xpkg build $ARGS"
      - env:
          LEG: ${{ matrix.leg }}
          TREE: ${{ matrix.tree }}
        run: |
          digest=$(sha256sum < "$TREE/manifest.json")
          echo "--leg $LEG=sha256:${digest%% *}" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
          tar -cf "$RUNNER_TEMP/leg.tar" -C "$TREE" .
"#;

/// Beginning of a step with the key of a store.
const KEY: &str = "      - env:
          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}
          AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
        run: |
";

/// Beginning of a step with a role of AWS.
const ROLE: &str = "      - env:
          AWS_ROLE_ARN: @ROLE@
          AWS_WEB_IDENTITY_TOKEN_FILE: ${{ runner.temp }}/token
        run: |
";

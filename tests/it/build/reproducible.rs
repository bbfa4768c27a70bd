//! The same bytes in another directory, with another home of cargo, in another locale.

use crate::support::{HOST, Project, X86_MUSL, repository};

/// A program with code that its build script wrote, C that knows its file, and a panic of a
/// dependency's.
const MAIN: &str = r#"
include!(concat!(env!("OUT_DIR"), "/written.rs"));

unsafe extern "C" {
    safe fn place() -> *const std::ffi::c_char;
}

fn main() {
    let place = unsafe { std::ffi::CStr::from_ptr(place()) };
    println!("{} {:?} {}", written(3), place, option_env!("SOURCE_DATE_EPOCH").unwrap_or("-"));
}
"#;

const BUILD: &str = r#"
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let text = "fn written(at: usize) -> u8 { let all = std::env::args().map(|_| 1).collect::<Vec<u8>>(); \
                all.get(at).copied().unwrap_or_else(|| all[0]) }";
    std::fs::write(format!("{out}/written.rs"), text).unwrap();
    let file = std::path::Path::new("c/place.c").canonicalize().unwrap();
    cc::Build::new().file(file).compile("place");
}
"#;

/// Makes two copies of the program, in directories of other lengths, each with its home of cargo.
fn copies() -> Project {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("cc")
        .with("ar");
    let fixture = repository().join("fixtures/with-c");
    let registry = std::env::var("CARGO_HOME").unwrap_or_else(|_| {
        let home = std::env::var("HOME").unwrap();
        format!("{home}/.cargo")
    });
    for place in ["one", "another/and/longer/place"] {
        for file in ["Cargo.toml", "Cargo.lock"] {
            let text = std::fs::read_to_string(fixture.join(file)).unwrap();
            project.write(&format!("{place}/app/{file}"), &text);
        }
        project.write(&format!("{place}/app/src/main.rs"), MAIN);
        project.write(&format!("{place}/app/build.rs"), BUILD);
        project.write(
            &format!("{place}/app/c/place.c"),
            "const char *place(void) { return __FILE__; }\n",
        );
        let home = project.path(&format!("{place}/home/.cargo"));
        std::fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::symlink(format!("{registry}/registry"), home.join("registry")).unwrap();
    }
    project
}

/// Builds one of the copies, and returns both of its manifests.
fn manifests(project: &Project, place: &str, locale: &str, args: &str) -> [String; 2] {
    let home = project.path(&format!("{place}/home/.cargo"));
    let variables = [
        ("CARGO_HOME", home.to_str().unwrap()),
        ("LC_ALL", locale),
        ("CARGO_BUILD_JOBS", if locale == "C" { "1" } else { "2" }),
    ];
    let manifest = format!("{place}/app/Cargo.toml");
    let line = format!("build -q --locked --offline --manifest-path {manifest} {args}");
    project.xpkg_with(&variables, &line).ok();
    let tree = format!("{place}/app/target/xpkg");
    ["MANIFEST.txt", "manifest.json"].map(|file| project.read(&format!("{tree}/{file}")))
}

#[test]
fn programs_are_the_same_in_another_directory() {
    let project = copies();
    let [one, other] = ["one", "another/and/longer/place"];
    let targets = format!("--target {X86_MUSL},{HOST}");
    let args = format!("{targets} --reproducible");
    let first = manifests(&project, one, "C", &args);
    let second = manifests(&project, other, "en_US.UTF-8", &args);
    assert_eq!(first, second);
    assert!(first[1].contains("\"reproducible\": true"), "{}", first[1]);
    let program = project.path(&format!("{one}/app/target/xpkg/{HOST}/with-c/with-c"));
    let printed = std::process::Command::new(&program).output().unwrap();
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        "1 \"/build/c/place.c\" -\n"
    );
    // What the flag is for.
    let first = manifests(&project, one, "C", &targets);
    let second = manifests(&project, other, "C", &targets);
    assert_ne!(first[0], second[0]);
    assert!(!first[1].contains("reproducible"), "{}", first[1]);
}

#[test]
fn flags_and_dates_of_the_user_have_precedence() {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
        .env("CFLAGS_x86_64-unknown-linux-musl", "-DMINE")
        .env("RUSTFLAGS", "--cfg mine");
    project.commit();
    let root = project.root.display();
    let plan = |variables: &[(&str, &str)], args: &str| {
        let line = format!("plan --target {X86_MUSL} {args}");
        project.xpkg_with(variables, &line).ok().stdout
    };
    let reproducible = plan(&[], "--reproducible");
    for expected in [
        "  bytes       the same on every machine: no directories of this one, the commit's time\n",
        &format!("CFLAGS_x86_64-unknown-linux-musl='-DMINE -ffile-prefix-map={root}=/build "),
        &format!("CXXFLAGS_x86_64_unknown_linux_musl='-ffile-prefix-map={root}=/build "),
        " '--remap-path-prefix=",
        "' --cfg mine)\"",
        "SOURCE_DATE_EPOCH=",
    ] {
        assert!(
            reproducible.contains(expected),
            "{expected}\n{reproducible}"
        );
    }
    project.write("xpkg.toml", "reproducible = true\n");
    assert_eq!(plan(&[], ""), reproducible);
    let dated = plan(&[("SOURCE_DATE_EPOCH", "1")], "");
    assert!(
        dated.contains("SOURCE_DATE_EPOCH=1  # set by you\n"),
        "{dated}"
    );
}

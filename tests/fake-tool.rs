//! A tool that does what the script beside it says: `<own path>.script`, a line an action.
//!
//! - `out TEXT`, `err TEXT`: print a line
//! - `exit N`: end
//! - `sleep SECONDS`: hang
//! - `await FILE`: hang until FILE is there
//! - `flood MEGABYTES`: print that much
//! - `crash`: end by a signal
//! - `log FILE`: append the arguments to FILE
//! - `touch FILE`: make FILE and its directories
//! - `give FILE`: copy FILE to the argument behind `-o`, as a linker that links something else
//! - `run`: run the first argument with the others, as a wrapper does, and end as it does
//! - `exec PROGRAM`: hand the same arguments to PROGRAM and end as it does
//!
//! `on WORD ACTION` acts only where an argument is WORD or, where WORD is no flag, contains it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test's tool"
)]

use std::io::Write as _;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let script = std::fs::read_to_string(format!(
        "{}.script",
        std::env::current_exe().unwrap().display()
    ))
    .unwrap();
    for line in script.lines() {
        let line = match line.strip_prefix("on ") {
            Some(rest) => match rest.split_once(' ') {
                Some((word, action))
                    if args
                        .iter()
                        .any(|arg| arg == word || !word.starts_with('-') && arg.contains(word)) =>
                {
                    action
                }
                _ => continue,
            },
            None => line,
        };
        let (action, value) = line.split_once(' ').unwrap_or((line, ""));
        match action {
            "out" => println!("{value}"),
            "err" => eprintln!("{value}"),
            "exit" => return ExitCode::from(value.parse::<u8>().unwrap()),
            "sleep" => std::thread::sleep(std::time::Duration::from_secs(value.parse().unwrap())),
            "await" => {
                while !std::path::Path::new(value).exists() {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            "flood" => {
                let line = "x".repeat(1 << 20);
                (0..value.parse::<u32>().unwrap()).for_each(|_| println!("{line}"));
            }
            "crash" => std::process::abort(),
            "log" => {
                let mut file = std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(value)
                    .unwrap();
                writeln!(file, "{}", args.join(" ")).unwrap();
            }
            "touch" => {
                let path = std::path::Path::new(value);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            "give" => {
                let position = args.iter().position(|arg| arg == "-o").unwrap();
                std::fs::copy(value, &args[position + 1]).unwrap();
            }
            "exec" => return ended(Command::new(value).args(&args)),
            "run" => return ended(Command::new(&args[0]).args(&args[1..])),
            other => panic!("`{other}` is no action"),
        }
    }
    ExitCode::SUCCESS
}

fn ended(command: &mut Command) -> ExitCode {
    let code = command.status().unwrap().code().unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap())
}

//! The cells of the task: what each came to, a line each as soon as it ends.

use std::time::Instant;

use crate::command::step;

/// A name, and what is done. It returns a note, or what went wrong.
pub type Cell<'a> = (String, Box<dyn Fn() -> Result<String, String> + 'a>);

pub fn cell<'a>(
    name: impl Into<String>,
    run: impl Fn() -> Result<String, String> + 'a,
) -> Cell<'a> {
    (name.into(), Box::new(run))
}

pub struct Report<'a> {
    /// Parts that a cell's name has to contain.
    filters: &'a [String],
    began: Instant,
    passed: usize,
    failed: Vec<String>,
}

impl<'a> Report<'a> {
    pub fn new(filters: &'a [String]) -> Self {
        Self {
            filters,
            began: Instant::now(),
            passed: 0,
            failed: Vec::new(),
        }
    }

    /// Runs the cells that are asked for, after what all of them need.
    pub fn group(&mut self, needed: Option<Cell>, cells: Vec<Cell>) {
        let is_wanted = |(name, _): &Cell| self.filters.iter().all(|part| name.contains(part));
        let wanted: Vec<Cell> = cells.into_iter().filter(is_wanted).collect();
        if wanted.is_empty() || needed.is_some_and(|cell| !self.run(cell)) {
            return;
        }
        for cell in wanted {
            self.run(cell);
        }
    }

    /// Runs a cell, whatever was asked for. Returns true if it passed.
    pub fn run(&mut self, (name, run): Cell) -> bool {
        step(&name);
        let began = Instant::now();
        let outcome = run();
        let seconds = began.elapsed().as_secs_f64();
        let is_passed = outcome.is_ok();
        let (word, note) = match outcome {
            Ok(note) => ("ok", note),
            Err(problem) => ("FAILED", problem),
        };
        println!("{word:<7} {name} {seconds:.1} s {note}");
        if is_passed {
            self.passed += 1;
        } else {
            self.failed.push(name);
        }
        is_passed
    }

    /// Closes with what cannot be tried, and the numbers.
    ///
    /// # Errors
    /// A cell failed.
    pub fn end(self, skipped: &[(&str, &str)]) -> Result<(), String> {
        for (name, why) in skipped {
            println!("skipped {name}: {why}");
        }
        println!(
            "installs: {} passed, {} failed, {} skipped, {} s",
            self.passed,
            self.failed.len(),
            skipped.len(),
            self.began.elapsed().as_secs()
        );
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(format!("failed: {}", self.failed.join(", ")))
        }
    }
}

#[test]
fn cells_are_chosen_by_their_names_and_counted() {
    let filters = ["bookworm".to_owned()];
    let mut report = Report::new(&filters);
    let fails = || Err("no".to_owned());
    report.group(
        Some(cell("root/bookworm", || Ok(String::new()))),
        vec![
            cell("dpkg/bookworm", || Ok(String::new())),
            cell("dpkg/bullseye", fails),
        ],
    );
    report.group(
        Some(cell("root/busybox", fails)),
        vec![cell("busybox", fails)],
    );
    assert_eq!((report.passed, report.failed.len()), (2, 0));
    report.group(
        Some(cell("root/other", fails)),
        vec![cell("bookworm", || Ok(String::new()))],
    );
    assert_eq!(
        (report.passed, report.failed.as_slice()),
        (2, &["root/other".to_owned()][..])
    );
    assert_eq!(report.end(&[]), Err("failed: root/other".to_owned()));
}

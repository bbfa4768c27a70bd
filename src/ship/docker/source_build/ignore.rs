//! The rules of a `.dockerignore`, as Docker reads them: which files the builder is not sent.
//!
//! Pure. Source: moby/patternmatcher and its `ignorefile`.

/// A rule of a `.dockerignore`.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Text as it was written, for messages.
    written: String,
    /// True for `!`: what it matches is sent.
    sends: bool,
    pattern: Vec<Token>,
}

/// A part of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// This letter.
    Letter(char),
    /// `?`: one letter, not `/`.
    Any,
    /// `*`: letters without `/`.
    Run,
    /// `**` at the end: anything.
    Rest,
    /// `**/`: directories, or none.
    Directories,
    /// `[a-c]`, or `[^a-c]` with true.
    Class(bool, Vec<(char, char)>),
}

/// The rules of a file.
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Parses the text of a `.dockerignore`.
    pub fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| rule(line.trim())).collect())
    }

    /// Returns the rule by which a file is not sent, as it was written; `None` if the file is sent.
    /// `path` is relative to the context. The last rule that matches the path or a directory above
    /// it decides.
    pub fn excludes(&self, path: &str) -> Option<&str> {
        let ends = path.match_indices('/').map(|(end, _)| end);
        let paths: Vec<Vec<char>> = ends
            .chain([path.len()])
            .map(|end| path[..end].chars().collect())
            .collect();
        let matches = |rule: &&Rule| {
            paths
                .iter()
                .any(|path| matches(&rule.pattern, path.as_slice()))
        };
        let last = self.0.iter().rfind(matches)?;
        (!last.sends).then_some(last.written.as_str())
    }
}

/// Parses a line without spaces around it; `None` if it has no rule.
fn rule(line: &str) -> Option<Rule> {
    let (sends, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    let pattern = cleaned(pattern);
    (!pattern.is_empty()).then(|| Rule {
        written: line.to_owned(),
        sends,
        pattern: tokens(&pattern),
    })
}

/// Removes what does not matter in a path: `.`, `..`, and slashes at its ends and in a row.
fn cleaned(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn tokens(pattern: &str) -> Vec<Token> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        at += 1;
        tokens.push(match letter {
            '*' if letters.get(at) == Some(&'*') => {
                at += 1;
                if letters.get(at) == Some(&'/') {
                    at += 1;
                }
                if at == letters.len() {
                    Token::Rest
                } else {
                    Token::Directories
                }
            }
            '*' => Token::Run,
            '?' => Token::Any,
            '\\' => {
                let next = letters.get(at).copied().unwrap_or('\\');
                at += 1;
                Token::Letter(next)
            }
            '[' => match class(&letters[at..]) {
                Some((token, length)) => {
                    at += length;
                    token
                }
                None => Token::Letter('['),
            },
            letter => Token::Letter(*letter),
        });
    }
    tokens
}

/// Parses a class after its `[`. Returns it with the number of letters that it takes; `None` if it
/// has no end.
fn class(letters: &[char]) -> Option<(Token, usize)> {
    let mut at = usize::from(letters.first() == Some(&'^'));
    let is_negated = at == 1;
    let mut ranges = Vec::new();
    loop {
        let letter = |at: &mut usize| {
            let mut letter = *letters.get(*at)?;
            if letter == '\\' {
                *at += 1;
                letter = *letters.get(*at)?;
            }
            *at += 1;
            Some(letter)
        };
        if letters.get(at) == Some(&']') && !ranges.is_empty() {
            return Some((Token::Class(is_negated, ranges), at + 1));
        }
        let first = letter(&mut at)?;
        let last = if letters.get(at) == Some(&'-') && letters.get(at + 1) != Some(&']') {
            at += 1;
            letter(&mut at)?
        } else {
            first
        };
        ranges.push((first, last));
    }
}

/// Returns true if a pattern matches a whole path.
fn matches(pattern: &[Token], path: &[char]) -> bool {
    let Some((token, rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    let first = path.first().copied();
    let one = |is_match: bool| is_match && matches(rest, &path[1..]);
    match token {
        Token::Letter(letter) => one(first == Some(*letter)),
        Token::Any => one(first.is_some_and(|first| first != '/')),
        Token::Class(is_negated, ranges) => one(first.is_some_and(|first| {
            let is_in = ranges
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&first));
            is_in != *is_negated
        })),
        Token::Run => {
            let length = path.iter().take_while(|letter| **letter != '/').count();
            (0..=length).any(|taken| matches(rest, &path[taken..]))
        }
        Token::Rest => true,
        Token::Directories => {
            let ends = path
                .iter()
                .enumerate()
                .filter(|(_, letter)| **letter == '/');
            [0].into_iter()
                .chain(ends.map(|(end, _)| end + 1))
                .any(|taken| matches(rest, &path[taken..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_docker_reads_them() {
        for (rules, path, expected) in [
            ("target", "target/debug/x", Some("target")),
            ("target", "a/target", None),
            ("**/target", "a/b/target/x", Some("**/target")),
            ("**/target", "target", Some("**/target")),
            ("/Cargo.lock", "Cargo.lock", Some("/Cargo.lock")),
            (
                "./a/../Cargo.lock/",
                "Cargo.lock",
                Some("./a/../Cargo.lock/"),
            ),
            ("*.lock", "Cargo.lock", Some("*.lock")),
            ("*.lock", "a/Cargo.lock", None),
            ("**/*.lock", "a/b/Cargo.lock", Some("**/*.lock")),
            ("a/**", "a/b/c", Some("a/**")),
            ("a**b", "a/x/b", Some("a**b")),
            ("*", "src/main.rs", Some("*")),
            ("*\n!src", "src/main.rs", None),
            ("*\n!src\n**/main.rs", "src/main.rs", Some("**/main.rs")),
            ("*\n! src/main.rs", "src/main.rs", None),
            ("*\n!src/main.rs", "src/lib.rs", Some("*")),
            ("# target\n  \n", "target", None),
            (" target ", "target", Some("target")),
            ("\u{feff}target", "target", Some("target")),
            ("Cargo.l?ck", "Cargo.lock", Some("Cargo.l?ck")),
            ("[a-d]argo[^x]toml", "cargo.toml", Some("[a-d]argo[^x]toml")),
            ("[^c]argo.toml", "cargo.toml", None),
            ("\\*.rs", "a.rs", None),
            ("\\*.rs", "*.rs", Some("\\*.rs")),
            ("[", "[", Some("[")),
            (".", "a", None),
        ] {
            assert_eq!(
                Rules::parse(rules).excludes(path),
                expected,
                "{rules:?} {path}"
            );
        }
    }
}

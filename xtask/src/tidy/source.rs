//! A Rust file split into code and comments, so that a rule never trips over a string.

use crate::workspace::TextFile;

/// A Rust file. `code` and `comments` have the lines and columns of `text`, with the rest blanked.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments and without the contents of string and character literals.
    pub(crate) code: String,
    /// Comments only, documentation included.
    pub(crate) comments: String,
    tests: Vec<bool>,
}

impl Source {
    pub(crate) fn new(file: &TextFile) -> Self {
        let (code, comments) = split(&file.text);
        let tests = test_lines(&file.path, &code);
        Self { path: file.path.clone(), text: file.text.clone(), code, comments, tests }
    }

    /// Whether the line (from 0) belongs to tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.get(line).copied().unwrap_or(false)
    }
}

/// Whether a file holds nothing but tests or what only tests use.
pub(crate) fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| part == "tests")
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
        || name.starts_with("tests_")
}

/// Marks the lines of test files and of `#[cfg(test)] mod .. { .. }`.
fn test_lines(path: &str, code: &str) -> Vec<bool> {
    if is_test_path(path) {
        return vec![true; code.lines().count()];
    }
    let mut marks = Vec::new();
    let (mut announced, mut depth, mut inside) = (false, 0_usize, false);
    for line in code.lines() {
        let trimmed = line.trim();
        if !inside {
            if trimmed.starts_with("#[cfg(") && has_word(trimmed, "test") {
                announced = true;
            } else if announced && !trimmed.is_empty() && !trimmed.starts_with("#[") {
                announced = false;
                inside = has_word(trimmed, "mod") && trimmed.ends_with('{');
                depth = 0;
            }
        }
        marks.push(inside);
        if inside {
            depth += line.matches('{').count();
            depth = depth.saturating_sub(line.matches('}').count());
            inside = depth > 0;
        }
    }
    marks
}

/// Whether `word` stands in `text` with no letter, digit or `_` beside it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|start| start.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|end| end.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Code,
    LineComment,
    /// With its depth: block comments nest.
    BlockComment(usize),
    Text,
    /// With the number of `#` that end it.
    RawText(usize),
}

impl Mode {
    fn is_comment(self) -> bool {
        matches!(self, Self::LineComment | Self::BlockComment(_))
    }
}

/// The code and the comments of `text`, each blanked where the other stands.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let (mut at, mut mode) = (0, Mode::Code);
    while at < chars.len() {
        let (length, next) = token(&chars, at, mode);
        let is_comment = mode.is_comment() || next.is_comment();
        let is_code = mode == Mode::Code && next == Mode::Code && length == 1;
        for &c in chars.iter().skip(at).take(length) {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            comments.push(if is_comment { c } else { blank });
        }
        (at, mode) = (at + length, next);
    }
    (code, comments)
}

/// How far the token at `at` reaches, and the mode after it.
fn token(chars: &[char], at: usize, mode: Mode) -> (usize, Mode) {
    let rest = chars.get(at..).unwrap_or_default();
    let first = rest.first().copied().unwrap_or_default();
    match mode {
        Mode::Code => code_token(chars, at, rest),
        Mode::LineComment if first == '\n' => (1, Mode::Code),
        Mode::BlockComment(1) if rest.starts_with(&['*', '/']) => (2, Mode::Code),
        Mode::BlockComment(depth) if rest.starts_with(&['*', '/']) => {
            (2, Mode::BlockComment(depth - 1))
        }
        Mode::BlockComment(depth) if rest.starts_with(&['/', '*']) => {
            (2, Mode::BlockComment(depth + 1))
        }
        Mode::Text if first == '\\' => (2, mode),
        Mode::Text if first == '"' => (1, Mode::Code),
        Mode::RawText(hashes) if first == '"' && count_hashes(rest, 1) >= hashes => {
            (1 + hashes, Mode::Code)
        }
        Mode::LineComment | Mode::BlockComment(_) | Mode::Text | Mode::RawText(_) => (1, mode),
    }
}

/// As [`token`], where code stands.
fn code_token(chars: &[char], at: usize, rest: &[char]) -> (usize, Mode) {
    let in_word = at
        .checked_sub(1)
        .and_then(|before| chars.get(before))
        .is_some_and(|c| c.is_alphanumeric() || *c == '_');
    match rest {
        ['/', '/', ..] => (2, Mode::LineComment),
        ['/', '*', ..] => (2, Mode::BlockComment(1)),
        ['"', ..] => (1, Mode::Text),
        ['r', ..] if !in_word || follows_prefix(chars, at) => {
            let hashes = count_hashes(rest, 1);
            if rest.get(1 + hashes) == Some(&'"') {
                (2 + hashes, Mode::RawText(hashes))
            } else {
                (1, Mode::Code)
            }
        }
        ['\'', '\\', ..] => {
            let end = rest.iter().skip(3).position(|&c| c == '\'').map_or(1, |end| end + 4);
            (end, Mode::Code)
        }
        ['\'', _, '\'', ..] => (3, Mode::Code),
        _ => (1, Mode::Code),
    }
}

/// Whether the `r` at `at` belongs to `br"` or `cr"`.
fn follows_prefix(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|index| chars.get(index));
    matches!(before(1), Some('b' | 'c'))
        && !before(2).is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

fn count_hashes(rest: &[char], from: usize) -> usize {
    rest.iter().skip(from).take_while(|&&c| c == '#').count()
}

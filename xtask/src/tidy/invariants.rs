//! The rule of invariants: `INV-..` in code and docs/invariants.md name each other.

use std::collections::BTreeSet;

use crate::tidy::Fault;
use crate::tidy::source::Source;
use crate::workspace::TextFile;

const LIST: &str = "docs/invariants.md";
const RULE: &str = "invariants";

/// Both directions: every id in code is listed once with a test that exists, every listed id is in code.
pub(super) fn paired(files: &[TextFile], sources: &[Source]) -> Vec<Fault> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else {
        return vec![Fault::new(LIST, 1, RULE, "the list of invariants is missing")];
    };
    let rows: Vec<Row<'_>> = list.text.lines().enumerate().filter_map(row).collect();
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    let mut in_code = BTreeSet::new();
    let mut faults = Vec::new();
    for source in sources {
        for (index, line) in source.comments.lines().enumerate() {
            for id in ids(line) {
                in_code.insert(id);
                if !listed.contains(id) {
                    let message = format!("{id} is not in {LIST}");
                    faults.push(Fault::new(&source.path, index + 1, RULE, message));
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        if !seen.insert(row.id) {
            faults.push(Fault::new(LIST, row.number, RULE, format!("{} is listed twice", row.id)));
        }
        if !in_code.contains(row.id) {
            let message = format!("{} stands in no comment of the code", row.id);
            faults.push(Fault::new(LIST, row.number, RULE, message));
        }
        let signature = format!("fn {}(", row.guard);
        if row.guard.is_empty() || !sources.iter().any(|source| source.code.contains(&signature)) {
            let message = format!("{}: no test is called `{}`", row.id, row.guard);
            faults.push(Fault::new(LIST, row.number, RULE, message));
        }
    }
    faults
}

struct Row<'a> {
    id: &'a str,
    guard: &'a str,
    number: usize,
}

/// A row has three cells: the id, what holds, and the name of the test in backticks.
fn row((index, line): (usize, &str)) -> Option<Row<'_>> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let id = cells.next()?;
    if ids(id).first() != Some(&id) {
        return None;
    }
    let guard = cells.nth(1).unwrap_or_default().trim_matches('`');
    Some(Row { id, guard: guard.rsplit("::").next().unwrap_or_default(), number: index + 1 })
}

/// All `INV-WORD-NUMBER` in a line.
fn ids(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("INV-") {
        let rest = line.get(at..).unwrap_or_default();
        let end = rest
            .find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '-')
            .unwrap_or(rest.len());
        let id = rest.get(..end).unwrap_or_default().trim_end_matches('-');
        let mut parts = id.split('-').skip(1);
        let word = parts.next().unwrap_or_default();
        let number = parts.next().unwrap_or_default();
        if !word.is_empty() && number.parse::<u32>().is_ok() && parts.next().is_none() {
            found.push(id);
        }
    }
    found
}

//! Text tables: left-aligned first columns, right-aligned numbers.

/// One table of text.
#[derive(Debug)]
pub struct Table {
    left_columns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings; the first `left_columns` hold text, the others numbers.
    #[must_use]
    pub fn new(left_columns: usize, headings: &[&str]) -> Self {
        let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
        Self { left_columns, rows: vec![headings] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as lines, indented by two blanks.
    #[must_use]
    pub fn render(&self) -> String {
        let width_of = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line.push_str("  ");
                let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
                if column < self.left_columns {
                    line.extend([cell.as_str(), &blanks]);
                } else {
                    line.extend([blanks.as_str(), cell]);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A count with thousands separated: `336,776`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(1, &["name", "count"]);
        table.row(vec!["a".to_owned(), "12,345".to_owned()]);
        table.row(vec!["longer".to_owned(), "6".to_owned()]);
        assert_eq!(table.render(), "  name     count\n  a       12,345\n  longer       6\n");
    }

    #[test]
    fn thousands_are_separated() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (336_776, "336,776")] {
            assert_eq!(grouped(count), text);
        }
    }
}

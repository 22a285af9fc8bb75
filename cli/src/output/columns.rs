//! Text tables: columns of fixed or measured widths. Colour codes in a cell take no width.

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub head: &'static str,
    /// Minimum width in characters; a wider heading widens the column.
    pub width: usize,
    /// Its cells are aligned to the right.
    pub is_number: bool,
}

impl Column {
    /// A column of words.
    pub const fn words(head: &'static str, width: usize) -> Self {
        Self { head, width, is_number: false }
    }

    /// A column of numbers.
    pub const fn numbers(head: &'static str, width: usize) -> Self {
        Self { head, width, is_number: true }
    }

    fn padded(&self, cell: &str) -> String {
        let blank = " ".repeat(self.width.max(visible_width(self.head)).saturating_sub(visible_width(cell)));
        if self.is_number { blank + cell } else { cell.to_owned() + &blank }
    }
}

/// The line of headings.
pub fn head_line(columns: &[Column]) -> String {
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    line(columns, &heads)
}

/// One line of cells. A cell that is wider than its column moves only the rest of its own line.
pub fn line(columns: &[Column], cells: &[String]) -> String {
    let padded: Vec<String> = columns.iter().zip(cells).map(|(column, cell)| column.padded(cell)).collect();
    padded.join("  ").trim_end().to_owned() + "\n"
}

/// Formats columns under headings, each as wide as its widest cell; the columns at the indices `right` are aligned to
/// the right.
pub fn table(heads: &[&'static str], right: &[usize], rows: &[Vec<String>]) -> String {
    let column = |(at, head): (usize, &&'static str)| {
        let widths = rows.iter().filter_map(|row| row.get(at)).map(|cell| visible_width(cell));
        Column { head, width: widths.max().unwrap_or(0), is_number: right.contains(&at) }
    };
    let columns: Vec<Column> = heads.iter().enumerate().map(column).collect();
    let lines: String = rows.iter().map(|row| line(&columns, row)).collect();
    head_line(&columns) + &lines
}

/// Returns the number of characters that a terminal shows: colour codes (`ESC [ … m`) do not count.
fn visible_width(cell: &str) -> usize {
    let mut parts = cell.split("\x1b[");
    let first = parts.next().map_or(0, |text| text.chars().count());
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text).chars().count());
    first + rest.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &[&str]) -> Vec<String> {
        row.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [cells(&["a", "10"]), cells(&["long", "9"])];
        assert_eq!(table(&["name", "n"], &[1], &rows), "name   n\na     10\nlong   9\n");
    }

    #[test]
    fn lines_printed_one_by_one_stay_aligned_and_a_wide_cell_moves_only_its_own_line() {
        let columns = [Column::words("name", 6), Column::numbers("rate", 8), Column::words("answers", 0)];
        assert_eq!(head_line(&columns), "name        rate  answers\n");
        assert_eq!(line(&columns, &cells(&["avx2", "1.5 M", "right"])), "avx2       1.5 M  right\n");
        assert_eq!(line(&columns, &cells(&["portable", "1.5 M", "right"])), "portable     1.5 M  right\n");
    }

    #[test]
    fn colour_takes_no_width() {
        let rows = [cells(&["\x1b[32mright\x1b[0m", "1"]), cells(&["right", "2"])];
        let text = table(&["answers", "n"], &[], &rows);
        assert_eq!(text, "answers  n\n\x1b[32mright\x1b[0m    1\nright    2\n");
    }
}

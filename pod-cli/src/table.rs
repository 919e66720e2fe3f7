//! Tables as `kubectl` prints them: columns as wide as their widest cell, three spaces between them.
//!
//! It is this small on purpose: the crates for tables draw borders and measure terminals, and scripts that read kubectl's
//! tables want neither.

const GAP: usize = 3;

/// A table that may grow: rows that come later keep to the columns of those before, where they fit.
#[derive(Debug, Default)]
pub struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Whether nothing has been added yet.
    pub fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// Further rows as text.
    pub fn add(&mut self, rows: &[Vec<String>]) -> String {
        for row in rows {
            self.widths.resize(self.widths.len().max(row.len()), 0);
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        rows.iter().map(|row| self.line(row)).collect()
    }

    fn line(&self, row: &[String]) -> String {
        let cells = row.iter().zip(&self.widths);
        let line: String =
            cells.map(|(cell, w)| format!("{cell:<width$}", width = w + GAP)).collect();
        line.trim_end().to_owned() + "\n"
    }
}

/// The rows as text. An empty heading leaves the headings out.
pub fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let headings = [heading].into_iter().filter(|h| !h.is_empty());
    Table::default().add(&headings.chain(rows.iter().cloned()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|c| (*c).to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [row(&["web", "1/1"]), row(&["a-longer-name", "0/2"])];
        assert_eq!(
            render(&["NAME", "READY"], &rows),
            "NAME            READY\nweb             1/1\na-longer-name   0/2\n"
        );
        assert_eq!(render(&[], &rows[..1]), "web   1/1\n");
        assert_eq!(render(&[], &[]), "");
    }

    #[test]
    fn later_rows_keep_to_the_columns() {
        let mut table = Table::default();
        assert_eq!(table.add(&[row(&["NAME", "READY"])]), "NAME   READY\n");
        assert_eq!(table.add(&[row(&["a", "0/1"])]), "a      0/1\n");
        assert_eq!(table.add(&[row(&["longer", "0/1"])]), "longer   0/1\n");
        assert_eq!(table.add(&[row(&["a", "1/1"])]), "a        1/1\n");
    }
}

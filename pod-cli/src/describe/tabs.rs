//! Text whose cells, parted by tabs, stand below one another: as kubectl's descriptions are laid out.
//!
//! A column reaches over lines that follow one another and have a cell in it that is not their last. It is as wide as its
//! widest cell and two spaces.

use std::iter;

const GAP: usize = 2;

/// The text with spaces in the place of tabs.
pub fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut from = 0;
        while from < lines.len() {
            let length = widths[from..].iter().take_while(|line| line.len() > column).count();
            let block = from..from + length;
            let cells = lines[block.clone()].iter().map(|line| line[column].chars().count() + GAP);
            let width = cells.max().unwrap_or(0);
            widths[block].iter_mut().for_each(|line| line[column] = width);
            from += length.max(1);
        }
    }
    let mut aligned = String::with_capacity(2 * text.len());
    for (cells, widths) in lines.iter().zip(&widths) {
        for (cell, width) in cells.iter().zip(widths) {
            aligned.push_str(cell);
            aligned.extend(iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
        aligned.push_str(cells.last().copied().unwrap_or_default());
        aligned.push('\n');
    }
    aligned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_end_where_a_line_has_none() {
        let text =
            "Name:\tweb\nNamespace:\tdefault\nIPs:\n  IP:\t10.0.0.1\nA:\tb\tc\nLong name:\tbb\tc\n";
        let want = "Name:       web\nNamespace:  default\nIPs:\n  IP:       10.0.0.1\nA:          b   c\nLong name:  bb  c\n";
        assert_eq!(align(text), want);
        assert_eq!(align("a\t\nb\tc\n"), "a  \nb  c\n");
        assert_eq!(align("a\tb\n\nlonger\tb\n"), "a  b\n\nlonger  b\n");
    }
}

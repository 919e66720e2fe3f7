//! Tables as kubectl prints them: columns as wide as their widest cell, three spaces between them.
//!
//! It is this small on purpose: the crates for tables draw borders and measure terminals, and scripts that read kubectl's
//! tables want neither.

const GAP: usize = 3;

/// The rows as text. An empty heading leaves the headings out.
pub fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    let all: Vec<&Vec<String>> =
        [&heading].into_iter().filter(|h| !h.is_empty()).chain(rows).collect();
    let columns = all.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in all {
        let line: String = row
            .iter()
            .zip(&widths)
            .map(|(cell, w)| format!("{cell:<width$}", width = w + GAP))
            .collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
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
}

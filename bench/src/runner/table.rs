//! The result, in Markdown.

use std::fmt::Write;

use super::host;
use super::measure::{CONTAINERS, Column, MEMORY_PODS, Record, What};

/// The record as a table of medians, each with its ratio to the floor's.
pub(super) fn render(record: &Record, runs: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, record, runs);
    text
}

fn write_all(text: &mut String, record: &Record, runs: usize) -> std::fmt::Result {
    let (columns, floor) = (&record.columns, record.columns.first());
    writeln!(text, "{}; median of {runs} runs in ms (ratio to the floor)\n", host::describe())?;
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    writeln!(text, "| | {} |", names.join(" | "))?;
    writeln!(text, "|---|{}", "---:|".repeat(columns.len()))?;
    for what in What::ALL {
        for containers in CONTAINERS {
            write!(text, "| {}, {} |", heading(what), plural(containers))?;
            let floor = floor.and_then(|floor| floor.median(what, containers));
            for column in columns {
                write!(text, " {} |", cell(column, column.median(what, containers), floor))?;
            }
            writeln!(text)?;
        }
    }
    write!(text, "| private memory beside the workload, kB per pod of {MEMORY_PODS} |")?;
    for column in columns {
        let memory = column.memory.map_or_else(|| "–".to_owned(), |kb| kb.to_string());
        write!(text, " {memory} |")?;
    }
    writeln!(text, "\n")?;
    for column in columns {
        let (Ok(state) | Err(state)) = &column.state;
        writeln!(text, "- {}: {state}", column.name)?;
    }
    Ok(())
}

fn heading(what: What) -> &'static str {
    match what {
        What::Up => "up",
        What::UpFromWithin => "up, without the start of the floor's process",
        What::Exec => "exec `true`",
        What::Down => "down",
    }
}

fn plural(containers: usize) -> String {
    format!("{containers} container{}", if containers == 1 { "" } else { "s" })
}

fn cell(column: &Column, median: Option<u128>, floor: Option<u128>) -> String {
    match (median, floor, &column.state) {
        (Some(us), Some(floor), _) if floor > 0 && column.name != "floor" => {
            format!("{:.1} ({:.1})", us as f64 / 1e3, us as f64 / floor as f64)
        }
        (Some(us), _, _) => format!("{:.1}", us as f64 / 1e3),
        (None, _, Err(state)) if state == super::subject::NOT_INSTALLED => state.clone(),
        (None, _, _) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_so() {
        let missing = Err(super::super::subject::NOT_INSTALLED.to_owned());
        let record = Record::new(vec![("floor", Ok("here".into())), ("pod", missing)]);
        let text = render(&record, 3);
        assert!(text.contains("| up, 1 container | failed | not installed |"), "{text}");
        assert!(text.contains("\n- pod: not installed\n"), "{text}");
    }
}

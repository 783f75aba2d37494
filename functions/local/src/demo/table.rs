//! Tables in plain text.

/// Lines of a table: a header, a rule, the rows. Columns that hold numbers are aligned to the right, no cell is
/// longer than `longest` characters.
pub fn lines(header: &[&str], rows: &[Vec<String>], longest: usize) -> Vec<String> {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let columns = header.len();
    let cut = |cell: &String| match cell.chars().count() > longest {
        true => cell.chars().take(longest - 1).chain(['…']).collect(),
        false => cell.clone(),
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cut).collect()).collect();
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let widths: Vec<usize> = (0..columns)
        .map(|at| column(at).chain([&header[at]]).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let numbers: Vec<bool> = (0..columns).map(|at| column(at).all(|cell| is_number(cell))).collect();
    let line = |row: &[String]| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths.iter().zip(&numbers))
            .map(|(cell, (width, number))| if *number { format!("{cell:>width$}") } else { format!("{cell:width$}") })
            .collect();
        format!("  {}", cells.join("   ")).trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    [line(&header), format!("  {}", rule.join("   "))].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

/// Also `2.5x` and an empty cell.
fn is_number(cell: &str) -> bool {
    cell.is_empty() || cell.trim_end_matches('x').replace(',', "").parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows =
            [vec!["Äpfel".into(), "1.50".into(), "x y".into()], vec!["A long name".into(), "10".into(), "z".into()]];
        let lines = lines(&["name", "n", "note"], &rows, 8);
        let expected = [
            "  name          n   note",
            "  ────────   ────   ────",
            "  Äpfel      1.50   x y",
            "  A long …     10   z",
        ];
        assert_eq!(lines, expected);
    }
}

//! `palate check`: what of some files cannot be imported, without a server.

mod files;

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use palate_service::{BadRow, BadRows, CheckSchema, Checked, check_files};

use crate::{
    cli,
    console::say,
    demo::{progress::thousands, table},
};
use files::LocalFiles;

/// Bad rows that are shown; the others are in the file of `--errors`.
const SHOWN: usize = 20;
/// Characters of a cell of the table.
const CELL: usize = 60;

/// Why the files cannot be imported, or not be checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("{path}")]
    File { path: String, source: io::Error },
    #[error("{path}: {reason}")]
    Schema { path: String, reason: String },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Bad(String),
}

/// Checks and tells; fails if the files cannot be imported.
pub async fn run(options: cli::Check) -> Result<(), Box<dyn Error + Send + Sync>> {
    let schema_file = options.schema.display().to_string();
    let json =
        fs::read_to_string(&options.schema).map_err(|source| CheckError::File { path: schema_file.clone(), source })?;
    let schema = CheckSchema::parse(&json, options.domain.as_deref(), options.dataset_type.as_deref())
        .map_err(|reason| CheckError::Schema { path: schema_file, reason })?;
    let locations: Vec<String> = options.files.iter().map(|path| location(path)).collect();
    let bar = progress_bar(options.files.iter().map(|path| size(path)).sum());
    let checked = check_files(Arc::new(LocalFiles { bar: bar.clone() }), &locations, &schema).await;
    bar.finish_and_clear();
    let checked = checked?;
    if let Some(path) = &options.errors {
        // A file of an earlier check would tell of rows that have been mended.
        let lines = if let Checked::Bad(bad) = &checked { bad.json_lines()? } else { String::new() };
        fs::write(path, lines).map_err(|source| CheckError::File { path: path.display().to_string(), source })?;
    }
    match checked {
        Checked::Good { rows, span } => {
            let times = span.map(|(least, most)| format!(", TIMESTAMP from {least} to {most}")).unwrap_or_default();
            say!("{} rows can be imported{times}.", thousands(usize::try_from(rows).unwrap_or(usize::MAX)));
            Ok(())
        }
        Checked::Refused(reason) => Err(CheckError::Refused(reason).into()),
        Checked::Bad(bad) => {
            for line in lines(&bad) {
                say!("{line}");
            }
            say!();
            Err(CheckError::Bad(verdict(&bad, options.errors.as_deref())).into())
        }
    }
}

/// A folder's location ends with `/`.
fn location(path: &Path) -> String {
    let text = path.to_string_lossy();
    if path.is_dir() && !text.ends_with('/') { format!("{text}/") } else { text.into_owned() }
}

/// Bytes of a file, or of the files of a folder; only the bar's length depends on it.
fn size(path: &Path) -> u64 {
    let of_file = |path: &Path| fs::metadata(path).map_or(0, |data| if data.is_file() { data.len() } else { 0 });
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| of_file(&entry.path())).sum(),
        Err(_) => of_file(path),
    }
}

fn progress_bar(bytes: u64) -> ProgressBar {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let template = "  {spinner} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(bytes), target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A table of the first bad rows. Files that are bad as a whole follow it, a line each.
fn lines(bad: &BadRows) -> Vec<String> {
    let (in_rows, whole): (Vec<&BadRow>, Vec<&BadRow>) =
        bad.rows().iter().take(SHOWN).partition(|row| row.line.is_some());
    let cells = |row: &&BadRow| {
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        let value = row.value.as_ref().map(|value| format!("'{value}'")).unwrap_or_default();
        vec![row.file.clone(), line, row.column.clone().unwrap_or_default(), value, row.expected.clone()]
    };
    let rows: Vec<Vec<String>> = in_rows.iter().map(cells).collect();
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines = table::lines(&["file", "line", "column", "value", "expected"], &rows, CELL);
    }
    lines.extend(whole.iter().map(|row| format!("  {}", row.expected)));
    lines
}

fn verdict(bad: &BadRows, errors: Option<&Path>) -> String {
    let n = bad.rows().len();
    let count = match (n, bad.is_full()) {
        (1, _) => "1 row is bad".to_owned(),
        (_, false) => format!("{} rows are bad", thousands(n)),
        (_, true) => format!("at least {} rows are bad; the rest was not read", thousands(n)),
    };
    let place = match errors {
        Some(path) => format!("; they are in {}", path.display()),
        None if n > SHOWN => format!("; these are the first {SHOWN}, --errors FILE takes them all"),
        None => String::new(),
    };
    format!("the files cannot be imported: {count}{place}")
}

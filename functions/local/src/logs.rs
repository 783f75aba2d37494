//! The log: one line for each thing that happens, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Begins the log. `RUST_LOG` goes before `level`.
pub fn begin(level: &str, format: LogFormat) {
    // s3s logs whole requests, and object keys are the users'.
    let quiet = || EnvFilter::new(format!("{level},s3s=off,s3s_fs=off"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
    // Colours are for people: a log file gets none.
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(colours).init(),
        // What is told stands under `fields`, apart from the request that it belongs to, under `span`.
        LogFormat::Json => log.json().with_span_list(false).init(),
    }
    palate_service::log_panics();
}

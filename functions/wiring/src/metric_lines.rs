//! Lines in CloudWatch's embedded metric format, for the log that Lambda keeps of standard output.

use std::io::Write;

/// Prints a line as it is: CloudWatch finds metrics only in lines that are nothing but JSON.
pub fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    // A log that is gone takes no metrics, and stops no work.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

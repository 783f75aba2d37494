//! The one place that writes to standard output.

use std::{fmt::Arguments, io::Write};

use crate::cli::Auth;

/// Prints a line. A reader that has gone away (`palate serve | head`) is no error.
pub fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line, as `println!` does.
macro_rules! say {
    () => { $crate::console::line(format_args!("")) };
    ($($text:tt)+) => { $crate::console::line(format_args!($($text)+)) };
}
pub(crate) use say;

/// What a shell needs to point every AWS client at `url`.
pub fn exports(url: &str, auth: Auth) -> Vec<String> {
    let mut lines = vec![format!("export AWS_ENDPOINT_URL={url}")];
    match auth {
        Auth::Off => {
            lines.push("export AWS_ACCESS_KEY_ID=palate".into());
            lines.push("export AWS_SECRET_ACCESS_KEY=palate".into());
        }
        Auth::Required => lines.push("# and the two lines that `palate keys create` prints".into()),
    }
    // The AWS CLI and boto3 read the second, the other SDKs the first.
    lines.push("export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1".into());
    lines
}

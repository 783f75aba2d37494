//! The one place that writes to standard output.

use std::{fmt::Arguments, io::Write};

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
pub fn exports(url: &str) -> [String; 4] {
    [
        format!("export AWS_ENDPOINT_URL={url}"),
        "export AWS_ACCESS_KEY_ID=palate".into(),
        "export AWS_SECRET_ACCESS_KEY=palate".into(),
        // The AWS CLI and boto3 read the second, the other SDKs the first.
        "export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1".into(),
    ]
}

use std::panic::{self, PanicHookInfo};

/// From here on a panic is a line of the log, which tells where it was, and nothing of a user's.
///
/// For programs: it replaces the process's panic hook, which would print the message as it is.
pub fn log_panics() {
    panic::set_hook(Box::new(|panicked| tracing::error!("{}", told(panicked))));
}

/// The message only if it is a literal: what was formatted into another may be a user's.
fn told(panicked: &PanicHookInfo<'_>) -> String {
    let place = panicked.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    match panicked.payload().downcast_ref::<&'static str>() {
        Some(message) => format!("panicked at {place}: {message}"),
        None => format!("panicked at {place}"),
    }
}

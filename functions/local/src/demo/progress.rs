//! Steps with the time that each took: bars on a terminal, a line a step elsewhere.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::say;

/// Characters of a step's name and of what came of it.
const NAME: usize = 36;
const RESULT: usize = 58;

/// All steps of the demo.
pub struct Progress {
    bars: MultiProgress,
    begun: Instant,
}

/// A step under way; several may be at a time.
pub struct Step<'a> {
    progress: &'a Progress,
    bar: ProgressBar,
    name: String,
    begun: Instant,
}

impl Progress {
    pub fn new() -> Self {
        let target = match io::stdout().is_terminal() {
            true => ProgressDrawTarget::stdout(),
            false => ProgressDrawTarget::hidden(),
        };
        Self { bars: MultiProgress::with_draw_target(target), begun: Instant::now() }
    }

    /// Begins a step whose length nobody knows.
    pub fn step(&self, name: impl Into<String>) -> Step<'_> {
        self.begin(name.into(), ProgressBar::new_spinner(), "  {spinner} {prefix} {msg}  {elapsed}")
    }

    /// Begins a step of so many bytes.
    pub fn bytes(&self, name: impl Into<String>, length: u64) -> Step<'_> {
        let template = "  {spinner} {prefix} {bar:30} {bytes}/{total_bytes}  {elapsed}";
        self.begin(name.into(), ProgressBar::new(length), template)
    }

    fn begin(&self, name: String, bar: ProgressBar, template: &str) -> Step<'_> {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(bar.with_style(style).with_prefix(fit(&name, NAME)));
        bar.enable_steady_tick(Duration::from_millis(100));
        Step { progress: self, bar, name, begun: Instant::now() }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Step<'_> {
    /// Says how it stands.
    pub fn note(&self, state: &str) {
        self.bar.set_message(state.to_owned());
    }

    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Ends the step and prints what came of it, and the time it took.
    pub fn done(self, result: &str) {
        let took = seconds(self.begun.elapsed());
        self.bar.finish_and_clear();
        let line = format!("  {} {} {took:>8}", fit(&self.name, NAME), fit(result, RESULT));
        self.progress.bars.suspend(|| say!("{line}"));
    }
}

/// `text` in exactly `width` characters, cut off with `…` if need be.
pub fn fit(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => format!("{text:width$}"),
    }
}

/// `0.03 s`, `12.4 s`.
pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

/// `1,469,307`
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut parts: Vec<&str> = if first > 0 { vec![&digits[..first]] } else { Vec::new() };
    parts.extend((first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_columns() {
        assert_eq!(fit("häuser", 8), "häuser  ");
        assert_eq!(fit("häuser", 4), "häu…");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_469_307, "1,469,307")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(34)), "0.03 s");
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3 s");
    }
}

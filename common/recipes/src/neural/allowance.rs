//! How many epochs there is time for.

use std::time::{Duration, Instant};

use crate::Progress;

/// The part of a training's time that some learning may use up.
pub struct Allowance<'a> {
    progress: &'a dyn Progress,
    begun: Instant,
    /// What has to be left at the end; `None` if time is not limited.
    reserve: Option<Duration>,
}

impl<'a> Allowance<'a> {
    /// `share` of the time that is left now.
    pub fn new(progress: &'a dyn Progress, share: f64) -> Self {
        let reserve = progress.time_left().map(|left| left.mul_f64((1.0 - share).clamp(0.0, 1.0)));
        Self { progress, begun: Instant::now(), reserve }
    }

    /// What may be used yet.
    fn left(&self) -> Option<Duration> {
        Some(self.progress.time_left()?.saturating_sub(self.reserve?))
    }

    pub fn is_used_up(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// How many more epochs fit if they take as long as the `n_done` since the beginning did.
    pub fn n_epochs(&self, n_done: usize) -> usize {
        let (Some(left), true) = (self.left(), n_done > 0) else { return usize::MAX };
        let of_one = self.begun.elapsed().as_secs_f64() / n_done as f64;
        (left.as_secs_f64() / of_one.max(1e-9)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Left(Option<Duration>);

    impl Progress for Left {
        fn report(&self, _step: &str, _done: f64) {}

        fn time_left(&self) -> Option<Duration> {
            self.0
        }
    }

    #[test]
    fn a_share_of_what_is_left_is_used_and_no_more() {
        let [plenty, little] = [100, 25].map(|seconds| Left(Some(Duration::from_secs(seconds))));
        let mut allowance = Allowance::new(&plenty, 0.75);
        allowance.begun = Instant::now().checked_sub(Duration::from_secs(20)).unwrap_or(allowance.begun);
        // Four epochs in 20 seconds, and 75 seconds to go.
        assert_eq!((allowance.n_epochs(4), allowance.n_epochs(0)), (14, usize::MAX));
        allowance.progress = &little;
        assert!(allowance.is_used_up() && allowance.n_epochs(4) == 0);
        let unlimited = Allowance::new(&(), 0.5);
        assert!(!unlimited.is_used_up() && unlimited.n_epochs(4) == usize::MAX);
    }
}

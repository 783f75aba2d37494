//! A clock that tests may hold and advance, by `/_palate/clock`.

use std::sync::{Arc, Mutex, PoisonError};

use palate_service::{Clock, SystemClock};
use palate_store::Now;
use serde::Deserialize;

/// Past the year 9999 dates have no form on the wire.
const END_MS: u64 = 253_402_300_799_000;

/// The store's view of the service's clock.
pub fn now(clock: &Arc<dyn Clock>) -> Now {
    let clock = Arc::clone(clock);
    Now::by(move || clock.now_ms() / 1_000)
}

/// Follows another clock, ahead of it by what it was advanced, unless it is held. It never goes backwards.
pub struct TestClock {
    follows: Box<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// Ahead of the other clock.
    ahead_ms: i64,
    held_at_ms: Option<u64>,
    /// What was told last: the machine's clock may be set back.
    last_ms: u64,
}

/// What a request asks of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub struct Move {
    hold: Option<bool>,
    release: Option<bool>,
    /// Seconds.
    advance: Option<f64>,
    /// Seconds since the Unix epoch.
    set: Option<f64>,
}

/// What the clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub now_ms: u64,
    pub held: bool,
}

impl TestClock {
    pub fn new() -> Self {
        Self::following(Box::new(SystemClock))
    }

    fn following(follows: Box<dyn Clock>) -> Self {
        Self { follows, state: Mutex::new(State { ahead_ms: 0, held_at_ms: None, last_ms: 0 }) }
    }

    pub fn shown(&self) -> Shown {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Shown { now_ms: self.read(&mut state), held: state.held_at_ms.is_some() }
    }

    /// Moves the clock: first it is held or released, then moved. A refusal says why and changes nothing.
    pub fn apply(&self, asked: Move) -> Result<Shown, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.read(&mut state);
        let held = match (asked.hold, asked.release) {
            (Some(true), Some(true)) => return Err("hold and release exclude each other.".into()),
            (Some(hold), _) => hold,
            (None, Some(true)) => false,
            (None, _) => state.held_at_ms.is_some(),
        };
        let target = match (asked.advance, asked.set) {
            (Some(_), Some(_)) => return Err("advance and set exclude each other.".into()),
            (Some(seconds), None) => now as f64 + milliseconds("advance", seconds)?,
            (None, Some(seconds)) => milliseconds("set", seconds)?,
            (None, None) if asked.hold.is_none() && asked.release.is_none() => {
                return Err("Give one of hold, release, advance (seconds) and set (seconds since 1970).".into());
            }
            (None, None) => now as f64,
        };
        if target < now as f64 {
            let now_s = now as f64 / 1e3;
            return Err(format!("The clock shows {now_s} and never goes backwards: set must not be less."));
        }
        if target > END_MS as f64 {
            return Err("The clock ends with the year 9999.".into());
        }
        let target = target as u64;
        state.last_ms = target;
        state.held_at_ms = held.then_some(target);
        state.ahead_ms = target.cast_signed().saturating_sub_unsigned(self.follows.now_ms());
        Ok(Shown { now_ms: target, held })
    }

    fn read(&self, state: &mut State) -> u64 {
        let now = match state.held_at_ms {
            Some(held) => held,
            None => self.follows.now_ms().saturating_add_signed(state.ahead_ms),
        };
        state.last_ms = state.last_ms.max(now);
        state.last_ms
    }
}

fn milliseconds(name: &str, seconds: f64) -> Result<f64, String> {
    let valid = seconds.is_finite() && seconds >= 0.0;
    if valid { Ok((seconds * 1e3).round()) } else { Err(format!("{name} must be a number of seconds, 0 or more.")) }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.shown().now_ms
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    struct Hand(Arc<AtomicU64>);

    impl Clock for Hand {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn clock() -> (TestClock, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(5_000));
        (TestClock::following(Box::new(Hand(Arc::clone(&hand)))), hand)
    }

    fn apply(clock: &TestClock, asked: &str) -> Result<Shown, String> {
        clock.apply(serde_json::from_str(asked).unwrap())
    }

    #[test]
    fn it_follows_until_it_is_held_and_goes_on_from_there_when_released() {
        let (clock, hand) = clock();
        assert_eq!(clock.shown(), Shown { now_ms: 5_000, held: false });
        apply(&clock, r#"{"hold":true}"#).unwrap();
        hand.store(9_000, Ordering::Relaxed);
        assert_eq!(clock.shown(), Shown { now_ms: 5_000, held: true });
        apply(&clock, r#"{"release":true}"#).unwrap();
        assert_eq!(clock.now_ms(), 5_000);
        hand.store(9_500, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 5_500);
    }

    #[test]
    fn it_advances_held_or_not() {
        let (clock, hand) = clock();
        assert_eq!(apply(&clock, r#"{"advance":1.5}"#).unwrap().now_ms, 6_500);
        hand.store(5_100, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 6_600);
        let shown = apply(&clock, r#"{"hold":true,"advance":3600}"#).unwrap();
        assert_eq!(shown, Shown { now_ms: 3_606_600, held: true });
        assert_eq!(apply(&clock, r#"{"set":4000}"#).unwrap(), Shown { now_ms: 4_000_000, held: true });
        hand.store(50_000, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 4_000_000);
    }

    #[test]
    fn it_never_goes_backwards() {
        let (clock, hand) = clock();
        assert!(apply(&clock, r#"{"set":4.9}"#).unwrap_err().contains("backwards"));
        for asked in [r#"{"advance":-1}"#, r#"{"set":1e300}"#, r#"{"advance":1e300}"#] {
            assert!(apply(&clock, asked).is_err(), "{asked}");
        }
        assert_eq!(clock.now_ms(), 5_000);
        hand.store(1_000, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 5_000);
    }

    #[test]
    fn what_is_unclear_is_refused() {
        let (clock, _) = clock();
        for asked in [r#"{"hold":true,"release":true}"#, r#"{"advance":1,"set":9}"#, "{}"] {
            assert!(apply(&clock, asked).is_err(), "{asked}");
        }
        assert!(serde_json::from_str::<Move>(r#"{"forward":1}"#).is_err());
    }
}

//! How long answers take.

use std::time::Instant;

use super::{Asking, Report, figures};
use crate::model::Scorer;
use crate::{Event, Query};

/// Users that are asked for at most.
const ASKED: usize = 200;

/// Puts into the report how long an answer of a blend takes and how long one of each of its parts, on one core, if the
/// training tells what the machine decides.
pub fn time_answers(asking: &Asking<'_>, scorer: &impl Scorer, report: &mut Report) {
    let Asking { task, test, .. } = asking;
    if report.parts.is_empty() || !task.progress.tells_times() {
        return;
    }
    let every = test.len().div_ceil(ASKED).max(1);
    let asked = test.iter().step_by(every);
    let asked: Vec<Vec<Event>> = asked.map(|test| task.dataset.histories().events(test.user, test.n_history)).collect();
    for (name, part) in scorer.parts() {
        if let Some(told) = report.parts.iter_mut().find(|told| told.name == name) {
            told.answer_us = median_us(part, &asked);
        }
    }
    report.answer_us = median_us(scorer, &asked);
}

/// `None` if nobody is asked for.
fn median_us(scorer: &dyn Scorer, asked: &[Vec<Event>]) -> Option<f64> {
    let time = |history: &Vec<Event>| {
        let begin = Instant::now();
        std::hint::black_box(scorer.recommend(&Query { history, ..Query::default() }, figures::LONGEST));
        begin.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = asked.iter().map(time).collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

use super::judge::recall;
use super::subspace::Subspace;
use super::targets::Targets;
use super::tower::{Choice, Tower};
use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, TrainError};

const STRENGTHS: [f32; 3] = [0.001, 0.01, 0.1];
const HALF_LIVES: [f32; 3] = [10.0, 20.0, 50.0];

/// The half-life, then the strength, that find most of the users to be told.
pub fn choose(
    subspace: &Subspace,
    histories: &Histories,
    targets: &Targets,
    seen_weight: f32,
    progress: &dyn Progress,
) -> Result<Choice, TrainError> {
    let mut best = Choice { strength: STRENGTHS[1], half_life: HALF_LIVES[1] };
    let mut most = None;
    let half_lives = HALF_LIVES.map(|half_life| (None, Some(half_life)));
    let strengths = STRENGTHS.map(|strength| (Some(strength), None));
    for (strength, half_life) in half_lives.into_iter().chain(strengths) {
        go_on(progress)?;
        let choice =
            Choice { strength: strength.unwrap_or(best.strength), half_life: half_life.unwrap_or(best.half_life) };
        let found = recall(&Tower::new(subspace, choice, seen_weight), histories, targets, progress)?;
        if most.is_none_or(|most| found > most) {
            (most, best) = (Some(found), choice);
        }
    }
    Ok(best)
}

//! Events of several types, each with a weight of its own.

use crate::Dataset;
use crate::dataset::Histories;

/// Events of one type that are learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct EventChoice {
    /// Whatever its case.
    pub event_type: String,
    /// Only events with at least this EVENT_VALUE; those without a value are left out.
    pub event_value_threshold: Option<f64>,
}

/// What events of one type weigh beside those of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct EventWeight {
    /// Whatever its case.
    pub event_type: String,
    pub event_value_threshold: Option<f64>,
    /// 0 or above. Only the ratio of weights matters.
    pub weight: f64,
}

impl EventWeight {
    /// Weights whose mean is 1: of 0.3 and 0.1 come 1.5 and 0.5. Without any weight above 0 all are 1.
    pub fn normalised(weights: &[Self]) -> Vec<Self> {
        let mean = weights.iter().map(|weight| weight.weight).sum::<f64>() / weights.len().max(1) as f64;
        let part = |weight: f64| if mean > 0.0 { weight / mean } else { 1.0 };
        weights.iter().map(|weight| Self { weight: part(weight.weight), ..weight.clone() }).collect()
    }

    /// What is learned from if events are weighed so.
    pub fn choice(&self) -> EventChoice {
        EventChoice { event_type: self.event_type.clone(), event_value_threshold: self.event_value_threshold }
    }
}

impl Dataset {
    /// The weight of each interaction, in the order of [`Dataset::event_type`], by [`EventWeight::normalised`]
    /// weights: 1 is that of a type of mean weight. 1 where no weight is given.
    pub fn interaction_weights(&self, weights: &[EventWeight]) -> Vec<f32> {
        let weights = EventWeight::normalised(weights);
        let weight_of = |name: &str| {
            let found = weights.iter().find(|weight| weight.event_type.to_lowercase() == name.to_lowercase());
            found.map_or(1.0, |weight| weight.weight as f32)
        };
        let by_type: Vec<f32> = self.event_types().iter().map(weight_of).collect();
        let of = |interaction| self.event_type(interaction).map_or(1.0, |event_type| by_type[event_type as usize]);
        (0..self.n_interactions()).map(of).collect()
    }
}

/// What the events of a dataset weigh in a training.
pub(crate) struct Weighing<'a> {
    dataset: &'a Dataset,
    /// Of each interaction of the dataset; `None`: all weigh the same.
    weights: Option<Vec<f32>>,
}

impl<'a> Weighing<'a> {
    pub fn of(dataset: &'a Dataset, weights: &[EventWeight]) -> Self {
        Self { dataset, weights: (!weights.is_empty()).then(|| dataset.interaction_weights(weights)) }
    }

    /// The weight of an event by its place in histories of the dataset, however they were cut.
    pub fn event(&self, histories: &Histories, user: usize, place: usize) -> f32 {
        let interaction = || self.dataset.interactions_of(histories.row_of(user)).start + place;
        self.weights.as_ref().map_or(1.0, |weights| weights[interaction()])
    }

    /// The weights of all events in the order of [`Histories::items`]; `None` if all are 1.
    pub fn events(&self, histories: &Histories) -> Option<Vec<f32>> {
        self.weights.as_ref()?;
        let of_user =
            |user: usize| (0..histories.items_of(user).len()).map(move |place| self.event(histories, user, place));
        Some(histories.users().flat_map(of_user).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(given: &[f64]) -> Vec<f64> {
        let event = |(number, weight): (usize, &f64)| EventWeight {
            event_type: number.to_string(),
            event_value_threshold: None,
            weight: *weight,
        };
        let given: Vec<EventWeight> = given.iter().enumerate().map(event).collect();
        EventWeight::normalised(&given).iter().map(|weight| weight.weight).collect()
    }

    #[test]
    fn the_mean_weight_is_one() {
        let pair = weights(&[0.3, 0.1]);
        // One rounding each of a sum and of a quotient.
        assert!((pair[0] - 1.5).abs() < 1e-12 && (pair[1] - 0.5).abs() < 1e-12, "{pair:?}");
        assert_eq!(weights(&[0.0, 1.0, 1.0]), [0.0, 1.5, 1.5]);
        assert_eq!(weights(&[1.0]), [1.0]);
        assert_eq!(weights(&[0.0, 0.0]), [1.0, 1.0]);
        assert_eq!(weights(&[]), [0.0; 0]);
    }
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::growth::grew;
use super::list::List;
use super::schedule::{Intervals, Schedule};
use crate::dataset::Histories;
use crate::model::Scorer;
use crate::popularity::Popular;
use crate::{Query, Scored};

/// Interactions in the order of their time.
pub struct Timeline {
    /// Time and item; sorted.
    events: Vec<(i64, u32)>,
    popular: Popular,
}

impl Timeline {
    /// `histories` of items below `n_items`.
    pub fn of(histories: &Histories, n_items: usize) -> Self {
        let mut events: Vec<(i64, u32)> =
            histories.timestamps().iter().zip(histories.items()).map(|(time, item)| (time, *item)).collect();
        events.par_sort_unstable();
        Self { events, popular: Popular::count(histories, n_items) }
    }

    pub fn popular(&self) -> &Popular {
        &self.popular
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// When the event of this place was, the oldest being 0.
    pub fn time_of(&self, place: usize) -> Option<i64> {
        self.events.get(place).map(|(time, _)| *time)
    }

    /// The items of the two intervals, by item, with their numbers in each.
    pub fn counts(&self, intervals: Intervals) -> Vec<(u32, [u32; 2])> {
        let begin = self.events.partition_point(|(time, _)| *time < intervals.begin_s);
        let end = self.events.partition_point(|(time, _)| *time < intervals.end_s);
        let mut counts: HashMap<u32, [u32; 2]> = HashMap::new();
        for (time, item) in &self.events[begin..end] {
            if let Some(place) = intervals.place_of(*time) {
                counts.entry(*item).or_default()[place] += 1;
            }
        }
        let mut counts: Vec<(u32, [u32; 2])> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    }

    /// What trended at an evaluation.
    pub fn list(&self, intervals: Intervals) -> List {
        let mut counts = self.counts(intervals);
        // Nobody asks for explanations here, and there are many lists.
        counts.retain(|(_, counts)| grew(*counts));
        List::new(counts)
    }
}

/// Answers as of the evaluation before the newest event of the history.
pub struct AsOf {
    timeline: Timeline,
    schedule: Schedule,
    /// Many users ask as of the same evaluation.
    lists: Mutex<HashMap<Intervals, Arc<List>>>,
}

impl AsOf {
    pub fn new(timeline: Timeline, schedule: Schedule) -> Self {
        Self { timeline, schedule, lists: Mutex::default() }
    }

    pub fn popular(&self) -> &Popular {
        self.timeline.popular()
    }

    fn list(&self, query: &Query<'_>) -> Arc<List> {
        let Some(last) = query.history.last() else { return Arc::default() };
        let intervals = self.schedule.at(last.timestamp_s);
        if let Some(list) = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&intervals) {
            return Arc::clone(list);
        }
        let list = Arc::new(self.timeline.list(intervals));
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(intervals, Arc::clone(&list));
        list
    }
}

impl Scorer for AsOf {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.list(query).recommend(self.popular(), query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        self.list(query).rank(self.popular(), items)
    }

    fn resident_bytes(&self) -> usize {
        self.timeline.events.len() * size_of::<(i64, u32)>() + self.popular().resident_bytes()
    }
}

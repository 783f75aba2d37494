use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::{Exploration, Query, RecipeType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::question::{Asked, Question};
use crate::resources::ItemExploration;
use crate::runtime::{Loaded, Person, ReadyFilter, item_set, known_item, rank, round_score};

/// What answers are made from.
pub(super) struct Answering {
    pub loaded: Arc<Loaded>,
    pub filter: Option<ReadyFilter>,
    /// By user id.
    pub people: HashMap<String, Person>,
    pub k: usize,
    pub explores: Option<ItemExploration>,
}

impl Answering {
    /// The output line of a question, with its end.
    pub fn answer(&self, question: &Question) -> String {
        question.line(question.asked.as_ref().map_err(String::clone).and_then(|asked| self.output(asked)))
    }

    fn output(&self, asked: &Asked) -> Result<Value, String> {
        let (loaded, model) = (&self.loaded, self.loaded.model.as_ref());
        let person = asked.user_id.as_ref().and_then(|user| self.people.get(user));
        let query = person.map(|person| person.query(asked.context.as_ref())).unwrap_or_default();
        let rows = match &self.filter {
            Some(filter) => Some((filter, filter.apply(&asked.values, person, asked.item_id.as_deref())?)),
            None => None,
        };
        if loaded.info.recipe_type == RecipeType::PersonalizedRanking {
            let passes = |id: &&str| rows.as_ref().is_none_or(|(filter, rows)| filter.passes(rows, id));
            let ids: Vec<&str> = asked.items.iter().map(String::as_str).filter(passes).collect();
            let ranked = rank(loaded, &query, &ids).into_iter();
            let (ids, scores): (Vec<&str>, Vec<f64>) =
                ranked.filter_map(|(id, score)| Some((id, round_score(score?)))).unzip();
            return Ok(json!({"recommendedItems": ids, "scores": scores}));
        }
        let allowed = rows.as_ref().map(|(_, rows)| item_set(rows, loaded));
        let item = known_item(model, asked.item_id.as_deref());
        let passed_over = person.map(|person| person.passed_over(loaded)).unwrap_or_default();
        let exploration = self.explores.map(|explores| Exploration {
            weight: explores.weight,
            age_cut_off_days: explores.age_cut_off_days,
            // The same for every run, and another for each user.
            seed: seed_of(asked.user_id.as_deref().unwrap_or_default()),
            passed_over: &passed_over,
        });
        let list = model.recommend(&Query { item, allowed: allowed.as_ref(), exploration, ..query }, self.k);
        let ids: Vec<&str> = list.iter().map(|scored| model.item_id(scored.item)).collect();
        if !loaded.info.scores {
            return Ok(json!({ "recommendedItems": ids }));
        }
        let scores: Vec<f64> = list.iter().map(|scored| round_score(scored.score.unwrap_or_default())).collect();
        Ok(json!({"recommendedItems": ids, "scores": scores}))
    }
}

fn seed_of(user_id: &str) -> u64 {
    let digest = Sha256::digest(user_id);
    digest.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

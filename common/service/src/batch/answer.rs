use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::{Exploration, Query, RecipeType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::question::{Asked, Question};
use crate::resources::ItemExploration;
use crate::runtime::{Loaded, Person, ReadyFilter, gives_reasons, item_set, known_item, rank, reason, round_score};

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
            // The score of an item that was not there at training is 0.
            let (ids, scores): (Vec<&str>, Vec<f64>) =
                ranked.map(|(id, score)| (id, score.map_or(0.0, round_score))).unzip();
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
        // A popular item that fills the list up has none.
        let scores: Vec<Option<f64>> = list.iter().map(|scored| scored.score.map(round_score)).collect();
        let mut output = json!({"recommendedItems": ids, "scores": scores});
        if gives_reasons(loaded.info) {
            output["reasons"] = list.iter().map(|scored| Vec::from_iter(reason(scored, false))).collect();
        }
        Ok(output)
    }
}

fn seed_of(user_id: &str) -> u64 {
    let digest = Sha256::digest(user_id);
    digest.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use palate_recipes::Scored;

    use super::*;
    use crate::runtime::fixed::loaded;

    /// What is answered to one line, of a model with these items.
    fn output(recipe: &str, items: &[(&str, Scored)], asked: Value) -> Value {
        let loaded = Arc::new(loaded(recipe, items));
        let question = Question::parse(asked.to_string().into_bytes(), loaded.info);
        let answering = Answering { loaded, filter: None, people: HashMap::new(), k: 10, explores: None };
        let line: Value = serde_json::from_str(&answering.answer(&question)).unwrap();
        assert_eq!((&line["input"], &line["error"]), (&asked, &Value::Null));
        line["output"].clone()
    }

    #[test]
    fn each_item_tells_why_it_is_there_if_the_recipe_does() {
        let explored = Scored { explored: true, ..Scored::new(1, Some(0.25)) };
        let items = [("a", Scored::new(0, Some(0.75))), ("new", explored), ("popular", Scored::new(2, None))];
        let asked = json!({"userId": "u"});
        let mut answer = json!({"recommendedItems": ["a", "new", "popular"], "scores": [0.75, 0.25, null]});
        assert_eq!(output("aws-user-personalization", &items, asked.clone()), answer);
        answer["reasons"] = json!([[], ["Exploration"], ["Popular item"]]);
        assert_eq!(output("aws-user-personalization-v2", &items, asked), answer);
    }

    #[test]
    fn all_items_of_a_list_are_answered_and_unknown_ones_have_the_score_0() {
        let items = [("a", Scored::new(0, Some(0.25))), ("b", Scored::new(1, Some(0.75)))];
        let asked = json!({"userId": "u", "itemList": ["new", "a", "other", "b"]});
        let answer = json!({"recommendedItems": ["b", "a", "new", "other"], "scores": [0.75, 0.25, 0.0, 0.0]});
        for recipe in ["aws-personalized-ranking", "aws-personalized-ranking-v2"] {
            assert_eq!(output(recipe, &items, asked.clone()), answer);
        }
    }
}

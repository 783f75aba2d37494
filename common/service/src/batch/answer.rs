use std::collections::HashMap;

use palate_recipes::{Event, Query, RecipeInfo, RecipeType};
use serde_json::{Map, Value, json};

use crate::runtime::{Loaded, known_item, round_score};
use crate::wire::shorten;

/// One line of the input.
pub(super) struct Question {
    /// What the answer repeats: the object, or the text of a line that is none.
    input: Value,
    asked: Result<Asked, String>,
}

struct Asked {
    user_id: Option<String>,
    item_id: Option<String>,
    items: Vec<String>,
}

impl Question {
    pub fn parse(line: Vec<u8>, info: &RecipeInfo) -> Self {
        let text = String::from_utf8_lossy(&line);
        let object = match serde_json::from_str::<Value>(text.trim()) {
            Ok(Value::Object(object)) if std::str::from_utf8(&line).is_ok() => object,
            _ => {
                let input = Value::String(text.trim_end().to_owned());
                return Self { input, asked: Err("The line is not a JSON object in UTF-8.".into()) };
            }
        };
        let asked = Asked::read(&object, info);
        Self { input: Value::Object(object), asked }
    }

    pub fn user_id(&self) -> Option<&str> {
        self.asked.as_ref().ok()?.user_id.as_deref()
    }
}

impl Asked {
    fn read(object: &Map<String, Value>, info: &RecipeInfo) -> Result<Self, String> {
        let text = |member: &str| match object.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().count() > 256 => {
                Err(format!("{member} is longer than 256 characters: {}", shorten(text)))
            }
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(format!("{member} must be a string that is not empty.")),
        };
        let asked = Self { user_id: text("userId")?, item_id: text("itemId")?, items: Vec::new() };
        let needs = |member: &str| Err(format!("{member} is missing; recipe {} needs it.", info.name));
        match info.recipe_type {
            RecipeType::RelatedItems if asked.item_id.is_none() => return needs("itemId"),
            RecipeType::UserPersonalization | RecipeType::PersonalizedRanking if asked.user_id.is_none() => {
                return needs("userId");
            }
            RecipeType::PersonalizedRanking => {}
            _ => return Ok(asked),
        }
        let items = object.get("itemList").and_then(Value::as_array).ok_or("itemList is missing or no list.")?;
        let items: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        Ok(Self { items: items.ok_or("itemList must hold strings only.")?, ..asked })
    }
}

/// The output line of a question, with its end.
pub(super) fn answer(
    question: &Question,
    loaded: &Loaded,
    histories: &HashMap<String, Vec<Event>>,
    k: usize,
) -> String {
    let (output, error) = match &question.asked {
        Ok(asked) => (output(asked, loaded, histories, k), Value::Null),
        Err(error) => (Value::Null, Value::String(error.clone())),
    };
    // Written member by member, since this order is the documented one.
    format!("{{\"input\":{},\"output\":{output},\"error\":{error}}}\n", question.input)
}

fn output(asked: &Asked, loaded: &Loaded, histories: &HashMap<String, Vec<Event>>, k: usize) -> Value {
    let model = loaded.model.as_ref();
    let history = asked.user_id.as_ref().and_then(|user| histories.get(user)).map(Vec::as_slice).unwrap_or_default();
    let query = Query { history, item: known_item(model, asked.item_id.as_deref()) };
    if loaded.info.recipe_type == RecipeType::PersonalizedRanking {
        let known: Vec<u32> = asked.items.iter().filter_map(|id| model.item_index(id)).collect();
        let mut ranked: Vec<(u32, f32)> = known.iter().copied().zip(model.rank(&query, &known)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ids: Vec<&str> = ranked.iter().map(|&(item, _)| model.item_id(item)).collect();
        let scores: Vec<f64> = ranked.iter().map(|&(_, score)| round_score(score)).collect();
        return json!({"recommendedItems": ids, "scores": scores});
    }
    let list = model.recommend(&query, k);
    let ids: Vec<&str> = list.iter().map(|scored| model.item_id(scored.item)).collect();
    if !loaded.info.scores {
        return json!({ "recommendedItems": ids });
    }
    let scores: Vec<f64> = list.iter().map(|scored| round_score(scored.score.unwrap_or_default())).collect();
    json!({"recommendedItems": ids, "scores": scores})
}

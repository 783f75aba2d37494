use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::{Query, RecipeInfo, RecipeType, Record};
use serde_json::{Map, Value, json};

use crate::runtime::{Loaded, Person, ReadyFilter, item_set, known_item, rank, read_context, read_values, round_score};
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
    /// `filterValues`
    values: HashMap<String, String>,
    context: Option<Record>,
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
        let values = filter_values(object.get("filterValues"))?;
        let context = read_context(object.get("context"));
        let asked = Self { user_id: text("userId")?, item_id: text("itemId")?, items: Vec::new(), values, context };
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

/// The values for the job's filter, by the rules of a request's.
fn filter_values(value: Option<&Value>) -> Result<HashMap<String, String>, String> {
    let entries = match value {
        None | Some(Value::Null) => return Ok(HashMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err("filterValues must be an object of strings.".into()),
    };
    if entries.len() > 25 {
        return Err(format!("filterValues has {} entries; at most 25 are allowed.", entries.len()));
    }
    for (name, value) in entries {
        let name = shorten(name);
        match value.as_str() {
            None => return Err(format!("filterValues.{name} must be a string.")),
            Some(text) if text.chars().count() > 1000 => {
                return Err(format!("filterValues.{name} is longer than 1000 characters."));
            }
            Some(_) => {}
        }
    }
    Ok(read_values(value))
}

/// What answers are made from.
pub(super) struct Answering {
    pub loaded: Arc<Loaded>,
    pub filter: Option<ReadyFilter>,
    /// By user id.
    pub people: HashMap<String, Person>,
    pub k: usize,
}

impl Answering {
    /// The output line of a question, with its end.
    pub fn answer(&self, question: &Question) -> String {
        let output = question.asked.as_ref().map_err(String::clone).and_then(|asked| self.output(asked));
        let (output, error) = match output {
            Ok(output) => (output, Value::Null),
            Err(error) => (Value::Null, Value::String(error)),
        };
        // Written member by member, since this order is the documented one.
        format!("{{\"input\":{},\"output\":{output},\"error\":{error}}}\n", question.input)
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
            let known = rank(loaded, &query, &ids).known;
            let scores: Vec<f64> = known.iter().map(|(_, score)| round_score(*score)).collect();
            let ids: Vec<&str> = known.into_iter().map(|(id, _)| id).collect();
            return Ok(json!({"recommendedItems": ids, "scores": scores}));
        }
        let allowed = rows.as_ref().map(|(_, rows)| item_set(rows, loaded));
        let item = known_item(model, asked.item_id.as_deref());
        let list = model.recommend(&Query { item, allowed: allowed.as_ref(), ..query }, self.k);
        let ids: Vec<&str> = list.iter().map(|scored| model.item_id(scored.item)).collect();
        if !loaded.info.scores {
            return Ok(json!({ "recommendedItems": ids }));
        }
        let scores: Vec<f64> = list.iter().map(|scored| round_score(scored.score.unwrap_or_default())).collect();
        Ok(json!({"recommendedItems": ids, "scores": scores}))
    }
}

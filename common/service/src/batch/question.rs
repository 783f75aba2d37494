use std::collections::HashMap;

use palate_recipes::{RecipeInfo, RecipeType, Record};
use serde_json::{Map, Value};

use crate::runtime::{read_context, read_values};
use crate::wire::shorten;

/// One line of the input.
pub(super) struct Question {
    /// What the answer repeats: the object, or the text of a line that is none.
    input: Value,
    pub asked: Result<Asked, String>,
}

pub(super) struct Asked {
    pub user_id: Option<String>,
    pub item_id: Option<String>,
    pub items: Vec<String>,
    /// `itemAttributes`
    pub attributes: Option<String>,
    /// `filterValues`
    pub values: HashMap<String, String>,
    pub context: Option<Record>,
}

/// Characters of an expression of attributes: as many as one of a filter may have.
const MAX_ATTRIBUTES: usize = 2500;

/// Whether users are looked for by attributes of items, not by items.
pub(super) fn by_attributes(info: &RecipeInfo) -> bool {
    info.name == "aws-item-attribute-affinity"
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

    /// The output line, with its end.
    pub fn line(&self, output: Result<Value, String>) -> String {
        let (output, error) = match output {
            Ok(output) => (output, Value::Null),
            Err(error) => (Value::Null, Value::String(error)),
        };
        // Written member by member, since this order is the documented one.
        format!("{{\"input\":{},\"output\":{output},\"error\":{error}}}\n", self.input)
    }

    pub fn user_id(&self) -> Option<&str> {
        self.asked.as_ref().ok()?.user_id.as_deref()
    }
}

impl Asked {
    fn read(object: &Map<String, Value>, info: &RecipeInfo) -> Result<Self, String> {
        let text = |member: &str, most: usize| match object.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().count() > most => {
                Err(format!("{member} is longer than {most} characters: {}", shorten(text)))
            }
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(format!("{member} must be a string that is not empty.")),
        };
        let values = filter_values(object.get("filterValues"))?;
        let context = read_context(object.get("context"));
        let asked = Self {
            user_id: text("userId", 256)?,
            item_id: text("itemId", 256)?,
            items: Vec::new(),
            attributes: text("itemAttributes", MAX_ATTRIBUTES)?,
            values,
            context,
        };
        let needs = |member: &str| Err(format!("{member} is missing; recipe {} needs it.", info.name));
        match info.recipe_type {
            RecipeType::RelatedItems if asked.item_id.is_none() => return needs("itemId"),
            RecipeType::UserPersonalization | RecipeType::PersonalizedRanking if asked.user_id.is_none() => {
                return needs("userId");
            }
            RecipeType::UserSegmentation if by_attributes(info) && asked.attributes.is_none() => {
                return needs("itemAttributes");
            }
            RecipeType::UserSegmentation if !by_attributes(info) && asked.item_id.is_none() => return needs("itemId"),
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

//! The service model: operations, structures and constraints, read once from `personalize.model`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// The three APIs, told apart by target header or path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    /// `personalize`: AWS JSON 1.1.
    Control,
    /// `personalize-runtime`: REST-JSON.
    Runtime,
    /// `personalize-events`: REST-JSON.
    Events,
}

/// Ends of a range; either may be open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Debug)]
pub(crate) enum Scalar {
    String {
        length: Bounds,
        pattern: Option<(String, Regex)>,
    },
    Enum(Vec<String>),
    Integer(Bounds),
    Number(Bounds),
    Boolean,
    Timestamp,
    /// A string that holds a JSON object; the object itself is accepted too.
    Json {
        length: Bounds,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Type {
    Named(String),
    List(Box<Type>, Bounds),
    Map(Box<Type>, Box<Type>, Bounds),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub name: String,
    pub required: bool,
    pub kind: Type,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub name: String,
    pub api: Api,
    pub path: String,
    pub input: Vec<Member>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub operations: Vec<Operation>,
    pub structures: HashMap<String, Vec<Member>>,
    pub scalars: HashMap<String, Scalar>,
}

/// The model of this program.
pub(crate) static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::parse(include_str!("personalize.model")).expect("a test parses this very text"));

impl Model {
    pub fn control(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.api == Api::Control && operation.name == name)
    }

    /// The operation of one of the REST APIs.
    pub fn at_path(&self, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.api != Api::Control && operation.path == path)
    }

    /// Reads the text form described at its top.
    fn parse(text: &str) -> Result<Self, String> {
        enum Into {
            Operation,
            Structure(String),
            Nothing,
        }
        let mut model = Self::default();
        let mut into = Into::Nothing;
        for (number, line) in text.lines().enumerate() {
            let at = |what: &str| format!("line {}: {what}: {line}", number + 1);
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(member) = line.strip_prefix("  ") {
                let (name, kind) = member.split_once(": ").ok_or_else(|| at("no type"))?;
                let (kind, rest) = parse_type(kind).ok_or_else(|| at("bad type"))?;
                if !rest.is_empty() {
                    return Err(at("text after the type"));
                }
                let required = name.ends_with('*');
                let member = Member { name: name.trim_end_matches('*').to_owned(), required, kind };
                match &into {
                    Into::Operation => {
                        model.operations.last_mut().ok_or_else(|| at("no operation"))?.input.push(member)
                    }
                    Into::Structure(name) => model.structures.entry(name.clone()).or_default().push(member),
                    Into::Nothing => return Err(at("a member of nothing")),
                }
                continue;
            }
            let mut words = line.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap_or_default(), words.next().ok_or_else(|| at("no name"))?);
            let rest = words.next().unwrap_or_default();
            into = Into::Nothing;
            let scalar = match kind {
                "operation" => {
                    let api = match name {
                        "personalize" => Api::Control,
                        "personalize-runtime" => Api::Runtime,
                        "personalize-events" => Api::Events,
                        _ => return Err(at("unknown service")),
                    };
                    let (name, path) = rest.split_once(' ').ok_or_else(|| at("no path"))?;
                    model.operations.push(Operation { name: name.into(), api, path: path.into(), input: Vec::new() });
                    into = Into::Operation;
                    continue;
                }
                "structure" => {
                    model.structures.entry(name.to_owned()).or_default();
                    into = Into::Structure(name.to_owned());
                    continue;
                }
                "string" => {
                    let (length, pattern) = rest.split_once(' ').map_or((rest, None), |(l, p)| (l, Some(p)));
                    let pattern = pattern
                        .map(|p| Regex::new(&format!("^(?:{p})$")).map(|regex| (p.to_owned(), regex)))
                        .transpose()
                        .map_err(|error| at(&error.to_string()))?;
                    Scalar::String { length: parse_bounds(length).ok_or_else(|| at("bad length"))?, pattern }
                }
                "enum" => Scalar::Enum(rest.split(' ').map(str::to_owned).collect()),
                "integer" => Scalar::Integer(parse_bounds(rest).ok_or_else(|| at("bad range"))?),
                "number" => Scalar::Number(parse_bounds(rest).ok_or_else(|| at("bad range"))?),
                "boolean" => Scalar::Boolean,
                "timestamp" => Scalar::Timestamp,
                "json" => Scalar::Json { length: parse_bounds(rest).ok_or_else(|| at("bad length"))? },
                _ => return Err(at("unknown word")),
            };
            model.scalars.insert(name.to_owned(), scalar);
        }
        Ok(model)
    }
}

/// `min..max`, either end open; nothing at all is no bound.
fn parse_bounds(text: &str) -> Option<Bounds> {
    if text.is_empty() {
        return Some(Bounds::default());
    }
    let (min, max) = text.split_once("..")?;
    let end = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    Some(Bounds { min: end(min)?, max: end(max)? })
}

/// Reads a type and gives what follows it.
fn parse_type(text: &str) -> Option<(Type, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (element, rest) = parse_type(rest)?;
        let (bounds, rest) = parse_limits(rest.strip_prefix(']')?)?;
        return Some((Type::List(Box::new(element), bounds), rest));
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (key, rest) = parse_type(rest)?;
        let (value, rest) = parse_type(rest.strip_prefix("->")?)?;
        let (bounds, rest) = parse_limits(rest.strip_prefix('}')?)?;
        return Some((Type::Map(Box::new(key), Box::new(value), bounds), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    (end > 0).then(|| (Type::Named(text[..end].to_owned()), &text[end..]))
}

fn parse_limits(text: &str) -> Option<(Bounds, &str)> {
    // A map's own brace never follows a type directly within another map: limits come only after `]` or `}`.
    match text.strip_prefix('{') {
        None => Some((Bounds::default(), text)),
        Some(rest) => {
            let (bounds, rest) = rest.split_once('}')?;
            Some((parse_bounds(bounds)?, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(kind: &Type, into: &mut Vec<String>) {
        match kind {
            Type::Named(name) => into.push(name.clone()),
            Type::List(element, _) => names(element, into),
            Type::Map(key, value, _) => {
                names(key, into);
                names(value, into);
            }
        }
    }

    #[test]
    fn the_model_has_all_79_operations_and_every_type_is_defined() {
        let model = Model::parse(include_str!("personalize.model")).unwrap();
        let count = |api| model.operations.iter().filter(|operation| operation.api == api).count();
        assert_eq!((count(Api::Control), count(Api::Runtime), count(Api::Events)), (71, 3, 5));
        let mut used = Vec::new();
        let members = model.operations.iter().map(|operation| &operation.input).chain(model.structures.values());
        members.flatten().for_each(|member| names(&member.kind, &mut used));
        for name in used {
            assert!(model.structures.contains_key(&name) || model.scalars.contains_key(&name), "{name} is not defined");
        }
    }

    #[test]
    fn bad_text_is_refused_with_its_line() {
        for (text, line) in
            [("  name: Name", 1), ("structure A\n  b: [C", 2), ("string S 1..x", 1), ("what is this", 1)]
        {
            assert!(Model::parse(text).unwrap_err().starts_with(&format!("line {line}:")), "{text}");
        }
    }
}

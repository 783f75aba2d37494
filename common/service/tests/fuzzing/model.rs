//! The service model as its text tells it: what a valid request looks like, and where validity ends.

use std::collections::BTreeMap;

/// One operation.
pub struct Operation {
    pub name: String,
    /// `personalize`, `personalize-runtime` or `personalize-events`.
    pub service: String,
    pub path: String,
    pub input: Vec<Member>,
}

pub struct Member {
    pub name: String,
    pub required: bool,
    pub kind: Kind,
}

pub enum Kind {
    Named(String),
    List(Box<Kind>, Bounds),
    Map(Box<Kind>, Box<Kind>, Bounds),
}

#[derive(Clone, Copy, Default)]
pub struct Bounds {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

pub enum Scalar {
    String { length: Bounds, pattern: bool },
    Enum(Vec<String>),
    Number { range: Bounds, whole: bool },
    Boolean,
    Timestamp,
    Json { length: Bounds },
}

#[derive(Default)]
pub struct Model {
    pub operations: Vec<Operation>,
    pub structures: BTreeMap<String, Vec<Member>>,
    pub scalars: BTreeMap<String, Scalar>,
}

impl Model {
    /// Reads the text that the service is built from, in its own way: what reads it there is not trusted here.
    pub fn read() -> Self {
        let mut model = Self::default();
        let mut structure = None::<String>;
        for line in include_str!("../../src/wire/personalize.model").lines() {
            if let Some(member) = line.strip_prefix("  ") {
                let (name, kind) = member.split_once(": ").unwrap();
                let required = name.ends_with('*');
                let (kind, rest) = read_kind(kind);
                assert!(rest.is_empty(), "{line}");
                let member = Member { name: name.trim_end_matches('*').into(), required, kind };
                match &structure {
                    Some(name) => model.structures.get_mut(name).unwrap().push(member),
                    None => model.operations.last_mut().unwrap().input.push(member),
                }
                continue;
            }
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let rest = words.get(2).copied().unwrap_or_default();
            let first = rest.split(' ').next().unwrap_or_default();
            let scalar = match words[0] {
                "operation" => {
                    let (name, path) = rest.split_once(' ').unwrap();
                    let (name, path) = (name.to_owned(), path.to_owned());
                    model.operations.push(Operation { name, service: words[1].into(), path, input: Vec::new() });
                    structure = None;
                    continue;
                }
                "structure" => {
                    model.structures.insert(words[1].into(), Vec::new());
                    structure = Some(words[1].into());
                    continue;
                }
                "string" => Scalar::String { length: bounds(first), pattern: rest.contains(' ') },
                "enum" => Scalar::Enum(rest.split(' ').map(str::to_owned).collect()),
                "integer" | "number" => Scalar::Number { range: bounds(rest), whole: words[0] == "integer" },
                "boolean" => Scalar::Boolean,
                "timestamp" => Scalar::Timestamp,
                "json" => Scalar::Json { length: bounds(rest) },
                _ => continue,
            };
            model.scalars.insert(words[1].into(), scalar);
        }
        assert_eq!(model.operations.len(), 79);
        model
    }
}

fn bounds(text: &str) -> Bounds {
    let (min, max) = text.split_once("..").unwrap_or_default();
    Bounds { min: min.parse().ok(), max: max.parse().ok() }
}

/// Reads a type and gives what follows it.
fn read_kind(text: &str) -> (Kind, &str) {
    if let Some(rest) = text.strip_prefix('[') {
        let (element, rest) = read_kind(rest);
        let (limits, rest) = read_limits(rest.strip_prefix(']').unwrap());
        return (Kind::List(Box::new(element), limits), rest);
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (key, rest) = read_kind(rest);
        let (value, rest) = read_kind(rest.strip_prefix("->").unwrap());
        let (limits, rest) = read_limits(rest.strip_prefix('}').unwrap());
        return (Kind::Map(Box::new(key), Box::new(value), limits), rest);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    (Kind::Named(text[..end].into()), &text[end..])
}

fn read_limits(text: &str) -> (Bounds, &str) {
    match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((limits, rest)) => (bounds(limits), rest),
        None => (Bounds::default(), text),
    }
}

//! The meaning of a filter, row by row and in no hurry, to hold the plan against.

use std::collections::HashMap;

use crate::filters::ast::{Clause, Condition, Expression, Literal, Members, Op, Scalar, Test};

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub texts: HashMap<&'static str, String>,
    /// As they are after rounding to the column's type; `f32` columns are named PRICE.
    pub numbers: HashMap<&'static str, f64>,
}

pub struct Request<'a> {
    pub given: &'a HashMap<String, Vec<String>>,
    pub user: &'a Row,
    pub current_item: &'a Row,
    /// Event types and rows.
    pub events: &'a [(String, usize)],
}

/// Which rows are left; `None` if a value is missing that an INCLUDE needs.
pub fn left(expression: &Expression, rows: &[Row], request: &Request<'_>) -> Option<Vec<bool>> {
    let missing = |clause: &&Clause| clause.parameters().any(|name| !request.given.contains_key(name));
    if expression.clauses.iter().any(|clause| clause.include && missing(&clause)) {
        return None;
    }
    let in_force: Vec<&Clause> = expression
        .clauses
        .iter()
        .filter(|clause| !missing(clause))
        .filter(|clause| clause.only_if.iter().all(|condition| holds(condition, request.user, usize::MAX, request)))
        .collect();
    let is_left = |(number, row): (usize, &Row)| {
        let hit = |clause: &&&Clause| {
            clause.any_of.iter().any(|group| group.iter().all(|condition| holds(condition, row, number, request)))
        };
        let mut includes = in_force.iter().filter(|clause| clause.include).peekable();
        let kept = includes.peek().is_none() || includes.any(|clause| hit(&clause));
        kept && !in_force.iter().filter(|clause| !clause.include).any(|clause| hit(&clause))
    };
    Some(rows.iter().enumerate().map(is_left).collect())
}

fn holds(condition: &Condition, row: &Row, number: usize, request: &Request<'_>) -> bool {
    let field = condition.field.as_str();
    match &condition.test {
        Test::In { not, members } => {
            let listed: Vec<String> = match members {
                Members::Listed(literals) => literals.iter().map(shown).collect(),
                Members::Parameter(name) => request.given[name].clone(),
                Members::CurrentItem(other) => {
                    let text = request.current_item.texts.get(other.as_str());
                    let mut listed: Vec<String> = text.map(|text| parts(text)).unwrap_or_default();
                    listed.extend(request.current_item.numbers.get(other.as_str()).map(f64::to_string));
                    listed
                }
            };
            let is_in = if condition.dataset.is_history() {
                let is_listed = |event: &str| listed.iter().any(|one| one == "*" || one.eq_ignore_ascii_case(event));
                request.events.iter().any(|(event, row)| *row == number && is_listed(event))
            } else if let Some(text) = row.texts.get(field) {
                parts(text).iter().any(|part| listed.contains(part))
            } else if let Some(value) = row.numbers.get(field) {
                listed.iter().any(|one| rounded(field, one.parse().unwrap()) == *value)
            } else {
                false
            };
            is_in != *not
        }
        Test::Compare { op, with } => {
            let with = match with {
                Scalar::Literal(literal) => Some(shown(literal)),
                Scalar::Parameter(name) => Some(request.given[name][0].clone()),
                Scalar::CurrentItem(other) => request.current_item.numbers.get(other.as_str()).map(f64::to_string),
            };
            let Some(with) = with else { return false };
            if let Some(text) = row.texts.get(field) {
                return parts(text).contains(&with) == (*op == Op::Equal);
            }
            let Some(value) = row.numbers.get(field) else { return false };
            let with = rounded(field, with.parse().unwrap());
            match op {
                Op::Equal => *value == with,
                Op::NotEqual => *value != with,
                Op::Less => *value < with,
                Op::LessOrEqual => *value <= with,
                Op::Greater => *value > with,
                Op::GreaterOrEqual => *value >= with,
            }
        }
    }
}

fn rounded(field: &str, value: f64) -> f64 {
    if field == "PRICE" { f64::from(value as f32) } else { value }
}

fn shown(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Number(number) => number.to_string(),
    }
}

/// What a text is equal to: itself and, if it is several values, each of them.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![text.to_owned()];
    if text.contains('|') {
        parts.extend(text.split('|').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    parts
}

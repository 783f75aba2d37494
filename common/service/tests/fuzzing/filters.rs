//! Filter expressions: most of them right or nearly so.

use super::rng::Rng;

const FIELDS: [&str; 8] = [
    "Items.CATEGORY",
    "Items.PRICE",
    "Interactions.EVENT_TYPE",
    "Interactions.event_type",
    "CurrentUser.AGE",
    "CurrentItem.CATEGORY",
    "Users.AGE",
    "Items.NOT_THERE",
];

const VALUES: [&str; 10] =
    ["\"a\"", "\"c1\",\"c2\"", "\"*\"", "$V", "$V, $W", "3", "-1.5e300", "\"ä|\\\"\"", "", "CurrentItem.PRICE"];

/// One expression.
pub fn expression(rng: &mut Rng) -> String {
    let mut text = match rng.below(40) {
        0 => rng.text(200),
        1 => format!("EXCLUDE ItemID WHERE {}{}{}", "(".repeat(1_000), condition(rng), ")".repeat(1_000)),
        2 => format!("INCLUDE ItemID WHERE {}{}", "NOT ".repeat(500), condition(rng)),
        3 => vec![clause(rng); 40].join(" | "),
        _ => {
            let clauses: Vec<String> = (0..=rng.below(3)).map(|_| clause(rng)).collect();
            clauses.join([" | ", "|", " || ", "\n"][if rng.one_in(5) { rng.below(4) } else { 0 }])
        }
    };
    if rng.one_in(3) {
        let mutations = 1 + rng.below(3);
        for _ in 0..mutations {
            text = mutated(rng, &text);
        }
    }
    text
}

fn clause(rng: &mut Rng) -> String {
    let (verb, object) = (*rng.pick(&["INCLUDE", "EXCLUDE", "include"]), *rng.pick(&["ItemID", "ActionID", "ItemId"]));
    let mut text = format!("{verb} {object} WHERE {}", condition(rng));
    for _ in 0..rng.below(4) {
        text += &format!(" {} {}", rng.pick(&["AND", "OR", "and", "XOR"]), condition(rng));
    }
    if rng.one_in(4) {
        text += &format!(" IF {}", condition(rng));
    }
    text
}

fn condition(rng: &mut Rng) -> String {
    let (field, value) = (*rng.pick(&FIELDS), *rng.pick(&VALUES));
    match rng.below(6) {
        0 | 1 => format!("{field} IN ({value})"),
        2 => format!("{field} NOT IN ({value})"),
        3 => format!("{field} {} {value}", rng.pick(&["=", "!=", "<", ">", "<=", ">=", "=="])),
        4 => format!("({field} IN ({value}) OR NOT {field} = {value})"),
        _ => format!("NOT ({field} IN ({value}))"),
    }
}

/// The text with one character, or a stretch of them, left out, doubled, swapped or replaced.
fn mutated(rng: &mut Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return rng.text(3);
    }
    let at = rng.below(letters.len());
    let end = (at + 1 + rng.below(8)).min(letters.len());
    match rng.below(4) {
        0 => drop(letters.drain(at..end)),
        1 => {
            let doubled = letters[at..end].to_vec();
            letters.splice(at..at, doubled);
        }
        2 => letters.swap(at, end - 1),
        _ => {
            let new: Vec<char> = rng.text(2).chars().collect();
            letters.splice(at..at + 1, new);
        }
    }
    letters.into_iter().collect()
}

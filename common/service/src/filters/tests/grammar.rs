use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::expression;
use crate::filters::{DatasetName, Expression, Target};

/// The documented examples.
const EXAMPLES: [&str; 13] = [
    r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click","stream")"#,
    r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")"#,
    r#"INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)"#,
    r#"INCLUDE ItemID WHERE Items.PRICE <= $PRICE"#,
    r#"INCLUDE ItemID WHERE Items.YEAR >= 1970 AND Items.YEAR < 1980"#,
    r#"EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoe") AND Items.CATEGORY_L2 NOT IN ("boot")"#,
    r#"INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE"#,
    r#"EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE"#,
    r#"INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")"#,
    r#"INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ($M)"#,
    r#"EXCLUDE UserID WHERE Users.AGE < $AGE"#,
    r#"INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)"#,
    r#"EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN")"#,
];

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_documented_examples_are_read_and_shown_with_the_same_meaning() {
    for text in EXAMPLES {
        let expression = parse(text);
        assert_eq!(parse(&expression.to_string()), expression, "{text}");
    }
}

#[test]
fn the_canonical_form_names_everything_in_one_way() {
    let odd = "exclude\titemId where\n items . genre not in ( \"a\\\"b\" ,\"Ü\", 1,2.50 ) or ITEMS.price>=-.5 \
               and Items.YEAR != ($Year) if currentuser.age in ($A) and CURRENTUSER.tier=\"x\"|\
               include ITEMID where INTERACTIONS.event_type in (\"Purchase\")";
    let canonical = "EXCLUDE ItemID WHERE Items.GENRE NOT IN (\"a\\\"b\", \"Ü\", 1, 2.5) OR Items.PRICE >= -0.5 \
                     AND Items.YEAR != $Year IF CurrentUser.AGE IN ($A) AND CurrentUser.TIER = \"x\" | \
                     INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Purchase\")";
    assert_eq!(parse(odd).to_string(), canonical);
}

#[test]
fn an_expression_tells_what_it_needs() {
    let text = r#"INCLUDE ItemID WHERE Items.price < CurrentItem.Cost AND Items.GENRE IN ($G) IF CurrentUser.AGE > $A
        | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")"#;
    let expression = parse(text);
    assert_eq!(expression.target(), Target::Item);
    let fields: Vec<(DatasetName, String)> = expression.fields().into_iter().collect();
    let expected = [
        (DatasetName::Items, "COST"),
        (DatasetName::Items, "GENRE"),
        (DatasetName::Items, "PRICE"),
        (DatasetName::Interactions, "EVENT_TYPE"),
        (DatasetName::Users, "AGE"),
    ];
    assert_eq!(fields, expected.map(|(dataset, name)| (dataset, name.to_owned())));
    assert_eq!(expression.parameters().into_iter().collect::<Vec<_>>(), ["A", "G"]);
    assert!(expression.uses_history() && expression.uses_current_user() && expression.uses_current_item());
    let plain = parse("EXCLUDE UserID WHERE Users.AGE < 18");
    assert_eq!(plain.target(), Target::User);
    assert!(!plain.uses_history() && !plain.uses_current_user() && !plain.uses_current_item());
}

#[test]
fn an_expression_may_have_2500_characters_and_no_more() {
    let of_length = |length: usize| {
        let frame = "EXCLUDE ItemID WHERE Items.A IN (\"\")";
        frame.replace("\"\"", &format!("\"{}\"", "ü".repeat(length - frame.len())))
    };
    parse(&of_length(2500));
    let error = Expression::parse(&of_length(2501)).unwrap_err();
    assert!(error.message.contains("longer than 2500 characters"), "{error}");
    assert!(Expression::parse(&"(".repeat(10_000_000)).is_err());
}

/// Whatever is read means the same once it was shown.
fn read_if_possible(text: &str) {
    match Expression::parse(text) {
        Ok(expression) => {
            let shown = expression.to_string();
            // The canonical form may be longer than allowed, by a space here and there.
            if shown.chars().count() <= 2500 {
                assert_eq!(parse(&shown), expression, "{text}");
            }
        }
        Err(error) => {
            assert!(error.message.starts_with("Could not create filter. "), "{text}: {error}");
            assert!(error.at.is_some_and(|at| at <= text.chars().count()), "{text}: {error}");
        }
    }
}

/// Scraps that make up expressions, and some that do not.
const SCRAPS: [&str; 40] = [
    "INCLUDE ",
    "EXCLUDE ",
    "ItemID ",
    "UserID ",
    "ActionID ",
    "WHERE ",
    "Items",
    "Interactions",
    "Users",
    "Actions",
    "Action_Interactions",
    ".",
    ".GENRE ",
    ".EVENT_TYPE ",
    "IN ",
    "NOT ",
    "NOT IN ",
    "(",
    ")",
    "(\"a\")",
    "($P)",
    "\"",
    "\"*\"",
    "$",
    "$P ",
    ",",
    "|",
    "=",
    "!=",
    "<",
    ">=",
    "1",
    "-",
    "1e5",
    "CurrentItem",
    "CurrentUser",
    "IF ",
    "AND ",
    "OR ",
    "\\",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_expression_reads_back_as_it_was_shown(expression in expression()) {
        let shown = expression.to_string();
        prop_assume!(shown.chars().count() <= 2500);
        prop_assert_eq!(Expression::parse(&shown).unwrap(), expression);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_if_possible(&text);
    }

    #[test]
    fn any_scraps_are_read_or_refused(scraps in prop::collection::vec(select(&SCRAPS[..]), 0..40)) {
        read_if_possible(&format!("EXCLUDE ItemID WHERE {}", scraps.concat()));
        read_if_possible(&scraps.concat());
    }

    #[test]
    fn spoilt_expressions_are_read_or_refused(
        expression in expression(),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, any::<char>(), select(&SCRAPS[..])), 1..6),
    ) {
        let mut chars: Vec<char> = expression.to_string().chars().collect();
        for (place, how, c, scrap) in spoils {
            let at = place.index(chars.len() + 1).min(chars.len().saturating_sub(1));
            match how {
                0 if !chars.is_empty() => drop(chars.remove(at)),
                1 => chars.insert(at, c),
                2 => chars.truncate(at),
                _ => drop(chars.splice(at..at, scrap.chars())),
            }
        }
        read_if_possible(&chars.into_iter().collect::<String>());
    }
}

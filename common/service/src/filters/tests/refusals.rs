use palate_recipes::parts::ColumnType;

use crate::filters::{DatasetName, Expression, Field};

/// Wrong expressions with `¿` at the place that is wrong, and what the message says.
const WRONG: [(&str, &str); 60] = [
    ("¿", "expected INCLUDE or EXCLUDE, found the end of the expression."),
    ("  ¿", "expected INCLUDE or EXCLUDE, found the end"),
    ("¿SELECT ItemID WHERE Items.A = 1", "expected INCLUDE or EXCLUDE, found 'SELECT'."),
    ("INCLUDE ¿Item WHERE Items.A = 1", "expected ItemID, ActionID or UserID, found 'Item'."),
    ("INCLUDE ItemID ¿WHEN Items.A = 1", "expected WHERE, found 'WHEN'."),
    ("INCLUDE ItemID ¿", "expected WHERE, found the end of the expression."),
    ("INCLUDE ItemID WHERE ¿", "expected a condition such as"),
    ("INCLUDE ItemID WHERE ¿(Items.A = 1)", "expected a condition such as"),
    ("INCLUDE ItemID WHERE ¿Itms.A = 1", "expected the dataset Items or Interactions, found 'Itms'."),
    ("INCLUDE ItemID WHERE ¿GENRE IN (\"a\")", "expected the dataset Items or Interactions, found 'GENRE'."),
    ("INCLUDE ItemID WHERE ¿Users.A = 1", "filters for ItemID are about Items or Interactions, not about Users."),
    ("INCLUDE ItemID WHERE ¿Actions.A = 1", "not about Actions."),
    ("INCLUDE UserID WHERE ¿Items.A = 1", "filters for UserID are about Users or Interactions, not about Items."),
    ("INCLUDE ActionID WHERE ¿Interactions.EVENT_TYPE IN (\"a\")", "are about Actions or Action_Interactions"),
    ("INCLUDE ItemID WHERE Items¿", "expected '.' and the name of a field, found the end"),
    ("INCLUDE ItemID WHERE Items ¿IN (\"a\")", "expected '.' and the name of a field, found 'IN'."),
    ("INCLUDE ItemID WHERE Items.¿", "expected the name of a field, found the end"),
    ("INCLUDE ItemID WHERE Items.¿\"A\" IN (1)", "expected the name of a field, found the string \"A\"."),
    ("INCLUDE ItemID WHERE Items.A ¿", "expected IN, NOT IN or one of = != < <= > >=, found the end"),
    ("INCLUDE ItemID WHERE Items.A ¿LIKE \"a\"", "expected IN, NOT IN or one of = != < <= > >=, found 'LIKE'."),
    ("INCLUDE ItemID WHERE Items.A NOT ¿= 1", "expected IN behind NOT, found '='."),
    ("INCLUDE ItemID WHERE Items.A =¿= 1", "expected a number, a string or a placeholder, found '='."),
    ("INCLUDE ItemID WHERE Items.A ¿! 1", "expected != , found '!' alone."),
    ("INCLUDE ItemID WHERE Items.A < ¿", "expected a number, a string or a placeholder, found the end"),
    ("INCLUDE ItemID WHERE Items.A < ¿1970s", "'1970s' is not a number"),
    ("INCLUDE ItemID WHERE Items.A < ¿1.2.3", "'1.2.3' is not a number"),
    ("INCLUDE ItemID WHERE Items.A < (¿5)", "expected one placeholder between the parentheses, found the number 5."),
    ("INCLUDE ItemID WHERE Items.A < ($P¿", "expected ')', found the end"),
    ("INCLUDE ItemID WHERE Items.A < ¿$", "expected the name of a placeholder behind $"),
    (
        "INCLUDE ItemID WHERE Items.A < ¿$a12345678901234567890123456789012345678901234567890",
        "the placeholder has 51 characters, and at most 50 are allowed.",
    ),
    ("INCLUDE ItemID WHERE Items.A IN ¿\"a\"", "expected '(' and a list of values, found the string \"a\"."),
    ("INCLUDE ItemID WHERE Items.A IN (¿)", "expected a string, a number or a placeholder, found ')'."),
    ("INCLUDE ItemID WHERE Items.A IN (¿a)", "expected a string, a number or a placeholder, found 'a'."),
    ("INCLUDE ItemID WHERE Items.A IN (\"a\" ¿\"b\")", "expected ',' or ')', found the string \"b\"."),
    ("INCLUDE ItemID WHERE Items.A IN (\"a\",¿)", "expected a string, a number or a placeholder, found ')'."),
    ("INCLUDE ItemID WHERE Items.A IN (\"a\"¿", "expected ',' or ')', found the end"),
    ("INCLUDE ItemID WHERE Items.A IN (¿\"a)", "the string that begins here has no closing double quote."),
    ("INCLUDE ItemID WHERE Items.A IN (\"ü¿\\n\")", "a backslash stands before \" and \\ only"),
    ("INCLUDE ItemID WHERE Items.A IN (¿'a')", "strings stand between double quotes"),
    ("INCLUDE ItemID WHERE Items.A IN (¿“a”)", "strings stand between double quotes"),
    ("INCLUDE ItemID WHERE Items.A IN ($P¿, $Q)", "the placeholder $P stands alone and can have several values"),
    ("INCLUDE ItemID WHERE Items.A IN (\"a\", ¿$Q)", "the placeholder $Q cannot stand in a list"),
    ("INCLUDE ItemID WHERE Items.A IN (¿\"*\")", "\"*\" means any event type and goes with Interactions.EVENT_TYPE"),
    ("INCLUDE ItemID WHERE Items.A = ¿\"*\"", "\"*\" means any event type"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (¿*)", "any event type is written (\"*\")"),
    ("INCLUDE ItemID WHERE Interactions.¿EVENT_VALUE IN (\"a\")", "only the field EVENT_TYPE can be filtered on"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE ¿= \"a\"", "goes with IN and NOT IN only"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ¿CurrentItem.A", "only be compared with fields of Items"),
    (
        "INCLUDE ItemID WHERE Items.A = 1 AND ¿Interactions.EVENT_TYPE IN (\"a\")",
        "is about one dataset, and this one has Items and Interactions; put each into an expression of its own",
    ),
    ("INCLUDE ItemID WHERE Items.A = 1 ¿Items.B = 2", "expected AND, OR, IF, | or the end of the expression"),
    ("INCLUDE ItemID WHERE Items.A = 1 |¿", "expected INCLUDE or EXCLUDE, found the end"),
    (
        "INCLUDE ItemID WHERE Items.A = 1 | EXCLUDE ¿UserID WHERE Users.A = 1",
        "have one target, and the first has ItemID",
    ),
    ("INCLUDE ItemID WHERE ¿CurrentUser.A = 1", "conditions on CurrentUser stand behind IF"),
    ("INCLUDE ItemID WHERE ¿CurrentItem.A = 1", "CurrentItem stands behind an operator"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF ¿Items.B = 1", "expected CurrentUser, which alone can stand behind IF"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF ¿", "expected a condition such as CurrentUser.AGE > 18"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 ¿OR CurrentUser.B = 1", "joined by AND only"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 ¿IF CurrentUser.B = 1", "IF stands once"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = ¿CurrentItem.A", "only be compared with fields of Items"),
    ("INCLUDE ItemID WHERE Items.A ¿; DROP TABLE", "found ';', which has no meaning here."),
];

#[test]
fn a_wrong_expression_is_refused_with_the_place_and_what_was_expected() {
    for (marked, expected) in WRONG {
        let at = marked.chars().position(|c| c == '¿').unwrap();
        let text = marked.replace('¿', "");
        let error = Expression::parse(&text).expect_err(&text);
        let begin = format!("Could not create filter. Invalid Expression at position {}: ", at + 1);
        assert!(error.message.starts_with(&begin), "{text}: {error}");
        assert!(error.message.contains(expected), "{text}: {error}");
        assert_eq!(error.at, Some(at), "{text}: {error}");
    }
}

#[test]
fn a_placeholder_with_not_in_is_refused_in_the_known_words() {
    for (text, name, at) in [
        ("EXCLUDE ItemID WHERE Items.A NOT IN ($param)", "param", 37),
        ("EXCLUDE ItemID WHERE Items.A NOT IN (\"a\", $q)", "q", 42),
        ("EXCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A NOT IN ($p)", "p", 58),
    ] {
        let error = Expression::parse(text).unwrap_err();
        let message = format!(
            "Could not create filter. Invalid input symbol: ${name}. Placeholders are not allowed with NOT_IN operator."
        );
        assert_eq!(error.message, message);
        assert_eq!(error.at, Some(at));
    }
}

fn schemas(dataset: DatasetName) -> Option<Vec<Field>> {
    let field = |name: &str, kind| Field { name: name.into(), kind, textual: name == "DESCRIPTION" };
    let (text, long, float) = (ColumnType::String, ColumnType::Long, ColumnType::Float);
    match dataset {
        DatasetName::Items => Some(vec![
            field("ITEM_ID", text),
            field("Genre", text),
            field("DESCRIPTION", text),
            field("PRICE", float),
            field("CREATION_TIMESTAMP", long),
            field("ADULT", ColumnType::Boolean),
        ]),
        DatasetName::Interactions => Some(vec![field("USER_ID", text), field("EVENT_TYPE", text)]),
        DatasetName::Users => Some(vec![field("USER_ID", text), field("AGE", long), field("TIER", text)]),
        DatasetName::Actions => Some(vec![
            field("ACTION_ID", text),
            field("VALUE", long),
            field("EXPIRATION_TIMESTAMP", long),
            field("REPEAT_FREQUENCY", long),
        ]),
        DatasetName::ActionInteractions => None,
    }
}

#[test]
fn fields_are_held_against_the_schemas() {
    for text in [
        r#"INCLUDE ItemID WHERE Items.GENRE IN ("a", 5) AND Items.price < 3 AND Items.CREATION_TIMESTAMP >= "12""#,
        r#"INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.GENRE AND Items.PRICE < CurrentItem.CREATION_TIMESTAMP"#,
        r#"INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)"#,
        r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("a") IF CurrentUser.TIER = "gold" AND CurrentUser.AGE > 3"#,
        r#"EXCLUDE ItemID WHERE Items.PRICE < 3 IF CurrentUser.TIER != $T AND CurrentUser.AGE IN (3, "4")"#,
        r#"INCLUDE ActionID WHERE Actions.VALUE > 3"#,
    ] {
        Expression::parse(text).unwrap().check_fields(&schemas).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    for (text, problem) in [
        (
            "INCLUDE ItemID WHERE Items.GENRES IN (\"a\")",
            "Items.GENRES: the schema of Items has no such field; it has ITEM_ID, Genre, DESCRIPTION, PRICE, \
             CREATION_TIMESTAMP, ADULT.",
        ),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.COST", "CurrentItem.COST: the schema of Items has no such"),
        ("INCLUDE ItemID WHERE Items.PRICE < 1 IF CurrentUser.X = 1", "CurrentUser.X: the schema of Users has no such"),
        (
            "EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN (\"a\")",
            "needs the dataset Action_Interactions, which the dataset group does not have.",
        ),
        ("INCLUDE ItemID WHERE Items.DESCRIPTION IN (\"a\")", "Items.DESCRIPTION is textual"),
        ("INCLUDE ItemID WHERE Items.ADULT IN (\"true\")", "Items.ADULT is boolean"),
        ("INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.DESCRIPTION", "CurrentItem.DESCRIPTION is textual"),
        ("INCLUDE ActionID WHERE Actions.EXPIRATION_TIMESTAMP > 3", "always applies by itself"),
        ("INCLUDE ActionID WHERE Actions.REPEAT_FREQUENCY > 3", "always applies by itself"),
        ("INCLUDE ItemID WHERE Items.GENRE = \"a\"", "is a string, and = compares numbers; use Items.GENRE IN (...)"),
        ("INCLUDE ItemID WHERE Items.GENRE = CurrentItem.GENRE", "use Items.GENRE IN or NOT IN."),
        ("INCLUDE ItemID WHERE Items.GENRE < $P", "is a string, and < compares numbers"),
        ("INCLUDE ItemID WHERE Items.PRICE < 1 IF CurrentUser.TIER > \"a\"", "CurrentUser.TIER is a string"),
        ("INCLUDE ItemID WHERE Items.PRICE < \"cheap\"", "Items.PRICE is a number, and \"cheap\" is not."),
        ("INCLUDE ItemID WHERE Items.PRICE IN (1, \"cheap\")", "Items.PRICE is a number, and \"cheap\" is not."),
        (
            "INCLUDE ItemID WHERE Items.PRICE IN CurrentItem.GENRE",
            "CurrentItem.GENRE is a string and Items.PRICE a number",
        ),
        (
            "INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.PRICE",
            "Items.GENRE is a string and CurrentItem.PRICE a number",
        ),
    ] {
        let error = Expression::parse(text).unwrap().check_fields(&schemas).expect_err(text);
        assert!(error.message.starts_with("Could not create filter. Invalid Expression: "), "{text}: {error}");
        assert!(error.message.contains(problem), "{text}: {error}");
    }
}

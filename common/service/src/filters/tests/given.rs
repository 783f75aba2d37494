//! What a request must and must not bring along.

use std::collections::HashMap;

use palate_recipes::parts::ColumnType;
use serde_json::json;

use crate::filters::{Asked, Columns, ColumnsBuilder, Expression, Field, History, Plan};

fn films() -> Columns {
    let field = |name: &str, kind| Field { name: name.into(), kind, textual: false };
    let fields = [field("GENRE", ColumnType::String), field("YEAR", ColumnType::Long)];
    let mut builder = ColumnsBuilder::new("ITEM_ID", &fields, None);
    for (id, genre, year) in [("heat", "crime|drama", 1995), ("up", "animation", 2009), ("alien", "horror", 1979)] {
        let values = json!({ "GENRE": genre, "YEAR": year });
        builder.put(id, values.as_object().unwrap());
    }
    builder.finish()
}

fn users() -> Columns {
    let fields = [Field { name: "AGE".into(), kind: ColumnType::Int, textual: false }];
    let mut builder = ColumnsBuilder::new("USER_ID", &fields, None);
    builder.put("ann", json!({ "AGE": 12 }).as_object().unwrap());
    builder.finish()
}

struct Clicked(Vec<u32>);

impl History for Clicked {
    fn rows(&self, event_types: Option<&[String]>) -> Vec<u32> {
        let click = event_types.is_none_or(|types| types.iter().any(|one| one.eq_ignore_ascii_case("click")));
        if click { self.0.clone() } else { Vec::new() }
    }
}

/// What a request brings along beside values.
#[derive(Default)]
struct With {
    user_id: Option<&'static str>,
    item_id: Option<&'static str>,
    clicked: Option<Clicked>,
}

/// The rows that are left, or what is wrong.
fn ask(text: &str, values: &[(&str, &str)], with: With) -> Result<Vec<u32>, String> {
    let (films, users) = (films(), users());
    let values = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let asked = Asked {
        values: &values,
        user: with.user_id.map(|id| (&users, users.row(id))),
        current_item: with.item_id.and_then(|id| films.row(id)),
        history: with.clicked.as_ref().map(|clicked| clicked as &dyn History),
    };
    let plan = Plan::compile(&Expression::parse(text).unwrap(), &films).unwrap();
    let left = plan.apply(&films, &asked).map_err(|error| error.message)?;
    Ok((0..films.n_rows() as u32).filter(|row| left.contains(*row)).collect())
}

fn alone() -> With {
    With::default()
}

const BY_GENRE: &str = "INCLUDE ItemID WHERE Items.GENRE IN ($G)";
const BY_YEAR: &str = "EXCLUDE ItemID WHERE Items.YEAR < $Y";

#[test]
fn values_are_quoted_or_not() {
    for genre in ["\"drama\"", "drama", "\"drama\",\"western\""] {
        assert_eq!(ask(BY_GENRE, &[("G", genre)], alone()), Ok(vec![0]));
    }
    for year in ["\"1990\"", "1990", "1990.0"] {
        assert_eq!(ask(BY_YEAR, &[("Y", year)], alone()), Ok(vec![0, 1]));
    }
}

#[test]
fn an_include_needs_its_values_and_an_exclude_is_passed_over_without() {
    let error = ask(BY_GENRE, &[], alone()).unwrap_err();
    assert_eq!(error, "The filter needs a value for its parameter G: give filterValues.G.");
    assert_eq!(ask(BY_YEAR, &[], alone()), Ok(vec![0, 1, 2]));
    let both = format!("{BY_YEAR} | EXCLUDE ItemID WHERE Items.GENRE IN ($G)");
    assert_eq!(ask(&both, &[("G", "horror")], alone()), Ok(vec![0, 1]));
}

#[test]
fn a_name_that_is_no_parameter_is_refused() {
    let error = ask(BY_GENRE, &[("G", "drama"), ("g", "drama")], alone()).unwrap_err();
    assert_eq!(error, "filterValues.g is not a parameter of the filter, which has G.");
    let error = ask("EXCLUDE ItemID WHERE Items.YEAR < 1", &[("G", "drama")], alone()).unwrap_err();
    assert_eq!(error, "filterValues.G is not a parameter of the filter, which has no parameter.");
}

#[test]
fn a_comparison_takes_one_number() {
    let error = ask(BY_YEAR, &[("Y", "\"1990\",\"1991\"")], alone()).unwrap_err();
    assert!(error.starts_with("filterValues.Y has 2 values, and the filter compares with exactly one"), "{error}");
    let error = ask(BY_YEAR, &[("Y", "\"nineties\"")], alone()).unwrap_err();
    assert!(error.starts_with("filterValues.Y must be a number"), "{error}");
    assert!(!error.contains("nineties"), "values stay out of messages: {error}");
    let error = ask("INCLUDE ItemID WHERE Items.YEAR IN ($Y)", &[("Y", "1995, x")], alone()).unwrap_err();
    assert!(error.starts_with("filterValues.Y must be a number"), "{error}");
}

#[test]
fn interactions_need_somebody_whose_they_are() {
    let text = "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"CLICK\")";
    let error = ask(text, &[], alone()).unwrap_err();
    assert_eq!(error, "The filter looks at interactions, so the request needs a userId.");
    let clicked = || With { clicked: Some(Clicked(vec![1, 1, 7])), ..alone() };
    assert_eq!(ask(text, &[], clicked()), Ok(vec![0, 2]));
    assert_eq!(ask("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($E)", &[("E", "*")], clicked()), Ok(vec![1]));
    assert_eq!(ask("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"buy\")", &[], clicked()), Ok(vec![]));
}

#[test]
fn the_current_user_must_be_named_and_need_not_be_known() {
    let text = "EXCLUDE ItemID WHERE Items.GENRE IN (\"horror\") IF CurrentUser.AGE < 16";
    let error = ask(text, &[], alone()).unwrap_err();
    assert_eq!(error, "The filter looks at CurrentUser, so the request needs a userId.");
    assert_eq!(ask(text, &[], With { user_id: Some("ann"), ..alone() }), Ok(vec![0, 1]));
    assert_eq!(ask(text, &[], With { user_id: Some("bob"), ..alone() }), Ok(vec![0, 1, 2]));
    let restricts = "INCLUDE ItemID WHERE Items.GENRE IN (\"animation\") IF CurrentUser.AGE < 16";
    assert_eq!(ask(restricts, &[], With { user_id: Some("ann"), ..alone() }), Ok(vec![1]));
    assert_eq!(ask(restricts, &[], With { user_id: Some("bob"), ..alone() }), Ok(vec![0, 1, 2]));
}

#[test]
fn an_item_that_is_not_known_has_no_values_to_compare_with() {
    let later = "INCLUDE ItemID WHERE Items.YEAR > CurrentItem.YEAR";
    assert_eq!(ask(later, &[], With { item_id: Some("heat"), ..alone() }), Ok(vec![1]));
    assert_eq!(ask(later, &[], With { item_id: Some("jaws"), ..alone() }), Ok(vec![]));
    let others = "INCLUDE ItemID WHERE Items.GENRE NOT IN CurrentItem.GENRE";
    assert_eq!(ask(others, &[], With { item_id: Some("heat"), ..alone() }), Ok(vec![1, 2]));
    assert_eq!(ask(others, &[], With { item_id: Some("jaws"), ..alone() }), Ok(vec![0, 1, 2]));
}

#[test]
fn ids_are_values_too() {
    let listed = "INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)";
    assert_eq!(ask(listed, &[("IDS", "\"up\",\"jaws\"")], alone()), Ok(vec![1]));
    let others = "EXCLUDE ItemID WHERE Items.ITEM_ID IN CurrentItem.ITEM_ID";
    assert_eq!(ask(others, &[], With { item_id: Some("up"), ..alone() }), Ok(vec![0, 2]));
    let for_ann = "INCLUDE ItemID WHERE Items.YEAR > 2000 IF CurrentUser.USER_ID IN (\"ann\")";
    assert_eq!(ask(for_ann, &[], With { user_id: Some("ann"), ..alone() }), Ok(vec![1]));
    assert_eq!(ask(for_ann, &[], With { user_id: Some("bob"), ..alone() }), Ok(vec![0, 1, 2]));
}

#[test]
fn includes_are_a_union_less_what_any_exclude_drops() {
    let text = "INCLUDE ItemID WHERE Items.GENRE IN (\"drama\") | EXCLUDE ItemID WHERE Items.YEAR = 1995 \
                | INCLUDE ItemID WHERE Items.GENRE IN (\"horror\", \"animation\")";
    assert_eq!(ask(text, &[], alone()), Ok(vec![1, 2]));
}

#[test]
fn a_plan_is_refused_for_other_columns() {
    let films = films();
    let plan = Plan::compile(&Expression::parse(BY_YEAR).unwrap(), &films).unwrap();
    let asked = Asked { values: &HashMap::new(), user: None, current_item: None, history: None };
    assert!(plan.apply(&users(), &asked).unwrap_err().message.contains("compile it again"));
}

#[test]
fn fields_that_the_columns_do_not_have_as_needed_are_refused_when_compiling() {
    for text in [
        "INCLUDE ItemID WHERE Items.PRICE < 3",
        "INCLUDE ItemID WHERE Items.PRICE < $P",
        "INCLUDE ItemID WHERE Items.GENRE < 3",
        "INCLUDE ItemID WHERE Items.YEAR < CurrentItem.PRICE",
        "INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.ITEM_ID",
        "INCLUDE ItemID WHERE Items.ITEM_ID = 3",
    ] {
        let error = Plan::compile(&Expression::parse(text).unwrap(), &films()).expect_err(text);
        assert!(error.message.starts_with("Could not create filter. Invalid Expression: "), "{error}");
    }
}

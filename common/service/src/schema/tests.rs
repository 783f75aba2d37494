#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn schema(name: &str, fields: Value) -> String {
    json!({"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "fields": fields, "version": "1.0"})
        .to_string()
}

fn field(name: &str, kind: impl Into<Value>) -> Value {
    json!({"name": name, "type": kind.into()})
}

fn categorical(name: &str) -> Value {
    json!({"name": name, "type": ["null", "string"], "categorical": true})
}

fn interactions(more: &[Value]) -> Value {
    let mut fields = vec![field("USER_ID", "string"), field("ITEM_ID", "string"), field("TIMESTAMP", "long")];
    fields.extend_from_slice(more);
    json!(fields)
}

/// The message of a refusal, without the words before it.
fn refusal(name: &str, fields: Value, domain: Option<&str>) -> String {
    let message = Schema::parse(&schema(name, fields), domain).unwrap_err().to_string();
    message.strip_prefix("Invalid schema: ").unwrap().to_owned()
}

#[test]
fn fields_say_their_type_and_meaning() {
    let more = [
        field("EVENT_TYPE", "string"),
        field("EVENT_VALUE", json!(["null", "float"])),
        field("IMPRESSION", json!(["string", "null"])),
        categorical("DEVICE"),
        field("NOTE", json!(["string"])),
    ];
    let parsed = Schema::parse(&schema("Interactions", interactions(&more)), None).unwrap();
    assert_eq!(parsed.dataset_type(), DatasetType::Interactions);
    let seen: Vec<_> =
        parsed.fields().iter().map(|f| (&*f.name, f.kind, f.nullable, f.categorical, f.max_chars)).collect();
    use ColumnType::{Float, Long, String};
    assert_eq!(
        seen,
        [
            ("USER_ID", String, false, false, 256),
            ("ITEM_ID", String, false, false, 256),
            ("TIMESTAMP", Long, false, false, 1000),
            ("EVENT_TYPE", String, false, false, 256),
            ("EVENT_VALUE", Float, true, false, 1000),
            ("IMPRESSION", String, true, false, 1000),
            ("DEVICE", String, true, true, 1000),
            ("NOTE", String, false, false, 1000),
        ]
    );
    assert_eq!(parsed.columns()[4], Column { name: "EVENT_VALUE".into(), kind: Float, nullable: true });
}

#[test]
fn a_schema_suits_datasets_of_its_own_type_only() {
    let parsed = Schema::parse(&schema("Interactions", interactions(&[])), None).unwrap();
    parsed.check_dataset(DatasetType::Interactions).unwrap();
    assert_eq!(
        parsed.check_dataset(DatasetType::Items).unwrap_err().to_string(),
        "Invalid schema: its name is 'Interactions', and a dataset of type Items needs 'Items'."
    );
}

#[test]
fn what_is_no_record_of_flat_fields_is_refused() {
    let parse = |text: &str| Schema::parse(text, None).unwrap_err().to_string();
    assert!(parse("{").contains("it is not JSON"));
    assert!(parse("[]").contains("it must be a record"));
    assert!(parse(r#"{"type": "record", "name": "Items"}"#).contains("missing field `fields`"));
    assert!(parse(r#"{"type": "enum", "name": "Items", "fields": []}"#).contains("its type is \"enum\""));
    assert!(parse(&schema("Item", json!([]))).contains("its name is 'Item'; expected Interactions, Items, Users"));
    assert!(parse(&" ".repeat(20_001)).contains("20001 characters"));
    assert!(Schema::parse(&schema("Users", json!([])), Some("MUSIC")).unwrap_err().to_string().contains("'MUSIC'"));
    for kind in [
        json!("bytes"),
        json!([]),
        json!(["null"]),
        json!(["int", "long"]),
        json!({"type": "array", "items": "string"}),
    ] {
        let message = refusal("Interactions", interactions(&[field("X", kind.clone())]), None);
        assert!(message.starts_with(&format!("field X has the type {kind}; expected one of float")), "{message}");
    }
}

#[test]
fn names_must_be_names_and_differ() {
    let with = |name: &str| refusal("Interactions", interactions(&[field(name, "int")]), None);
    assert!(with("2X").starts_with("field '2X' has a name that is not"));
    assert!(with("").starts_with("field '' has a name"));
    assert!(with("A-B").starts_with("field 'A-B' has a name"));
    assert!(with(&"X".repeat(151)).contains("has a name of 151 characters"));
    assert!(with("userid").starts_with("field userid has the same letters and digits as the field USER_ID"));
    assert!(with("event_type").starts_with("field event_type differs from the reserved name EVENT_TYPE"));
    let renamed = json!([field("user_id", "string"), field("ITEM_ID", "string"), field("TIMESTAMP", "long")]);
    assert!(refusal("Interactions", renamed, None).contains("write USER_ID"));
}

#[test]
fn required_and_reserved_fields_have_their_types() {
    let lacking = refusal("Interactions", json!([field("ITEM_ID", "string")]), None);
    assert_eq!(lacking, "it lacks the fields that Interactions datasets need: USER_ID, TIMESTAMP.");
    let null_id =
        json!([field("USER_ID", json!(["null", "string"])), field("ITEM_ID", "string"), field("TIMESTAMP", "long")]);
    assert!(refusal("Interactions", null_id, None).starts_with("field USER_ID is required and must not be null"));
    let with = |field: Value| refusal("Interactions", interactions(&[field]), None);
    assert_eq!(with(field("EVENT_VALUE", "double")), "field EVENT_VALUE must have the type float, not double.");
    assert!(with(categorical("EVENT_TYPE")).starts_with("field EVENT_TYPE is reserved and must be neither"));
    let actions = json!([field("ACTION_ID", "string"), field("VALUE", json!(["null", "long"]))]);
    let actions = Schema::parse(&schema("Actions", actions), None).unwrap();
    assert_eq!(actions.fields()[1].range, Some((1, 10)));
}

#[test]
fn attributes_need_their_type_and_place() {
    let with = |kind: &str, field: Value| refusal(kind, json!([field, {"name": "ITEM_ID", "type": "string"}]), None);
    let x = |more: Value| {
        let mut field = json!({"name": "X", "type": "string"});
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    };
    assert!(with("Items", x(json!({"categorical": "yes"}))).contains("categorical: \"yes\"; expected true or false"));
    assert!(with("Items", x(json!({"type": "int", "textual": true}))).contains("its type must be string, not int"));
    assert!(with("Items", x(json!({"categorical": true, "textual": true}))).contains("both"));
    assert!(with("Users", x(json!({"textual": true}))).contains("only fields of Items datasets"));
    let two = |attribute: &str| {
        let text = |name: &str| json!({"name": name, "type": "string", attribute: true});
        refusal("Items", json!([field("ITEM_ID", "string"), text("X"), text("Y")]), None)
    };
    assert_eq!(two("textual"), "at most one field can be textual, not X and Y.");
    assert_eq!(two("itemName"), "at most one field can be itemName, not X and Y.");
}

#[test]
fn metadata_is_counted() {
    let only = |fields: Value| refusal("Users", fields, None);
    let id = field("USER_ID", "string");
    let need = "Users datasets need at least one metadata field, a categorical string or a number.";
    assert_eq!(only(json!([id])), need);
    assert_eq!(only(json!([id, field("MAIL", "string"), field("ADULT", "boolean")])), need);
    for (name, first, most, domain) in [
        ("Users", "USER_ID", 25, None),
        ("Items", "ITEM_ID", 100, None),
        ("Actions", "ACTION_ID", 10, None),
        ("Users", "USER_ID", 25, Some("ECOMMERCE")),
    ] {
        let with = |n: usize| {
            let numbers = (0..n).map(|i| field(&format!("N{i}"), "double"));
            schema(name, [field(first, "string")].into_iter().chain(numbers).collect())
        };
        Schema::parse(&with(most), domain).unwrap();
        let message = Schema::parse(&with(most + 1), domain).unwrap_err().to_string();
        assert!(message.contains(&format!("{} metadata fields, and {name} datasets have at most {most}", most + 1)));
    }
    // Reserved fields do not count.
    let five: Vec<Value> = (0..5).map(|i| categorical(&format!("C{i}"))).collect();
    let six = [&five[..], &[field("EVENT_TYPE", "string"), field("EVENT_VALUE", json!(["float", "null"]))]].concat();
    Schema::parse(&schema("Interactions", interactions(&six)), None).unwrap();
}

#[test]
fn domains_have_rules_of_their_own() {
    let message = refusal("Interactions", interactions(&[]), Some("ECOMMERCE"));
    assert_eq!(message, "it lacks the fields that Interactions datasets need: EVENT_TYPE.");
    let action = json!([field("ACTION_ID", "string"), categorical("KIND")]);
    assert!(refusal("Actions", action, Some("VIDEO_ON_DEMAND")).contains("Actions datasets have no domain"));

    let shop = |category: Value| {
        schema(
            "Items",
            json!([field("ITEM_ID", "string"), field("PRICE", "float"), category,
            {"name": "PRODUCT_DESCRIPTION", "type": ["null", "string"], "textual": true}]),
        )
    };
    let genre = json!({"name": "CATEGORY_L1", "type": "string", "categorical": true});
    Schema::parse(&shop(genre), Some("ECOMMERCE")).unwrap();
    let message = Schema::parse(&shop(field("CATEGORY_L1", "string")), Some("ECOMMERCE")).unwrap_err().to_string();
    assert_eq!(message, "Invalid schema: field CATEGORY_L1 must have \"categorical\": true.");
    // The same names mean nothing elsewhere.
    Schema::parse(&shop(field("CATEGORY_L1", "string")), None).unwrap();

    for genres in ["GENRES", "GENRES_L1"] {
        let genres = json!({"name": genres, "type": "string", "categorical": true});
        let film = json!([field("ITEM_ID", "string"), genres, field("CREATION_TIMESTAMP", "long")]);
        Schema::parse(&schema("Items", film), Some("VIDEO_ON_DEMAND")).unwrap();
    }
    let message = refusal("Items", json!([field("ITEM_ID", "string")]), Some("VIDEO_ON_DEMAND"));
    assert_eq!(message, "it lacks the fields that Items datasets need: GENRES, CREATION_TIMESTAMP.");
}

#[test]
fn schemas_derived_from_a_header_are_accepted() {
    // The way of programs that know a few columns and take all others for nullable categories.
    let derived = |name: &str, required: &[&str], header: &str| {
        let field = |column: &str| {
            let kind = match column {
                "TIMESTAMP" | "CREATION_TIMESTAMP" => "long",
                "EVENT_VALUE" | "PRICE" => "float",
                "AGE" | "YEAR" => "int",
                _ => "string",
            };
            let kind_of = if required.contains(&column) { json!(kind) } else { json!(["null", kind]) };
            match (column, kind) {
                ("EVENT_TYPE", _) => field(column, "string"),
                ("DESCRIPTION", _) => json!({"name": column, "type": kind_of, "textual": true}),
                (_, "string") if !required.contains(&column) => categorical(column),
                _ => field(column, kind_of),
            }
        };
        let fields: Vec<Value> = header.split(',').map(field).collect();
        Schema::parse(&schema(name, json!(fields)), None).unwrap().columns().len()
    };
    let ids = ["USER_ID", "ITEM_ID", "TIMESTAMP"];
    let interactions = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,UNIT_PRICE,INVOICE";
    assert_eq!(derived("Interactions", &ids, interactions), 7);
    assert_eq!(derived("Items", &ids[1..2], "ITEM_ID,TITLE,YEAR,GENRES,DESCRIPTION"), 5);
    assert_eq!(derived("Items", &ids[1..2], "ITEM_ID,TITLE,PRICE,CREATION_TIMESTAMP"), 4);
    assert_eq!(derived("Users", &ids[..1], "USER_ID,AGE,GENDER,OCCUPATION,ZIP_CODE"), 5);
    assert_eq!(derived("Users", &ids[..1], "USER_ID,COUNTRY"), 2);
}

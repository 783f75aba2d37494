use std::sync::LazyLock;

use serde_json::{Value, json};

/// A schema of fields that are written `NAME: type`, `NAME: type?` if null is allowed, and `NAME: category` for
/// categorical strings, null allowed.
pub fn schema_of(record: &str, fields: &[&str]) -> Value {
    let field = |text: &&str| {
        let (name, kind) = text.split_once(": ").unwrap();
        match kind.strip_suffix('?') {
            _ if kind == "category" => json!({"name": name, "type": ["null", "string"], "categorical": true}),
            Some(kind) => json!({"name": name, "type": ["null", kind]}),
            None => json!({"name": name, "type": kind}),
        }
    };
    let fields: Vec<Value> = fields.iter().map(field).collect();
    json!({
        "type": "record",
        "name": record,
        "namespace": "com.amazonaws.personalize.schema",
        "fields": fields,
        "version": "1.0",
    })
}

/// A schema of interactions with types and values of events.
pub static INTERACTIONS: LazyLock<Value> = LazyLock::new(|| {
    let fields = ["USER_ID: string", "ITEM_ID: string", "TIMESTAMP: long", "EVENT_TYPE: string", "EVENT_VALUE: float?"];
    schema_of("Interactions", &fields)
});

/// A table of the 40 items of [`interactions_csv`] with more columns than the id: `("YEAR", "1999")`.
pub fn items_csv(columns: &[(&str, &str)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = columns.iter().map(|(_, value)| *value).collect();
    let mut csv = format!("ITEM_ID,{}\n", names.join(","));
    for item in 0..40 {
        csv.push_str(&format!("i{item},{}\n", values.join(",")));
    }
    csv
}

/// 1,200 interactions: 60 users with 20 each, among 40 items. Users of one remainder by 4 like one another's
/// items.
pub fn interactions_csv() -> String {
    let mut csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n".to_owned();
    for user in 0..60 {
        for step in 0..20 {
            let item = (user % 4) * 10 + (user * 7 + step * 3) % 10;
            let event = if step % 5 == 0 { "buy" } else { "watch" };
            csv.push_str(&format!("u{user},i{item},{},{event},{}.5\n", 1_600_000_000 + user * 1000 + step * 60, step));
        }
    }
    csv
}

//! The wheel's tables in the form that Amazon Personalize takes.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{
    Failed,
    columns::Columns,
    material::{Event, Ids, Material, Table, Words, schema},
    wheel,
};

const INTERACTIONS: [&str; 5] = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"];
const ITEMS: [&str; 5] = ["ITEM_ID", "TITLE", "CATEGORY", "DEPARTMENT", "BRAND"];
const USERS: [&str; 8] =
    ["USER_ID", "AGE", "INCOME", "HOME_OWNERSHIP", "MARITAL_STATUS", "HOUSEHOLD_SIZE", "HOUSEHOLD_COMP", "KIDS_COUNT"];

/// Reads purchases, products and households.
pub fn read(wheel: &Path) -> Result<Material, Failed> {
    // Unpacking and decoding is most of the work; the biggest table has a core to itself.
    let (purchases, (items, users)) = std::thread::scope(|scope| {
        let purchases = scope.spawn(|| purchases(wheel));
        let rest = products(wheel).and_then(|items| Ok((items, households(wheel)?)));
        let purchases = purchases.join().unwrap_or_else(|_| Err("reading the purchases failed".into()));
        Ok::<_, Failed>((purchases?, rest?))
    })?;
    let Purchases { events, users: user_ids, items: item_ids, csv } = purchases;
    let interactions = Table { kind: "Interactions", csv: csv.into(), schema: schema("Interactions", &INTERACTIONS) };
    let sold: HashSet<&String> = item_ids.iter().collect();
    let titles = items.titles.into_iter().filter(|(item, _)| sold.contains(item)).collect();
    Ok(Material {
        tables: vec![interactions, items.table, users],
        events,
        users: user_ids,
        items: item_ids,
        titles,
        event_type: "purchase".into(),
        words: Words {
            user: "household",
            item: "product",
            did: "bought",
            event: "purchases",
            telling: Some("Layer cake mix"),
        },
    })
}

struct Purchases {
    events: Vec<Event>,
    users: Vec<String>,
    items: Vec<String>,
    csv: Vec<u8>,
}

/// Lines of receipts, as they were paid; those of which nothing was taken home are left out.
fn purchases(wheel: &Path) -> Result<Purchases, Failed> {
    let columns = Columns::open(wheel::table(wheel, "transactions")?)?;
    let households = columns.integers("household_id")?;
    let products = columns.integers("product_id")?;
    let quantities = columns.integers("quantity")?;
    let times = columns.seconds("transaction_timestamp")?;

    let (mut users, mut items) = (Numbers::default(), Numbers::default());
    let mut events = Vec::with_capacity(times.len());
    let mut csv = Vec::with_capacity(times.len() * 40);
    csv.extend_from_slice(INTERACTIONS.join(",").as_bytes());
    csv.push(b'\n');
    for (((household, product), quantity), at) in households.iter().zip(&products).zip(&quantities).zip(&times) {
        if *quantity <= 0 {
            continue;
        }
        push_number(&mut csv, *household);
        csv.push(b',');
        push_number(&mut csv, *product);
        csv.push(b',');
        push_number(&mut csv, *at);
        csv.extend_from_slice(b",purchase,");
        push_number(&mut csv, *quantity);
        csv.push(b'\n');
        events.push(Event { user: users.number(*household), item: items.number(*product), at: *at });
    }
    Ok(Purchases { events, users: users.into_names(), items: items.into_names(), csv })
}

struct Products {
    table: Table,
    titles: HashMap<String, String>,
}

fn products(wheel: &Path) -> Result<Products, Failed> {
    let columns = Columns::open(wheel::table(wheel, "products")?)?;
    let ids = columns.integers("product_id")?;
    let text = |name| columns.texts(name);
    let (departments, brands) = (text("department")?, text("brand")?);
    let (categories, types, sizes) = (text("product_category")?, text("product_type")?, text("package_size")?);
    let mut titles = HashMap::with_capacity(ids.len());
    let mut csv = writer();
    csv.write_record(ITEMS)?;
    for (row, id) in ids.iter().enumerate() {
        let kind = [&types[row], &categories[row], &departments[row]].into_iter().find(|text| !text.is_empty());
        // What is weighed has the size of the crate that it came in.
        let size = if departments[row] == "PRODUCE" { "" } else { &sizes[row] };
        let title = title(kind.map_or("", String::as_str), size, &brands[row]);
        csv.write_record([&id.to_string(), &title, &categories[row], &departments[row], &brands[row]])?;
        titles.insert(id.to_string(), title);
    }
    Ok(Products {
        table: Table { kind: "Items", csv: csv.into_inner()?.into(), schema: schema("Items", &ITEMS) },
        titles,
    })
}

/// `YOGURT NOT MULTI-PACKS`, `6 OZ` of the chain's own brand: `Yogurt not multi-packs, 6 oz (own brand)`.
fn title(kind: &str, size: &str, brand: &str) -> String {
    let words: Vec<&str> = kind.split_whitespace().collect();
    let mut title = words.join(" ").to_lowercase();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let size: Vec<&str> = size.split_whitespace().collect();
    if !size.is_empty() {
        title = format!("{title}, {}", size.join(" ").to_lowercase());
    }
    if brand == "Private" {
        title.push_str(" (own brand)");
    }
    title
}

fn households(wheel: &Path) -> Result<Table, Failed> {
    let columns = Columns::open(wheel::table(wheel, "demographics")?)?;
    let ids = columns.integers("household_id")?;
    let of = |name: &&str| columns.texts(&name.to_lowercase());
    let about: Vec<Vec<String>> = USERS[1..].iter().map(of).collect::<Result<_, _>>()?;
    let mut csv = writer();
    csv.write_record(USERS)?;
    for (row, id) in ids.iter().enumerate() {
        let id = id.to_string();
        csv.write_record(std::iter::once(&id).chain(about.iter().map(|column| &column[row])))?;
    }
    Ok(Table { kind: "Users", csv: csv.into_inner()?.into(), schema: schema("Users", &USERS) })
}

fn writer() -> csv::Writer<Vec<u8>> {
    // As the developer guide has it: quotes are escaped by a backslash.
    csv::WriterBuilder::new().double_quote(false).escape(b'\\').from_writer(Vec::new())
}

/// [`Ids`] of whole numbers: a million and a half texts are not made to be thrown away.
#[derive(Default)]
struct Numbers {
    known: HashMap<i64, u32>,
    ids: Ids,
}

impl Numbers {
    fn number(&mut self, id: i64) -> u32 {
        *self.known.entry(id).or_insert_with(|| self.ids.number(&id.to_string()))
    }

    fn into_names(self) -> Vec<String> {
        self.ids.into_names()
    }
}

/// Appends a number in decimal digits.
fn push_number(text: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        text.push(b'-');
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        for number in [0, 7, 10, -1, 1_483_815_324, i64::MAX, i64::MIN] {
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(String::from_utf8_lossy(&text), number.to_string());
        }
    }

    #[test]
    fn titles_read_well() {
        assert_eq!(title("YOGURT NOT MULTI-PACKS", " 6 OZ", "Private"), "Yogurt not multi-packs, 6 oz (own brand)");
        assert_eq!(title("BANANAS", "", "National"), "Bananas");
        assert_eq!(title("", "", ""), "");
        assert_eq!(title("ÄPFEL", "", ""), "äpfel");
    }
}

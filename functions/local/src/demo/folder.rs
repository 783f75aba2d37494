//! Data of the user's own: the CSV files that Amazon Personalize takes.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;

use super::{
    Failed,
    material::{Event, Ids, Material, Table, Words, schema},
};

/// Reads `interactions.csv` and, if they are there, `items.csv` and `users.csv`; each may be a `.csv.gz`.
pub fn read(folder: &Path) -> Result<Material, Failed> {
    let interactions = table(folder, "Interactions")?
        .ok_or_else(|| format!("there is no interactions.csv or interactions.csv.gz in {}", folder.display()))?;
    let (events, users, items, event_type) =
        events(&interactions.csv).map_err(|error| format!("interactions.csv: {error}"))?;
    let mut tables = vec![interactions];
    let mut names = HashMap::new();
    if let Some(items) = table(folder, "Items")? {
        names = titles(&items.csv).map_err(|error| format!("items.csv: {error}"))?;
        tables.push(items);
    }
    tables.extend(table(folder, "Users")?);
    let words = Words { user: "user", item: "item", did: "chose", event: "interactions", telling: None };
    Ok(Material { tables, events, users, items, titles: names, event_type, words })
}

fn table(folder: &Path, kind: &'static str) -> Result<Option<Table>, Failed> {
    let name = kind.to_lowercase();
    let Some(csv) = content(folder, &name).map_err(|error| format!("{name}.csv: {error}"))? else { return Ok(None) };
    let header = csv.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = String::from_utf8_lossy(header);
    let columns: Vec<&str> = header.trim().trim_start_matches('\u{feff}').split(',').collect();
    Ok(Some(Table { kind, schema: schema(kind, &columns), csv }))
}

fn content(folder: &Path, name: &str) -> io::Result<Option<Bytes>> {
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match fs::read(folder.join(format!("{name}.csv"))) {
        Err(error) if absent(&error) => {}
        read => return read.map(|content| Some(content.into())),
    }
    match fs::File::open(folder.join(format!("{name}.csv.gz"))) {
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error),
        Ok(file) => {
            let mut content = Vec::new();
            flate2::read::MultiGzDecoder::new(io::BufReader::new(file)).read_to_end(&mut content)?;
            Ok(Some(content.into()))
        }
    }
}

type Events = (Vec<Event>, Vec<String>, Vec<String>, String);

fn events(csv: &[u8]) -> Result<Events, Failed> {
    let mut reader = reader(csv);
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| column(name).ok_or_else(|| format!("there is no column {name}"));
    let (user, item, at) = (needed("USER_ID")?, needed("ITEM_ID")?, needed("TIMESTAMP")?);
    let kind = column("EVENT_TYPE");
    let (mut users, mut items, mut events) = (Ids::default(), Ids::default(), Vec::new());
    let mut event_type = None;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let time = cell(at).parse().map_err(|_| {
            let line = record.position().map_or(0, csv::Position::line);
            format!("line {line}: TIMESTAMP is `{}`, not a whole number", cell(at))
        })?;
        events.push(Event { user: users.number(cell(user)), item: items.number(cell(item)), at: time });
        if event_type.is_none() {
            event_type = kind.map(|kind| cell(kind).to_owned()).filter(|kind| !kind.is_empty());
        }
    }
    if events.is_empty() {
        return Err("there is not one row".into());
    }
    Ok((events, users.into_names(), items.into_names(), event_type.unwrap_or_else(|| "click".into())))
}

/// The names of items, from a column that usually holds them.
fn titles(csv: &[u8]) -> Result<HashMap<String, String>, Failed> {
    let mut reader = reader(csv);
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let item = column("ITEM_ID").ok_or("there is no column ITEM_ID")?;
    let Some(title) = ["TITLE", "NAME", "ITEM_NAME", "PRODUCT_NAME"].iter().find_map(|name| column(name)) else {
        return Ok(HashMap::new());
    };
    let mut titles = HashMap::new();
    for record in reader.records() {
        let record = record?;
        if let (Some(item), Some(title)) = (record.get(item), record.get(title).filter(|title| !title.is_empty())) {
            titles.insert(item.to_owned(), title.to_owned());
        }
    }
    Ok(titles)
}

fn reader(csv: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().flexible(true).escape(Some(b'\\')).from_reader(csv)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    const INTERACTIONS: &str = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu2,i1,10,view\nu1,i2,11,view\nu2,i2,12,view\n";

    #[test]
    fn a_folder_is_read_packed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(INTERACTIONS.as_bytes()).unwrap();
        fs::write(folder.path().join("interactions.csv.gz"), packed.finish().unwrap()).unwrap();
        fs::write(folder.path().join("items.csv"), "ITEM_ID,TITLE\ni1,\"A, b\"\ni2,\n").unwrap();
        let material = read(folder.path()).unwrap();
        assert_eq!(material.events[2], Event { user: 0, item: 1, at: 12 });
        assert_eq!((material.title("i1"), material.title("i2")), ("A, b", "i2"));
        assert_eq!((material.event_type.as_str(), material.users.len(), material.tables.len()), ("view", 2, 2));
        assert_eq!(material.tables[0].csv, INTERACTIONS);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).err().unwrap().to_string().contains("no interactions.csv"));
        let path = folder.path().join("interactions.csv");
        fs::write(&path, "USER_ID,TIMESTAMP\na,1\n").unwrap();
        assert!(read(folder.path()).err().unwrap().to_string().contains("ITEM_ID"));
        fs::write(&path, "USER_ID,ITEM_ID,TIMESTAMP\na,b,1\na,b,soon\n").unwrap();
        let error = read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("line 3") && error.contains("`soon`"), "{error}");
    }
}

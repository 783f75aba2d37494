//! What there is to see.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{
    Failed, heading,
    material::Material,
    pick,
    progress::{Progress, seconds, thousands},
    resources::Resources,
    steps::{BUCKET, Made},
    table,
};
use crate::console::say;

/// Rows of a list that is shown.
const SHOWN: usize = 8;
/// Characters of a title.
const TITLE: usize = 46;
/// Lines of the batch.
const BATCH: usize = 5_000;

/// Shows all of it.
pub async fn tell(resources: &Resources, progress: &Progress, material: &Material, made: &Made) -> Result<(), Failed> {
    metrics(made);
    one_user(resources, material, made).await?;
    one_item(resources, material, made).await?;
    newcomer(resources, material, made).await?;
    batch(resources, progress, material, made).await
}

/// The metrics of all recipes side by side, and how many times popularity's the others are.
fn metrics(made: &Made) {
    heading("How good are they? Users are held out; their newest 10 % are to be found (GetSolutionMetrics)");
    let names: Vec<&String> = made.solutions[0].metrics.as_object().into_iter().flat_map(|all| all.keys()).collect();
    let value = |at: usize, name: &str| made.solutions[at].metrics[name].as_f64().unwrap_or(0.0);
    let times = |at: usize, name: &str| match value(0, name) {
        0.0 => String::new(),
        base => format!("{:.1}x", value(at, name) / base),
    };
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| {
            let figure = |at| format!("{:.4}", value(at, name));
            vec![name.replace('_', " "), figure(0), figure(1), times(1, name), figure(2), times(2, name)]
        })
        .collect();
    print(&["", "popularity", "sims", "", "transitions", ""], &rows);
    say!("  popularity has one list for everybody: strong where all take the same things again and again;");
    say!("  sims is asked with the last item, and set to tell what goes with it rather than what comes next;");
    say!("  transitions goes by the last few.");
}

async fn one_user(resources: &Resources, material: &Material, made: &Made) -> Result<(), Failed> {
    let words = &material.words;
    heading(&format!(
        "One {}, {}: what it {} last, and what palate-transitions recommends",
        words.user, made.user, words.did
    ));
    let begun = Instant::now();
    let recommended = recommend(resources, &made.transitions().campaign, &json!({ "userId": made.user })).await?;
    let took = begun.elapsed();
    let user = material.users.iter().position(|user| *user == made.user).unwrap_or(0);
    let latest = pick::latest(material, u32::try_from(user).unwrap_or(0), SHOWN);
    let latest = latest.iter().map(|event| material.items[event.item as usize].clone()).collect();
    side_by_side(material, &format!("{} last", words.did), latest, "recommended", recommended);
    say!("  Answered in {:.1} ms over HTTP.", took.as_secs_f64() * 1e3);
    Ok(())
}

async fn one_item(resources: &Resources, material: &Material, made: &Made) -> Result<(), Failed> {
    let item = telling_item(material);
    heading(&format!("What goes with \"{}\", says aws-sims", material.title(&item)));
    let similar = recommend(resources, &made.sims().campaign, &json!({ "itemId": item })).await?;
    let rows: Vec<Vec<String>> =
        similar.iter().take(SHOWN).map(|item| vec![item.clone(), material.title(item).to_owned()]).collect();
    print(&[material.words.item, "title"], &rows);
    Ok(())
}

/// Nobody knows the visitor; three events later the next request does.
async fn newcomer(resources: &Resources, material: &Material, made: &Made) -> Result<(), Failed> {
    let visitor = format!("visitor-{}", now().as_secs());
    heading(&format!("A new {}, {visitor}: before and after three events (PutEvents)", material.words.user));
    let campaign = &made.transitions().campaign;
    let asked = json!({ "userId": visitor });
    let before = recommend(resources, campaign, &asked).await?;
    let item = telling_item(material);
    let similar = recommend(resources, &made.sims().campaign, &json!({ "itemId": item })).await?;
    let chosen: Vec<String> = std::iter::once(item).chain(similar).take(3).collect();
    let first = now().as_secs_f64() - 60.0;
    for (at, item) in chosen.iter().enumerate() {
        let sent_at = first + 10.0 * f64::from(u8::try_from(at).unwrap_or(0));
        let event = json!({ "eventType": material.event_type, "itemId": item, "sentAt": sent_at });
        let events = json!({
            "trackingId": made.tracking_id,
            "userId": visitor,
            "sessionId": visitor,
            "eventList": [event],
        });
        resources.client.rest("/events", &events).await?;
    }
    let after = recommend(resources, campaign, &asked).await?;
    for item in &chosen {
        say!("  {} {}", material.words.did, material.title(item));
    }
    say!();
    side_by_side(material, "before: what is popular", before, "after", after);
    Ok(())
}

/// A file dropped into the bucket is answered beside it.
async fn batch(resources: &Resources, progress: &Progress, material: &Material, made: &Made) -> Result<(), Failed> {
    let users: Vec<&String> = material.users.iter().take(BATCH).collect();
    let solution = &made.transitions().name;
    let file = format!("users-{}.json", now().as_millis());
    let (input, output) = (format!("batch/input/{solution}/{file}"), format!("batch/output/{solution}/{file}.out"));
    heading(&format!(
        "A batch: {} {}s in one file, dropped into the bucket",
        thousands(users.len()),
        material.words.user
    ));
    let step = progress.step("Drop it, wait for the answers");
    let begun = Instant::now();
    let lines: String = users.iter().map(|user| format!("{}\n", json!({ "userId": user }))).collect();
    resources.client.put_object(BUCKET, &input, lines.into()).await?;
    let answers = loop {
        if let Some(answers) = resources.client.get_object(BUCKET, &output).await? {
            break answers;
        }
        if begun.elapsed() > Duration::from_secs(600) {
            return Err(format!("there is no s3://{BUCKET}/{output} after ten minutes").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let lines: Vec<&[u8]> = answers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    step.done(&format!("{} lines of answers", thousands(lines.len())));
    let first: Value = serde_json::from_slice(lines.first().copied().unwrap_or_default())?;
    let items = first["output"]["recommendedItems"].as_array().map_or(0, Vec::len);
    say!("  in   s3://{BUCKET}/{input}");
    say!("  out  s3://{BUCKET}/{output}: {items} {}s a line, after {}", material.words.item, seconds(begun.elapsed()));
    Ok(())
}

/// The ids that a campaign recommends.
async fn recommend(resources: &Resources, campaign: &str, to: &Value) -> Result<Vec<String>, Failed> {
    let mut input = to.clone();
    input["campaignArn"] = json!(campaign);
    let answer = resources.client.rest("/recommendations", &input).await?;
    let items = answer["itemList"].as_array().ok_or("an answer without an itemList")?;
    Ok(items.iter().filter_map(|item| item["itemId"].as_str().map(str::to_owned)).collect())
}

fn telling_item(material: &Material) -> String {
    let counts = pick::popularity(material);
    material.items[pick::telling_item(material, &counts, 1) as usize].clone()
}

fn side_by_side(material: &Material, left: &str, lefts: Vec<String>, right: &str, rights: Vec<String>) {
    let title =
        |items: &[String], at: usize| items.get(at).map_or(String::new(), |item| material.title(item).to_owned());
    let rows: Vec<Vec<String>> = (0..SHOWN).map(|at| vec![title(&lefts, at), title(&rights, at)]).collect();
    print(&[left, right], &rows);
}

fn print(header: &[&str], rows: &[Vec<String>]) {
    for line in table::lines(header, rows, TITLE) {
        say!("{line}");
    }
}

/// Since the Unix epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

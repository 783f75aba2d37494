mod data;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::{Dataset, Event, Query, TrainingTask, recipe};

/// Training with every hyperparameter given, so that only fitting and evaluating are measured, and with
/// none, which adds the search.
fn train(criterion: &mut Criterion, dataset: &Dataset, size: &str) {
    let recipe = recipe("palate-transitions").expect("a recipe that can be trained");
    let none = BTreeMap::new();
    let search = TrainingTask::new(dataset, &none, 1, &());
    let chosen = recipe.train(&search).expect("made-up data are sound").hyperparameters;
    let given = TrainingTask { hyperparameters: &chosen, ..search };
    for (name, task) in [("choose", &search), ("fit", &given)] {
        criterion.bench_function(&format!("transitions/{name}/{size}"), |bencher| {
            bencher.iter(|| recipe.train(task).expect("made-up data are sound"));
        });
    }
}

fn recommend(criterion: &mut Criterion, dataset: &Dataset, size: &str) {
    let recipe = recipe("palate-transitions").expect("a recipe that can be trained");
    let given = BTreeMap::from([("history_length".into(), "40".into()), ("seen_weight".into(), "0.0".into())]);
    let task = TrainingTask::new(dataset, &given, 1, &());
    let trained = recipe.train(&task).expect("made-up data are sound");
    let model = recipe.open(&trained.files).expect("made-up data are sound");
    for n_events in [0, 10, 40] {
        let history: Vec<Event> =
            (0..n_events).map(|event| Event { item: 7 * event, timestamp_s: i64::from(event) }).collect();
        for k in [25, 500] {
            let query = Query { history: &history, ..Query::default() };
            criterion.bench_function(&format!("transitions/recommend/{size}/history={n_events}/k={k}"), |bencher| {
                bencher.iter(|| model.recommend(black_box(&query), k));
            });
        }
    }
    let page = model.user_page("user-7").expect("made-up data are sound");
    let file = trained.files.iter().find(|file| file.name == *page.file).expect("made-up data are sound");
    let content = file.content.slice(page.range.start as usize..page.range.end as usize);
    criterion.bench_function(&format!("transitions/open_user_page/{size}"), |bencher| {
        bencher.iter(|| model.open_user_page(&page, content.clone()).expect("made-up data are sound"));
    });
}

fn transitions(criterion: &mut Criterion) {
    for (n_users, n_items, events_a_user) in [(2000, 1000, 20), (2000, 1000, 100)] {
        let dataset = data::dataset(n_users, n_items, events_a_user);
        let size = format!("users={n_users}/items={n_items}/events={events_a_user}");
        train(criterion, &dataset, &size);
        recommend(criterion, &dataset, &size);
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = transitions }
criterion_main!(benches);

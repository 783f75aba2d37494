mod data;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::{Event, Query, TrainingTask, recipe};

/// Requests of sessions of some lengths, with VMIS-kNN's parameters.
fn session_knn(criterion: &mut Criterion) {
    let recipe = recipe("palate-session-knn").expect("a recipe that can be trained");
    for (n_users, n_items, events_a_user) in [(2000, 1000, 20), (2000, 1000, 100)] {
        let dataset = data::dataset(n_users, n_items, events_a_user);
        let given = [
            ("session_gap_minutes", "0"),
            ("half_life", "0"),
            ("length_power", "0"),
            ("fade_days", "0"),
            ("spread", "0"),
            ("idf_power", "1"),
            ("seen_weight", "0"),
        ];
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let task = TrainingTask::new(&dataset, &given, 1, &());
        let size = format!("users={n_users}/items={n_items}/events={events_a_user}");
        criterion.bench_function(&format!("session_knn/train/{size}"), |bencher| {
            bencher.iter(|| recipe.train(&task).expect("made-up data are sound"));
        });
        let model =
            recipe.open(&recipe.train(&task).expect("made-up data are sound").files).expect("made-up data are sound");
        for n_events in [1, 7] {
            let history: Vec<Event> =
                (0..n_events).map(|event| Event { item: 7 * event, timestamp_s: i64::from(event) }).collect();
            let query = Query { history: &history, ..Query::default() };
            criterion.bench_function(&format!("session_knn/recommend/{size}/history={n_events}/k=25"), |bencher| {
                bencher.iter(|| model.recommend(black_box(&query), 25));
            });
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = session_knn }
criterion_main!(benches);

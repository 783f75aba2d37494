mod data;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::{Query, TrainingTask, recipe};

fn sims(criterion: &mut Criterion) {
    let recipe = recipe("aws-sims").expect("a recipe that can be trained");
    for (n_users, n_items, events_a_user) in [(2000, 1000, 20), (2000, 1000, 100)] {
        let dataset = data::dataset(n_users, n_items, events_a_user);
        let hyperparameters = BTreeMap::from([("max_item_interaction_count_percentile".into(), "1.0".into())]);
        let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
        let size = format!("users={n_users}/items={n_items}/events={events_a_user}");
        criterion.bench_function(&format!("sims/train/{size}"), |bencher| {
            bencher.iter(|| recipe.train(&task).expect("made-up data are sound"))
        });
        let model =
            recipe.open(&recipe.train(&task).expect("made-up data are sound").files).expect("made-up data are sound");
        let query = Query { item: Some(0), ..Query::default() };
        criterion.bench_function(&format!("sims/recommend/{size}/k=25"), |bencher| {
            bencher.iter(|| model.recommend(black_box(&query), 25));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = sims }
criterion_main!(benches);

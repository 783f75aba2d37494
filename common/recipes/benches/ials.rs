mod data;

use std::collections::BTreeMap;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::{TrainingTask, recipe};

/// Training with every hyperparameter given: two fits of eight iterations and the evaluation.
fn ials(criterion: &mut Criterion) {
    let recipe = recipe("palate-ials").expect("a recipe that can be trained");
    let dataset = data::dataset(2000, 1000, 50);
    for factors in ["64", "128"] {
        let given = [
            ("factors", factors),
            ("iterations", "8"),
            ("unobserved_weight", "0.1"),
            ("regularization", "0.01"),
            ("history_length", "20"),
            ("half_life", "3"),
            ("seen_weight", "0"),
        ];
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let task = TrainingTask::new(&dataset, &given, 1, &());
        criterion.bench_function(&format!("ials/train/users=2000/items=1000/events=50/factors={factors}"), |bencher| {
            bencher.iter(|| recipe.train(&task).expect("made-up data are sound"));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = ials }
criterion_main!(benches);

mod data;

use std::collections::BTreeMap;

use criterion::{Criterion, criterion_group, criterion_main};
use palate_recipes::{TrainingTask, recipe};

/// Training with every hyperparameter given: two fits and the evaluation. `exact=0` solves in blocks.
fn ease(criterion: &mut Criterion) {
    let recipe = recipe("palate-ease").expect("a recipe that can be trained");
    let dataset = data::dataset(2000, 1000, 50);
    for exact_items in ["30000", "0"] {
        let given = [
            ("regularization", "500"),
            ("history_length", "20"),
            ("half_life", "3"),
            ("seen_weight", "0"),
            ("exact_items", exact_items),
        ];
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let task = TrainingTask::new(&dataset, &given, 1, &());
        criterion.bench_function(
            &format!("ease/train/users=2000/items=1000/events=50/exact={exact_items}"),
            |bencher| {
                bencher.iter(|| recipe.train(&task).expect("made-up data are sound"));
            },
        );
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = ease }
criterion_main!(benches);

//! The dataset beside a naive one, for any rows, any cut of them into parts and any number of threads.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the rows become by sorting and comparing each with each, and how many nobody joined.
fn naive(rows: &[Row], selection: &Selection) -> (Vec<Row>, usize) {
    let mut first: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.user.is_some()) {
        if let Some(session) = &row.session {
            let known = first.entry(session).or_insert(row);
            if row.time_s < known.time_s {
                *known = row;
            }
        }
    }
    let selected = |row: &&Row| {
        let typed = selection
            .event_type
            .as_ref()
            .is_none_or(|wanted| row.kind.as_ref().is_some_and(|kind| kind.to_lowercase() == wanted.to_lowercase()));
        let valued = selection
            .event_value_threshold
            .is_none_or(|least| row.value.is_some_and(|value| f64::from(value) >= least));
        let of_its_type = selection.events.is_empty()
            || selection.events.iter().any(|choice| {
                let same = row.kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case(&choice.event_type));
                let least = choice.event_value_threshold;
                same && least.is_none_or(|least| row.value.is_some_and(|value| f64::from(value) >= least))
            });
        typed && valued && of_its_type
    };
    let mut kept: Vec<Row> = Vec::new();
    let mut n_unjoined = 0;
    for row in rows.iter().filter(selected) {
        let joined = row.session.as_ref().and_then(|session| first.get(session.as_str()));
        let user = row.user.clone().or_else(|| joined.and_then(|row| row.user.clone()));
        let row = Row { user, session: None, ..row.clone() };
        if row.user.is_none() {
            n_unjoined += 1;
        } else if !kept.contains(&row) {
            kept.push(row);
        }
    }
    kept.sort_by(|a, b| (&a.user, a.time_s).cmp(&(&b.user, b.time_s)));
    (kept, n_unjoined)
}

fn any_row(streamed: bool) -> impl Strategy<Value = Row> {
    let time = prop_oneof![9 => 0_i64..6, 1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(1 << 40)]];
    let kind = prop::option::of(prop::sample::select(vec!["View", "view", "Buy"]));
    let value = prop::option::of(prop::sample::select(vec![0.0_f32, 1.0, 2.5]));
    let device = prop::option::weighted(0.2, prop::sample::select(vec!["phone", "desk"]));
    (0_u8..5, 0_u8..4, time, kind, value, device, prop::option::of(0_u8..3)).prop_map(
        move |(user, item, time_s, kind, value, device, session)| Row {
            // Some events of a stream come from visitors.
            user: if streamed && user > 2 { None } else { Some(format!("u{user}")) },
            item: Some(format!("i{item}")),
            time_s,
            kind: kind.map(str::to_owned),
            value,
            device: device.map(str::to_owned),
            session: session.filter(|_| streamed).map(|session| format!("s{session}")),
        },
    )
}

fn any_part() -> impl Strategy<Value = (bool, Vec<Row>)> {
    any::<bool>().prop_flat_map(|streamed| (Just(streamed), prop::collection::vec(any_row(streamed), 0..25)))
}

fn any_selection() -> impl Strategy<Value = Selection> {
    let event_type = prop::option::weighted(0.3, prop::sample::select(vec!["VIEW", "buy", "none"]));
    let threshold = prop::option::weighted(0.3, prop::sample::select(vec![1.0, 2.5]));
    let choice = (prop::sample::select(vec!["VIEW", "buy", "NONE"]), threshold.clone());
    let choice = choice.prop_map(|(name, least)| EventChoice { event_type: name.into(), event_value_threshold: least });
    let events = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(choice, 1..3)];
    // A type is named once.
    let events = events.prop_map(|mut events: Vec<EventChoice>| {
        events.sort_by(|a, b| a.event_type.cmp(&b.event_type));
        events.dedup_by(|a, b| a.event_type == b.event_type);
        events
    });
    (event_type, threshold, events).prop_map(|(event_type, event_value_threshold, events)| Selection {
        event_type: event_type.map(str::to_owned),
        event_value_threshold,
        events,
        interaction_columns: vec![ColumnChoice { name: "DEVICE".into(), kind: ColumnKind::Text }],
        ..Selection::default()
    })
}

fn with_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_parts_on_any_number_of_threads_agree_with_the_naive_dataset(
        parts in prop::collection::vec(any_part(), 0..6),
        selection in any_selection(),
    ) {
        let rows: Vec<Row> = parts.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let (wanted, n_unjoined) = naive(&rows, &selection);
        let contents: Vec<Bytes> =
            parts.iter().map(|(streamed, rows)| if *streamed { put(rows) } else { bulk(rows) }).collect();
        for n_threads in [1, 2, 4] {
            let dataset = with_threads(n_threads, || read(contents.clone(), &selection));
            prop_assert_eq!(&told(&dataset), &wanted);
            prop_assert_eq!(dataset.n_unjoined(), n_unjoined);
            let mut items: Vec<&str> = rows.iter().filter_map(|row| row.item.as_deref()).collect();
            items.sort_unstable();
            items.dedup();
            let mut catalogue: Vec<&str> = dataset.items().iter().chain(dataset.other_items().iter()).collect();
            catalogue.sort_unstable();
            prop_assert_eq!(catalogue, items);
            let bound = 24 * dataset.n_interactions() + 8 * (dataset.users().len() + 1);
            prop_assert!(dataset.interaction_bytes() <= bound);
        }
    }

    #[test]
    fn a_cut_into_parts_does_not_show(
        rows in prop::collection::vec(any_row(false), 0..60),
        cuts in prop::collection::vec(0_usize..60, 0..5),
        selection in any_selection(),
    ) {
        let whole = read(vec![bulk(&rows)], &selection);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).chain([0, rows.len()]).collect();
        cuts.sort_unstable();
        let cut = read(cuts.windows(2).map(|pair| bulk(&rows[pair[0]..pair[1]])).collect(), &selection);
        prop_assert_eq!(told(&cut), told(&whole));
        prop_assert_eq!(cut.histories(), whole.histories());
        prop_assert_eq!(cut.interaction_bytes(), whole.interaction_bytes());
        prop_assert_eq!(cut.event_types().iter().collect::<Vec<_>>(), whole.event_types().iter().collect::<Vec<_>>());
        prop_assert_eq!(cut.other_items().iter().collect::<Vec<_>>(), whole.other_items().iter().collect::<Vec<_>>());
    }
}

use super::*;

fn history(interactions: Vec<Bytes>) -> (Vec<(String, String, i64)>, usize) {
    let dataset = read(interactions, &Selection::default());
    let rows = told(&dataset).into_iter();
    (rows.map(|row| (row.user.unwrap(), row.item.unwrap(), row.time_s)).collect(), dataset.n_unjoined())
}

fn events(list: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    list.iter().map(|(user, item, time_s)| ((*user).to_owned(), (*item).to_owned(), *time_s)).collect()
}

#[test]
fn a_row_that_came_by_bulk_by_stream_or_by_both_counts_once() {
    let bought = row("a", "x", 5).of("Buy", 2.0);
    let streamed = bought.clone().within("s1");
    let again = bought.clone().within("s2");
    for parts in [
        vec![bulk(std::slice::from_ref(&bought))],
        vec![put(std::slice::from_ref(&streamed))],
        vec![bulk(std::slice::from_ref(&bought)), put(std::slice::from_ref(&streamed))],
        vec![put(&[streamed.clone(), again.clone()]), bulk(&[bought.clone(), bought.clone()])],
        // Neither a column that is null there nor one that is not there makes a difference.
        vec![
            bulk_with(std::slice::from_ref(&bought), &["EVENT_TYPE", "EVENT_VALUE"]),
            put(std::slice::from_ref(&again)),
        ],
    ] {
        let dataset = read(parts, &Selection::default());
        assert_eq!(told(&dataset), std::slice::from_ref(&bought));
    }
    let other = bought.clone().on("phone").within("s1");
    assert_eq!(read(vec![bulk(&[bought]), put(&[other])], &Selection::default()).n_interactions(), 2);
}

#[test]
fn a_sessions_rows_belong_to_who_signed_in_first_whatever_part_they_are_in() {
    let before = row("", "x", 1).within("s");
    let signing_in = row("ann", "y", 2).within("s");
    let after = row("", "z", 3).within("s");
    let late = row("bob", "w", 4).within("s");
    let wanted = events(&[("ann", "x", 1), ("ann", "y", 2), ("ann", "z", 3), ("bob", "w", 4)]);
    let rows = [before, signing_in, after, late];
    assert_eq!(history(vec![put(&rows)]), (wanted.clone(), 0));
    assert_eq!(history(rows.iter().rev().map(|row| put(std::slice::from_ref(row))).collect()), (wanted, 0));
}

#[test]
fn of_two_who_sign_in_at_one_moment_the_first_of_the_input_counts() {
    let rows = [row("bob", "x", 1).within("s"), row("ann", "x", 1).within("s"), row("", "y", 9).within("s")];
    assert_eq!(history(vec![put(&rows)]).0, events(&[("ann", "x", 1), ("bob", "x", 1), ("bob", "y", 9)]));
}

#[test]
fn rows_that_nobody_joined_are_left_out_and_counted() {
    let rows =
        [row("", "x", 1).within("s"), row("", "y", 2), row("a", "z", 3).within("other"), row("", "x", 1).within("s")];
    let dataset = read(vec![put(&rows)], &Selection::default());
    assert_eq!(told(&dataset), [row("a", "z", 3)]);
    assert_eq!(dataset.n_unjoined(), 3);
    // Their items are of the catalogue, though nobody is known to have taken them.
    assert_eq!(dataset.items().iter().collect::<Vec<_>>(), ["z"]);
    assert_eq!(dataset.other_items().iter().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(dataset.n_catalogue_items(), 3);
}

#[test]
fn an_anonymous_row_that_was_joined_repeats_the_imported_one() {
    let rows = [row("", "x", 1).within("s"), row("ann", "y", 2).within("s")];
    let imported = [row("ann", "x", 1), row("ann", "y", 2)];
    assert_eq!(history(vec![bulk(&imported), put(&rows)]), history(vec![bulk(&imported)]));
}

#[test]
fn an_event_that_is_not_selected_signs_in_all_the_same() {
    let rows = [row("", "x", 1).of("Watch", 1.0).within("s"), row("ann", "y", 2).of("Login", 1.0).within("s")];
    let selection = Selection { event_type: Some("watch".into()), ..Selection::default() };
    let dataset = read(vec![put(&rows)], &selection);
    assert_eq!(told(&dataset), [row("ann", "x", 1).of("Watch", 1.0)]);
    assert_eq!(dataset.n_unjoined(), 0);
}

#[test]
fn streamed_rows_without_item_are_left_out() {
    let rows = [row("a", "", 1).within("s"), row("a", "x", 2), row("", "y", 3).within("s")];
    assert_eq!(history(vec![put(&rows)]), (events(&[("a", "x", 2), ("a", "y", 3)]), 0));
}

#[test]
fn interactions_know_whether_they_are_of_the_visit_of_the_one_before() {
    let imported = [row("a", "w", 1)];
    let rows = [
        row("a", "x", 5).within("s1"),
        row("", "y", 6).within("s1"),
        row("a", "z", 7).within("s2"),
        row("a", "v", 8),
        row("b", "x", 3).within("s2"),
    ];
    let parts = || vec![bulk(&imported), put(&rows)];
    let dataset = read(parts(), &Selection { visits: true, ..Selection::default() });
    let of = |user: usize| dataset.interactions_of(user).map(|place| dataset.is_same_visit(place)).collect::<Vec<_>>();
    assert_eq!(of(0), [None, None, Some(true), Some(false), None]);
    assert_eq!(of(1), [None]);
    let unasked = read(parts(), &Selection::default());
    assert_eq!(unasked.is_same_visit(2), None);
    let unknown = read(vec![bulk(&imported)], &Selection { visits: true, ..Selection::default() });
    assert_eq!(
        (unknown.is_same_visit(0), unknown.interaction_bytes()),
        (None, read(vec![bulk(&imported)], &Selection::default()).interaction_bytes())
    );
}

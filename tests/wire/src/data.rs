//! Data with a structure that recipes must find: users who walk a ring of items, and a crowd of ties.

use std::fmt::Write;

/// `n_users` users, each walking `steps` items along a ring of `n_items`: after item i comes item i + 1.
pub fn interactions_csv(n_users: usize, steps: usize, n_items: usize) -> String {
    let mut csv = String::from("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n");
    for user in 0..n_users {
        for step in 0..steps {
            let item = (user * 7 + step) % n_items;
            writeln!(csv, "user-{user},item-{item},{},watch", 1_600_000_000 + user * 100 + step).unwrap();
        }
    }
    csv
}

/// One row for each item of the ring.
pub fn items_csv(n_items: usize) -> String {
    let mut csv = String::from("ITEM_ID,GENRE\n");
    for item in 0..n_items {
        writeln!(csv, "item-{item},{}", ["drama", "comedy|crime"][item % 2]).unwrap();
    }
    csv
}

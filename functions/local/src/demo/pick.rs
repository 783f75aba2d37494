//! Whom and what the demo shows: chosen from the data, the same each time.

use super::material::{Event, Material};

/// How often each item occurs, by its index.
pub fn popularity(material: &Material) -> Vec<u32> {
    let mut counts = vec![0_u32; material.items.len()];
    for event in &material.events {
        counts[event.item as usize] += 1;
    }
    counts
}

/// A user like most: the one whose number of events is the median.
pub fn typical_user(material: &Material) -> u32 {
    let mut counts = vec![0_u32; material.users.len()];
    for event in &material.events {
        counts[event.user as usize] += 1;
    }
    let mut users: Vec<u32> = (0..).take(counts.len()).collect();
    users.sort_by_key(|user| (counts[*user as usize], *user));
    users.get(users.len() / 2).copied().unwrap_or(0)
}

/// What a user did last, newest first, each item once.
pub fn latest(material: &Material, user: u32, most: usize) -> Vec<Event> {
    let mut events: Vec<Event> = material.events.iter().filter(|event| event.user == user).copied().collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    let mut latest: Vec<Event> = Vec::new();
    for event in events {
        if latest.len() < most && latest.iter().all(|earlier| earlier.item != event.item) {
            latest.push(event);
        }
    }
    latest
}

/// An item that much is known of, but that not everybody takes. The most popular one with the name that the
/// data's words give; else the one after the most popular `percent`, among those that have a name.
pub fn telling_item(material: &Material, counts: &[u32], percent: usize) -> u32 {
    let name = |item: u32| material.titles.get(&material.items[item as usize]);
    let mut items: Vec<u32> = (0..).take(counts.len()).collect();
    items.retain(|item| material.titles.is_empty() || name(*item).is_some());
    items.sort_by_key(|item| (std::cmp::Reverse(counts[*item as usize]), *item));
    let named = material
        .words
        .telling
        .and_then(|beginning| items.iter().find(|item| name(**item).is_some_and(|name| name.starts_with(beginning))));
    named.or_else(|| items.get(items.len() * percent / 100)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{super::material::Words, *};

    fn material(events: &[(u32, u32, i64)]) -> Material {
        let events: Vec<Event> = events.iter().map(|&(user, item, at)| Event { user, item, at }).collect();
        let names = |count: u32| (0..count).map(|at| at.to_string()).collect();
        let users = events.iter().map(|event| event.user + 1).max().unwrap_or(0);
        let items = events.iter().map(|event| event.item + 1).max().unwrap_or(0);
        Material {
            tables: Vec::new(),
            events,
            users: names(users),
            items: names(items),
            titles: HashMap::new(),
            event_type: "click".into(),
            words: Words { user: "user", item: "item", did: "chose", event: "interactions", telling: None },
        }
    }

    #[test]
    fn the_latest_items_are_newest_first_and_once_each() {
        let material = material(&[(0, 1, 10), (0, 2, 30), (1, 3, 40), (0, 1, 20), (0, 0, 5)]);
        let items: Vec<u32> = latest(&material, 0, 2).iter().map(|event| event.item).collect();
        assert_eq!(items, [2, 1]);
    }

    #[test]
    fn the_typical_user_has_the_median_number_of_events() {
        assert_eq!(typical_user(&material(&[(0, 0, 1), (1, 0, 1), (1, 0, 2), (2, 0, 1), (2, 0, 2), (2, 0, 3)])), 1);
    }

    #[test]
    fn a_telling_item_is_popular_but_not_the_most_popular() {
        let mut material = material(&[(0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 1, 4), (0, 1, 5), (0, 2, 6)]);
        let counts = popularity(&material);
        assert_eq!(counts, [3, 2, 1]);
        assert_eq!((telling_item(&material, &counts, 0), telling_item(&material, &counts, 34)), (0, 1));
        material.titles = [("1", "Plain"), ("2", "Telling")].map(|(id, name)| (id.into(), name.into())).into();
        assert_eq!(telling_item(&material, &counts, 0), 1);
        material.words.telling = Some("Tell");
        assert_eq!(telling_item(&material, &counts, 0), 2);
    }
}

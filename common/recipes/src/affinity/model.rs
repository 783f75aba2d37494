use bytes::Bytes;

use super::attributes::Attributes;
use super::expression::conditions;
use super::segments::{Segments, Target, UserRows, Wanted};
use super::share::{Person, dot};
use super::tower::Tower;
use crate::model::{ItemSide, UserSide};
use crate::popularity::Popular;
use crate::{Event, IdMap, Model, ModelError, Query, Scored, UserPage, UserPageRef};

/// What serves segments. It recommends nothing: [`Model::recommend`] gives no items.
pub struct Affine {
    items: IdMap,
    popular: Popular,
    tower: Tower,
    attributes: Option<Attributes>,
    users: UserSide,
}

impl Affine {
    pub fn new(side: ItemSide, tower: Tower, attributes: Option<Attributes>, users: UserSide) -> Self {
        Self { items: side.ids, popular: side.popular, tower, attributes, users }
    }

    fn comes_last(&self, item: u32, events: &[Event]) -> bool {
        self.tower.seen_weight == 0.0 && events.iter().any(|event| event.item == item)
    }
}

/// What users who had an item get less than all others, where users do not come back: more than any score.
const HAD: f32 = 1e12;

impl Segments for Affine {
    fn item(&self, item_id: &str) -> Result<Target, String> {
        let item = self.items.get(item_id);
        let item = item.ok_or_else(|| format!("The item {item_id} was not there when the model was trained."))?;
        Ok(Target { vector: self.tower.item(item).to_vec(), of: Wanted::Item(item) })
    }

    fn attributes(&self, expression: &str) -> Result<Target, String> {
        let conditions = conditions(expression)?;
        let attributes = self.attributes.as_ref().ok_or("The model knows no attributes of items.")?;
        let items = attributes.matching(&conditions)?;
        Ok(Target { vector: self.tower.sum(&items), of: Wanted::Attributes(items) })
    }

    fn pages(&self) -> Vec<UserPageRef> {
        self.users.pages()
    }

    fn score(&self, page: &UserPageRef, content: Bytes, targets: &[Target]) -> Result<UserRows, ModelError> {
        let page = self.users.open(page, content)?;
        let mut rows = UserRows::default();
        let mut vector = vec![0.0; self.tower.dimension];
        for (id, events) in page.users() {
            self.tower.user(events.iter().map(|event| event.item), &mut vector);
            rows.ids.push(String::from_utf8_lossy(id).into_owned());
            let of_attributes = targets.iter().any(|target| matches!(target.of, Wanted::Attributes(_)));
            let person = of_attributes.then(|| Person::of(&self.tower, events.iter().map(|event| event.item), &vector));
            rows.scores.extend(targets.iter().map(|target| match (&target.of, &person) {
                (Wanted::Attributes(items), Some(person)) => person.score(&vector, &target.vector, items),
                (Wanted::Item(item), _) if self.comes_last(*item, events) => dot(&vector, &target.vector) - HAD,
                _ => dot(&vector, &target.vector),
            }));
        }
        Ok(rows)
    }
}

impl Model for Affine {
    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn item_index(&self, item_id: &str) -> Option<u32> {
        self.items.get(item_id)
    }

    fn item_id(&self, item: u32) -> &str {
        self.items.id(item)
    }

    fn user_page(&self, user_id: &str) -> Option<UserPageRef> {
        self.users.page(user_id)
    }

    fn open_user_page(&self, page: &UserPageRef, content: Bytes) -> Result<UserPage, ModelError> {
        self.users.open(page, content)
    }

    fn recommend(&self, _query: &Query<'_>, _k: usize) -> Vec<Scored> {
        Vec::new()
    }

    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        items.iter().map(|item| self.popular.n_users()[*item as usize] as f32).collect()
    }

    fn segments(&self) -> Option<&dyn Segments> {
        Some(self)
    }

    fn resident_bytes(&self) -> usize {
        let attributes = self.attributes.as_ref().map_or(0, Attributes::resident_bytes);
        self.items.resident_bytes()
            + self.tower.rows.len() * size_of::<f32>()
            + attributes
            + self.users.resident_bytes()
    }
}

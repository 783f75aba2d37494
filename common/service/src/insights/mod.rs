//! What is in a dataset and what that means for recipes: rows, users, items, histories, popularity, times,
//! columns, and findings in words.
//!
//! [`Survey`] goes over the parts one after the other; it is pure, and its memory is bounded by users and items.
//! [`report::Insights`] is what comes out, as `insights.json` has it; [`report::Insights::page`] tells it to people.
//! An import computes it and keeps both files beside its parts; when the dataset has other parts since, it is
//! computed again by whoever asks.

mod columns;
mod counts;
mod days;
mod findings;
mod page;
mod report;
mod sample;
mod stored;
mod survey;
#[cfg(test)]
mod tests;

pub(crate) use days::date_of;
pub(crate) use page::{percent, thousands};
pub use report::Insights;
pub(crate) use stored::{Written, after_import, current, dataset_named, key, record};
pub(crate) use survey::{IdSet, Survey, add_ids};

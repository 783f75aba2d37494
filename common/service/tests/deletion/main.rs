//! What leaves: users who are to be forgotten, and what deleted resources leave behind.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod cut_off;
mod faulty;
mod forgetting;
mod freeing;
mod racing;
mod shop;

#![allow(clippy::unwrap_used)]

mod given;
mod grammar;
mod naive;
mod plan;
mod refusals;
mod strategies;

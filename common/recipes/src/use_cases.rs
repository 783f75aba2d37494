//! Use cases about an item, each of what its page says:
//!
//! | use case                                       | learns from | what goes with an item                                  |
//! |------------------------------------------------|-------------|---------------------------------------------------------|
//! | `aws-ecomm-frequently-bought-together`         | `Purchase`  | what is in the same baskets more often than by chance   |
//! | `aws-ecomm-customers-who-viewed-x-also-viewed` | `View`      | what the same customers look at, most in the same visit |
//! | `aws-vod-because-you-watched-x`                | `Watch`     | what viewers watch next, in that order                  |
//! | `aws-vod-more-like-x`                          | everything  | what is like it by its metadata and its viewers         |

mod also_viewed;
mod because_watched;
mod bought_together;
mod more_like;

pub use also_viewed::AlsoViewed;
pub use because_watched::BecauseWatched;
pub use bought_together::BoughtTogether;
pub use more_like::MoreLike;

#[cfg(test)]
mod tests;

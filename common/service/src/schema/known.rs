//! The fields that the service knows: required ones and reserved names.

use palate_recipes::parts::ColumnType::{self, Float, Long, String};

use super::{DatasetType, Domain};

/// A field whose name means something.
pub(super) struct Known {
    /// The name, and other spellings that the documentation uses for it.
    pub names: &'static [&'static str],
    pub kind: ColumnType,
    pub required: bool,
    pub meaning: Meaning,
}

/// What may be in it.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// The id of a user, item or action.
    Id,
    /// Text of at most so many characters that is neither categorical nor textual.
    Reserved(usize),
    Categorical,
    Textual,
    Number,
    /// Whole numbers from one to another.
    Range(i64, i64),
}

const fn required(names: &'static [&'static str], kind: ColumnType, meaning: Meaning) -> Known {
    Known { names, kind, required: true, meaning }
}

const fn reserved(names: &'static [&'static str], kind: ColumnType, meaning: Meaning) -> Known {
    Known { names, kind, required: false, meaning }
}

const USER_ID: Known = required(&["USER_ID"], String, Meaning::Id);
const ITEM_ID: Known = required(&["ITEM_ID"], String, Meaning::Id);
const ACTION_ID: Known = required(&["ACTION_ID"], String, Meaning::Id);
const TIMESTAMP: Known = required(&["TIMESTAMP"], Long, Meaning::Number);
const EVENT_TYPE: Meaning = Meaning::Reserved(256);
const EVENT_VALUE: Known = reserved(&["EVENT_VALUE"], Float, Meaning::Number);
const IMPRESSION: Known = reserved(&["IMPRESSION"], String, Meaning::Reserved(1_000));
const RECOMMENDATION_ID: Known = reserved(&["RECOMMENDATION_ID"], String, Meaning::Reserved(1_000));
const ATTRIBUTION: Known = reserved(&["EVENT_ATTRIBUTION_SOURCE"], String, Meaning::Reserved(1_024));
const CREATION_TIMESTAMP: Known = reserved(&["CREATION_TIMESTAMP"], Long, Meaning::Number);
const PRODUCT_DESCRIPTION: Known = reserved(&["PRODUCT_DESCRIPTION"], String, Meaning::Textual);

const fn category(names: &'static [&'static str]) -> Known {
    reserved(names, String, Meaning::Categorical)
}

const CUSTOM_INTERACTIONS: &[Known] = &[
    USER_ID,
    ITEM_ID,
    TIMESTAMP,
    reserved(&["EVENT_TYPE"], String, EVENT_TYPE),
    EVENT_VALUE,
    IMPRESSION,
    RECOMMENDATION_ID,
    ATTRIBUTION,
];

const DOMAIN_INTERACTIONS: &[Known] = &[
    USER_ID,
    ITEM_ID,
    TIMESTAMP,
    required(&["EVENT_TYPE"], String, EVENT_TYPE),
    EVENT_VALUE,
    IMPRESSION,
    RECOMMENDATION_ID,
    ATTRIBUTION,
];

const CUSTOM_ITEMS: &[Known] = &[ITEM_ID, CREATION_TIMESTAMP];

const ECOMMERCE_ITEMS: &[Known] = &[
    ITEM_ID,
    required(&["PRICE"], Float, Meaning::Number),
    required(&["CATEGORY_L1"], String, Meaning::Categorical),
    category(&["CATEGORY_L2"]),
    category(&["CATEGORY_L3"]),
    category(&["AGE_GROUP"]),
    category(&["ADULT"]),
    category(&["GENDER"]),
    PRODUCT_DESCRIPTION,
    CREATION_TIMESTAMP,
];

const VIDEO_ITEMS: &[Known] = &[
    ITEM_ID,
    required(&["GENRES", "GENRES_L1"], String, Meaning::Categorical),
    required(&["CREATION_TIMESTAMP"], Long, Meaning::Number),
    reserved(&["PRICE"], Float, Meaning::Number),
    reserved(&["DURATION"], Float, Meaning::Number),
    reserved(&["AVERAGE_RATING"], Float, Meaning::Number),
    category(&["GENRE_L2"]),
    category(&["GENRE_L3"]),
    category(&["CONTENT_OWNER"]),
    category(&["CONTENT_CLASSIFICATION"]),
    PRODUCT_DESCRIPTION,
];

const USERS: &[Known] = &[USER_ID];

const ACTIONS: &[Known] = &[
    ACTION_ID,
    CREATION_TIMESTAMP,
    reserved(&["VALUE"], Long, Meaning::Range(1, 10)),
    reserved(&["TYPE"], String, Meaning::Reserved(1_000)),
    reserved(&["EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP"], Long, Meaning::Number),
    reserved(&["REPEAT_FREQUENCY"], Long, Meaning::Range(0, 30)),
];

const ACTION_INTERACTIONS: &[Known] =
    &[USER_ID, ACTION_ID, required(&["EVENT_TYPE"], String, EVENT_TYPE), TIMESTAMP, IMPRESSION, RECOMMENDATION_ID];

/// The fields that a dataset of this type needs or may have.
pub(super) fn known(dataset_type: DatasetType, domain: Domain) -> &'static [Known] {
    match (dataset_type, domain) {
        (DatasetType::Interactions, Domain::Custom) => CUSTOM_INTERACTIONS,
        (DatasetType::Interactions, _) => DOMAIN_INTERACTIONS,
        (DatasetType::Items, Domain::Custom) => CUSTOM_ITEMS,
        (DatasetType::Items, Domain::Ecommerce) => ECOMMERCE_ITEMS,
        (DatasetType::Items, Domain::VideoOnDemand) => VIDEO_ITEMS,
        (DatasetType::Users, _) => USERS,
        (DatasetType::Actions, _) => ACTIONS,
        (DatasetType::ActionInteractions, _) => ACTION_INTERACTIONS,
    }
}

/// Whether a value is a reserved keyword, which no value may be: most often a header in the middle of a file.
///
/// Those that are words of everyday language (ADULT, GENDER, TYPE) may be values: refusing them would refuse
/// good data.
#[inline]
pub(crate) fn is_keyword(value: &str) -> bool {
    // All of them begin with one of these letters, and few ids do and are as long.
    let may_be = value.len() >= 7 && value.as_bytes().first().is_some_and(|first| b"ACEIRTU".contains(first));
    may_be && NAMES.contains(&value)
}

const NAMES: [&str; 13] = [
    "USER_ID",
    "ITEM_ID",
    "ACTION_ID",
    "TIMESTAMP",
    "EVENT_TYPE",
    "EVENT_VALUE",
    "IMPRESSION",
    "RECOMMENDATION_ID",
    "EVENT_ATTRIBUTION_SOURCE",
    "CREATION_TIMESTAMP",
    "EXPIRATION_TIMESTAMP",
    "ACTION_EXPIRATION_TIMESTAMP",
    "REPEAT_FREQUENCY",
];

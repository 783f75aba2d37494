//! What a dataset group holds, as filters and metadata ask for it: the columns of its items, actions and
//! users, and what each user did by event type.
//!
//! Everything is kept in memory within bounds, looked at for change at most once a second, and refreshed
//! beside the requests, which go on with what there was.

mod build;
mod columns;
mod datasets;
mod history;
mod plans;
mod recent;

use std::sync::Arc;

use palate_recipes::EventPage;

pub(crate) use columns::{Held, Source};
pub(crate) use datasets::{Catalogued, fields_of, find_dataset, type_of};
pub(crate) use history::{
    EVENTS_A_TYPE, HistoryProduct, first_history, history_folders, history_of_import, history_record,
};
pub(crate) use recent::Recent;

use crate::runtime::ByteCache;
use columns::ColumnsCache;
use history::OpenIndex;
use plans::Plans;

/// What a process keeps of its catalogues between requests.
pub(crate) struct Catalogue {
    columns: ColumnsCache,
    pub plans: Plans,
    /// By dataset ARN.
    indexes: Recent<Option<Arc<OpenIndex>>>,
    /// By folder of the index and first byte of the page.
    pages: ByteCache<(Arc<str>, u64), Arc<EventPage>>,
}

impl Catalogue {
    /// Two thirds of `cache_bytes` are for columns, one for pages of events.
    pub fn new(cache_bytes: usize) -> Self {
        let pages = cache_bytes / 3;
        Self {
            columns: ColumnsCache::new(cache_bytes - pages),
            plans: Plans::default(),
            indexes: Recent::default(),
            pages: ByteCache::new(pages),
        }
    }
}

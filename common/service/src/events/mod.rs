//! Streamed events: durable before the 200, seen by their user's next request.

mod put_events;
mod store;

pub(crate) use store::recent_events;

use crate::operations::Operations;

pub(crate) fn operations(all: &mut Operations) {
    put_events::operations(all);
}

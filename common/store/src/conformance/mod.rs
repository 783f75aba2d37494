//! The contract as tests: every case runs on every backend, by one macro call for each trait.
//!
//! A macro takes an expression that opens an empty store, a future of `(guard, store)`; the guard (a
//! folder, say) is dropped after the case. Attributes after it go to every test:
//!
//! ```ignore
//! record_store_conformance!(open_records(), #[ignore = "needs moto"]);
//! ```

#![allow(clippy::unwrap_used)]

pub mod blob_races;
pub mod blobs;
pub mod expiry;
pub mod listings;
pub mod record_races;
pub mod records;
pub mod stores;

/// Tests what [`RecordStore`](crate::RecordStore) promises.
#[macro_export]
macro_rules! record_store_conformance {
    ($open:expr $(, #[$attribute:meta])*) => {
        mod record_store {
            use super::*;
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) records [
                a_created_record_is_read_back_at_version_one
                an_absent_record_is_none
                a_create_on_a_taken_key_fails_and_changes_nothing
                an_update_needs_the_expected_version
                a_delete_needs_the_expected_version_and_frees_the_key
                a_check_holds_or_refuses_and_changes_nothing
                writes_of_all_kinds_happen_together
                one_refused_write_undoes_the_whole_commit
                the_first_refused_write_is_named
                partition_and_sort_key_are_apart
                a_commit_has_at_most_a_hundred_writes_of_different_keys
                keys_and_values_have_limits
                requests_for_a_page_have_limits
            ] }
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) listings [
                records_are_listed_bytewise_in_both_directions
                a_listing_of_records_keeps_to_its_prefix_wherever_it_starts
                large_records_are_listed_in_several_pages
                a_listing_of_records_while_they_change_has_each_lasting_one_once
            ] }
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) record_races [
                only_one_of_two_racing_updates_wins
                only_one_of_many_racing_creates_wins
                counters_by_compare_and_swap_lose_nothing
                racing_commits_over_several_records_keep_their_sum
            ] }
        }
    };
}

/// Tests what [`RecordStore`](crate::RecordStore) promises of records that end by themselves; the expression gives
/// `(guard, (store, clock))` with the [`HeldClock`](expiry::HeldClock) that the store was opened with.
#[macro_export]
macro_rules! record_expiry_conformance {
    ($open:expr $(, #[$attribute:meta])*) => {
        mod record_expiry {
            use super::*;
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) expiry [
                a_record_is_there_until_its_time_comes
                a_listing_leaves_out_what_has_ended
                a_create_takes_the_place_of_what_has_ended
                a_create_before_the_end_finds_the_key_taken
                what_has_ended_cannot_be_changed
                an_updated_record_lasts
                a_commit_takes_the_place_of_what_has_ended_or_does_nothing
                a_purge_frees_only_what_has_ended
                racing_creates_over_an_ended_record_have_one_winner
            ] }
        }
    };
}

/// Tests what [`BlobStore`](crate::BlobStore) promises, in a module of the given name.
#[macro_export]
macro_rules! blob_store_conformance {
    ($module:ident, $open:expr $(, #[$attribute:meta])*) => {
        mod $module {
            use super::*;
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) blobs [
                a_blob_is_read_back_and_described_alike_everywhere
                an_absent_blob_is_not_found
                a_put_replaces_and_changes_the_etag
                a_put_if_absent_needs_a_free_key
                a_put_on_an_etag_needs_that_etag
                a_range_past_the_end_gives_what_there_is
                a_deleted_blob_is_gone_and_its_folders_are_not_in_the_way
                a_writer_joins_its_chunks
                a_large_blob_goes_through_a_writer
                a_blob_in_writing_is_not_visible
                a_writer_given_up_leaves_the_old_blob
                keys_that_would_leave_the_bucket_are_refused
                a_key_may_have_1024_bytes
            ] }
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) listings [
                blobs_are_listed_bytewise
                a_listing_of_blobs_keeps_to_its_prefix_wherever_it_starts
                a_listing_of_blobs_while_they_change_has_each_lasting_one_once
            ] }
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) blob_races [
                only_one_of_many_racing_puts_if_absent_wins
                only_one_of_many_racing_puts_on_an_etag_wins
                a_reader_sees_a_replaced_blob_whole
            ] }
        }
    };
}

/// Tests what the stores promise together; the expression gives `(guard, (stores, bucket))` with the name
/// of a user's bucket that is there and empty.
#[macro_export]
macro_rules! stores_conformance {
    ($open:expr $(, #[$attribute:meta])*) => {
        mod stores {
            use super::*;
            $crate::conformance_cases! { {$(#[$attribute])*} ($open) stores [
                a_writer_killed_between_blob_and_record_is_taken_up_again
                buckets_are_apart_from_each_other_and_from_palates_own
                a_bucket_that_is_not_there_is_not_found
                names_that_s3_does_not_allow_are_refused
            ] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ({$($attributes:tt)*} ($open:expr) $module:ident []) => {};
    ({$($attributes:tt)*} ($open:expr) $module:ident [$case:ident $($more:ident)*]) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $($attributes)*
        async fn $case() {
            let (_guard, store) = $open.await;
            $crate::conformance::$module::$case(store).await;
        }
        $crate::conformance_cases! { {$($attributes)*} ($open) $module [$($more)*] }
    };
}

/// Numbers that look random and are the same in every run (Steele et al., SplitMix64).
pub(crate) struct Numbers(pub u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// Keys that sort differently by bytes, by folder, by case or by UTF-16. None is a folder of another.
pub(crate) const AWKWARD: [&str; 24] = [
    "!",
    "%41",
    "A",
    "a b",
    "a&<b>'\"",
    "a+b",
    "a-b",
    "a.b",
    "a/b",
    "a/b-c/d",
    "a/b.c",
    "a/b0",
    "a/ü/x",
    "a0",
    "aA",
    "b/.c",
    "b/..c",
    "b/...",
    "b/c",
    "~",
    "ü",
    "日本/語",
    "\u{FFFD}",
    "𐀀",
];

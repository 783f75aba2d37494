//! A short run of the fuzz program: `cargo run --release -p palate-service --example fuzz` is the long one.
#![allow(clippy::unwrap_used)]

mod fuzzing;

use std::sync::atomic::AtomicU64;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_fuzzed_requests_meet_no_panic_no_hang_and_no_server_error() {
    const REQUESTS: u64 = 20_000;
    let done = AtomicU64::new(0);
    let mut report = fuzzing::run(1, 0..REQUESTS / 2, &done).await;
    // As the program does with its shares.
    report.add(fuzzing::run(1, REQUESTS / 2..REQUESTS, &done).await);
    assert!(report.broken.is_empty(), "{report}");
    assert_eq!(report.requests(), REQUESTS);
    // It would prove little if everything were refused, or if operations were left out.
    let count = |class: usize| report.operations.values().map(|counts| counts[class]).sum::<u64>();
    assert!(count(0) > REQUESTS / 50 && count(1) > REQUESTS / 4, "{report}");
    assert_eq!(report.operations.len(), 80, "{report}");
}

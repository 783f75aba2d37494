//! Dataset import jobs; compaction of what was streamed, told by the table's stream.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    palate_wiring::serve_import_worker().await
}

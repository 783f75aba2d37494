//! Batch inference jobs, asked for through the API or by an upload.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    palate_wiring::serve_batch_worker().await
}

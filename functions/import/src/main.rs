//! Dataset import jobs.

use palate_service::JobKind;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    palate_wiring::serve_worker(JobKind::Import).await
}

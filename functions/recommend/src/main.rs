//! Recommendations and rankings from campaigns.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    palate_wiring::serve_api().await
}

//! The control plane's operations, and the sweep after abandoned jobs.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    palate_wiring::serve_control().await
}

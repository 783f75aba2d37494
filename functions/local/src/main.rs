//! `palate`: Amazon Personalize's API in one local process.

mod app;
mod check;
mod cli;
mod client;
mod clock;
mod console;
mod demo;
mod edge;
mod explain;
mod insights;
mod installation;
mod jobs;
mod keys;
mod live;
mod logs;
mod look;
mod notification;
mod own;
mod report;
mod route;
mod s3;
mod server;
mod signals;
mod workers;

use std::{error::Error, process::ExitCode, time::Duration};

use clap::Parser;

use crate::{
    cli::{Cli, Command, LogFormat, Serve},
    console::say,
    installation::Installation,
    signals::Signals,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (level, format) = match &cli.command {
        Command::Serve(options) => ("info", options.log_format),
        // What goes well is on the screen already.
        _ => ("warn", LogFormat::Text),
    };
    logs::begin(level, format);

    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => serve(&options).await,
            Command::Demo(options) => demo::run(options).await,
            Command::Keys(command) => keys::run(command).await,
            Command::Check(options) => check::run(options).await,
            Command::Insights(options) => insights::run(options).await,
            Command::Jobs(options) => jobs::run(options).await,
            Command::Report(options) => report::run(options).await,
            Command::Explain(options) => explain::run(options).await,
        }
    });
    // Jobs that compute cannot be interrupted; they are not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

async fn serve(options: &Serve) -> Result<(), Box<dyn Error + Send + Sync>> {
    let signals = Signals::catch()?;
    let palate = Installation::start(options).await?;
    let url = format!("http://{}", palate.address());
    say!("Palate {} listens on {url}", env!("CARGO_PKG_VERSION"));
    say!();
    for line in console::exports(&url, palate.auth()) {
        say!("{line}");
    }
    say!();
    if !options.quotas.is_empty() {
        say!("Quotas: {}", options.quotas.join(", "));
        say!();
    }
    signals.first().await;
    palate.stop().await;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the process ends here")]
fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("palate: {}", workers::chain(error));
    ExitCode::FAILURE
}

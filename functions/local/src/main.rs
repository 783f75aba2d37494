//! `palate`: Amazon Personalize's API in one local process.

mod app;
mod cli;
mod client;
mod console;
mod demo;
mod installation;
mod notification;
mod route;
mod s3;
mod server;
mod signals;
mod workers;

use std::{error::Error, io::IsTerminal, process::ExitCode, time::Duration};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Cli, Command, Serve},
    console::say,
    installation::Installation,
    signals::Signals,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // s3s logs whole requests, and object keys are the users'.
    let level = match &cli.command {
        Command::Serve(_) => "info",
        // What goes well is on the screen already.
        Command::Demo(_) => "warn",
    };
    let quiet = || EnvFilter::new(format!("{level},s3s=off,s3s_fs=off"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
    // Colours are for people: a log file gets none.
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();

    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => serve(&options).await,
            Command::Demo(options) => demo::run(options).await,
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
    for line in console::exports(&url) {
        say!("{line}");
    }
    say!();
    signals.first().await;
    palate.stop().await;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the process ends here")]
fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("palate: {}", workers::chain(error));
    ExitCode::FAILURE
}

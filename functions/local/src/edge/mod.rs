//! What holds before a request is anybody's: how large, how many, how slow.
//!
//! Whatever clients do, the process holds at most `--max-connections` connections, each with a head of at most
//! [`heads::MAX_BYTES`] and one small body, and [`budget`]'s bytes of large bodies.

pub mod body;
pub mod budget;
pub mod heads;
pub mod patience;
pub mod refusal;

use std::time::Duration;

use clap::Args;

/// How long a client may keep the process waiting, and how many may.
#[derive(Debug, Clone, Args)]
pub struct Limits {
    /// Connections at a time; more wait until one ends
    #[arg(long, hide = true, default_value_t = Limits::default().max_connections)]
    pub max_connections: usize,
    /// For the head of a request, from the end of the one before
    #[arg(long, hide = true, default_value_t = Limits::default().header_timeout_ms)]
    pub header_timeout_ms: u64,
    /// Without a byte of a body, or without one taken of an answer
    #[arg(long, hide = true, default_value_t = Limits::default().body_timeout_ms)]
    pub body_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 1024, header_timeout_ms: 30_000, body_timeout_ms: 30_000 }
    }
}

impl Limits {
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// A body that is held in memory must be there after four times the patience with one piece of it: who
    /// sends a byte now and then holds nobody up for long. Uploads to S3 may take what they take.
    pub fn whole_body_timeout(&self) -> Duration {
        self.body_timeout() * 4
    }

    /// Half of the files that the process may have open are for connections, since each request opens some.
    pub fn connections(&self) -> usize {
        let files = open_files().map_or(usize::MAX, |files| files / 2);
        self.max_connections.min(files).max(1)
    }
}

/// How many files the process may have open, where the system says so.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

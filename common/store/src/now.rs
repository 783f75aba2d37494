use std::{fmt, sync::Arc, time::SystemTime};

/// What tells a store the time: which records have ended by themselves is a matter of the moment.
#[derive(Clone)]
pub struct Now(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Now {
    /// `seconds` gives whole seconds since the Unix epoch.
    pub fn by(seconds: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(seconds))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::by(|| SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs()))
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn seconds(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

use serde::{Deserialize, Serialize};

/// The states that the wire knows, with its spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    #[serde(rename = "CREATE PENDING")]
    CreatePending,
    #[serde(rename = "CREATE IN_PROGRESS")]
    CreateInProgress,
    #[serde(rename = "ACTIVE")]
    Active,
    #[serde(rename = "CREATE FAILED")]
    CreateFailed,
}

impl Status {
    /// Nothing is going on: the resource may be changed or deleted.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Active | Self::CreateFailed)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CreatePending => "CREATE PENDING",
            Self::CreateInProgress => "CREATE IN_PROGRESS",
            Self::Active => "ACTIVE",
            Self::CreateFailed => "CREATE FAILED",
        })
    }
}

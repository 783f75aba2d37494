use serde::{Deserialize, Serialize};

/// The states that the wire knows, with its spaces. The last four are those of data deletion jobs.
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
    #[serde(rename = "CREATE STOPPING")]
    CreateStopping,
    #[serde(rename = "CREATE STOPPED")]
    CreateStopped,
    #[serde(rename = "INACTIVE")]
    Inactive,
    #[serde(rename = "STOP PENDING")]
    StopPending,
    #[serde(rename = "STOP IN_PROGRESS")]
    StopInProgress,
    #[serde(rename = "START PENDING")]
    StartPending,
    #[serde(rename = "START IN_PROGRESS")]
    StartInProgress,
    #[serde(rename = "PENDING")]
    Pending,
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
    #[serde(rename = "COMPLETED")]
    Completed,
    #[serde(rename = "FAILED")]
    Failed,
}

impl Status {
    /// Nothing is going on: the resource may be changed or deleted.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Active | Self::CreateFailed | Self::CreateStopped | Self::Inactive | Self::Completed | Self::Failed
        )
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CreatePending => "CREATE PENDING",
            Self::CreateInProgress => "CREATE IN_PROGRESS",
            Self::Active => "ACTIVE",
            Self::CreateFailed => "CREATE FAILED",
            Self::CreateStopping => "CREATE STOPPING",
            Self::CreateStopped => "CREATE STOPPED",
            Self::Inactive => "INACTIVE",
            Self::StopPending => "STOP PENDING",
            Self::StopInProgress => "STOP IN_PROGRESS",
            Self::StartPending => "START PENDING",
            Self::StartInProgress => "START IN_PROGRESS",
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        })
    }
}

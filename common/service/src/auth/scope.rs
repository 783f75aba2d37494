use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::wire::Api;

/// What an access key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Recommendations: `personalize-runtime`.
    Read,
    /// Streamed events, items, users and actions: `personalize-events`.
    Events,
    /// Everything: the control plane, the local S3 endpoint, and what the other two are for.
    Admin,
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Events => "events",
            Self::Admin => "admin",
        }
    }

    /// What a key must be for to call an API.
    pub(crate) fn of(api: Api) -> Self {
        match api {
            Api::Control => Self::Admin,
            Api::Runtime => Self::Read,
            Api::Events => Self::Events,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Read, Self::Events, Self::Admin]
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| format!("there is no scope {text:?}: it is read, events or admin"))
    }
}

/// Everything that one access key is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    pub fn allow(&self, needed: Scope) -> bool {
        self.0.contains(&needed) || self.0.contains(&Scope::Admin)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_its_own_api_and_admin_allows_all() {
        let allowed = |scopes: &[Scope]| {
            let scopes: Scopes = scopes.iter().copied().collect();
            [Api::Control, Api::Runtime, Api::Events].map(|api| scopes.allow(Scope::of(api)))
        };
        assert_eq!(allowed(&[Scope::Read]), [false, true, false]);
        assert_eq!(allowed(&[Scope::Events]), [false, false, true]);
        assert_eq!(allowed(&[Scope::Read, Scope::Events]), [false, true, true]);
        assert_eq!(allowed(&[Scope::Admin]), [true, true, true]);
        assert_eq!(allowed(&[]), [false, false, false]);
    }

    #[test]
    fn a_scope_is_read_by_its_name() {
        assert_eq!("events".parse(), Ok(Scope::Events));
        assert!("write".parse::<Scope>().is_err_and(|error| error.contains("read, events or admin")));
    }
}

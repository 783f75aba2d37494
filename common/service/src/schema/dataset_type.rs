/// The five types of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DatasetType {
    Interactions,
    Items,
    Users,
    Actions,
    ActionInteractions,
}

impl DatasetType {
    const ALL: [Self; 5] = [Self::Interactions, Self::Items, Self::Users, Self::Actions, Self::ActionInteractions];

    /// Reads the API's spelling, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text))
    }

    /// Reads the name of an Avro record, in any case.
    pub(super) fn of_record(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.record().eq_ignore_ascii_case(name))
    }

    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActionInteractions => "Action_Interactions",
            other => other.record(),
        }
    }

    /// As Avro records are named, without underscores.
    pub(super) fn record(self) -> &'static str {
        match self {
            Self::Interactions => "Interactions",
            Self::Items => "Items",
            Self::Users => "Users",
            Self::Actions => "Actions",
            Self::ActionInteractions => "ActionInteractions",
        }
    }

    /// The last part of a dataset's ARN.
    pub fn arn_suffix(self) -> &'static str {
        match self {
            Self::Interactions => "INTERACTIONS",
            Self::Items => "ITEMS",
            Self::Users => "USERS",
            Self::Actions => "ACTIONS",
            Self::ActionInteractions => "ACTION_INTERACTIONS",
        }
    }

    /// How many fields of the user's own a schema may have.
    pub(super) fn max_metadata(self) -> usize {
        match self {
            Self::Interactions | Self::ActionInteractions => 5,
            Self::Actions => 10,
            Self::Users => 25,
            Self::Items => 100,
        }
    }

    /// Whether rows must say more than who or what they are about.
    pub(super) fn needs_metadata(self) -> bool {
        matches!(self, Self::Items | Self::Users | Self::Actions)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(DatasetType::parse("interactions"), Some(DatasetType::Interactions));
        assert_eq!(DatasetType::parse("ACTION_INTERACTIONS"), Some(DatasetType::ActionInteractions));
        assert_eq!(DatasetType::parse("ActionInteractions"), None);
        assert_eq!(DatasetType::of_record("ActionInteractions"), Some(DatasetType::ActionInteractions));
        for kind in DatasetType::ALL {
            assert_eq!(DatasetType::parse(kind.name()), Some(kind));
            assert_eq!(DatasetType::parse(kind.arn_suffix()), Some(kind));
        }
    }
}

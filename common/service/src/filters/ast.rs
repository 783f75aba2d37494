//! What an expression says, once it is read.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::number::Number;

/// What a filter keeps or drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Item,
    Action,
    User,
}

/// A dataset that conditions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatasetName {
    Items,
    Interactions,
    Users,
    Actions,
    ActionInteractions,
}

/// Stands for any event type.
pub(super) const ANY_EVENT: &str = "*";

/// A filter expression that keeps every rule that can be checked without schemas.
///
/// Names of fields are in upper case, so two expressions are equal if they mean the same word for word.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub(super) target: Target,
    /// What stands between the `|`; at least one.
    pub(super) clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    pub include: bool,
    /// Joined by OR; in each at least one condition, joined by AND. All are about one dataset.
    pub any_of: Vec<Vec<Condition>>,
    /// What follows IF, joined by AND; all are about Users.
    pub only_if: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub dataset: DatasetName,
    pub field: String,
    pub test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    In { not: bool, members: Members },
    Compare { op: Op, with: Scalar },
}

/// What stands behind IN.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Members {
    Listed(Vec<Literal>),
    Parameter(String),
    CurrentItem(String),
}

/// What stands behind a comparison operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Literal(Literal),
    Parameter(String),
    CurrentItem(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(Number),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Target {
    /// The word in expressions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Item => "ItemID",
            Self::Action => "ActionID",
            Self::User => "UserID",
        }
    }

    /// The datasets that conditions for this target may be about.
    pub(super) fn datasets(self) -> [DatasetName; 2] {
        match self {
            Self::Item => [DatasetName::Items, DatasetName::Interactions],
            Self::Action => [DatasetName::Actions, DatasetName::ActionInteractions],
            Self::User => [DatasetName::Users, DatasetName::Interactions],
        }
    }
}

impl DatasetName {
    /// The word in expressions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "Items",
            Self::Interactions => "Interactions",
            Self::Users => "Users",
            Self::Actions => "Actions",
            Self::ActionInteractions => "Action_Interactions",
        }
    }

    /// Whether its rows are events, of which a filter sees the type only.
    pub fn is_history(self) -> bool {
        matches!(self, Self::Interactions | Self::ActionInteractions)
    }
}

impl Literal {
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.to_string().into(),
        }
    }

    /// Numbers may stand in quotes, as they do in requests.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Text(text) => Number::parse(text.trim()),
            Self::Number(number) => Some(*number),
        }
    }
}

impl Test {
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::In { members: Members::Parameter(name), .. }
            | Self::Compare { with: Scalar::Parameter(name), .. } => Some(name),
            _ => None,
        }
    }

    /// The field of the current item that it looks at.
    pub fn current_item(&self) -> Option<&str> {
        match self {
            Self::In { members: Members::CurrentItem(field), .. }
            | Self::Compare { with: Scalar::CurrentItem(field), .. } => Some(field),
            _ => None,
        }
    }
}

impl Clause {
    /// All its conditions, those behind IF last.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.any_of.iter().flatten().chain(&self.only_if)
    }

    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.conditions().filter_map(|condition| condition.test.parameter())
    }
}

impl Expression {
    pub fn target(&self) -> Target {
        self.target
    }

    /// All fields, in upper case: those of `CurrentUser` are fields of Users, those of `CurrentItem` of Items.
    pub fn fields(&self) -> BTreeSet<(DatasetName, String)> {
        let of = |condition: &Condition| {
            let own = (condition.dataset, condition.field.clone());
            let current = condition.test.current_item().map(|field| (DatasetName::Items, field.to_owned()));
            std::iter::once(own).chain(current)
        };
        self.conditions().flat_map(of).collect()
    }

    /// Whether what the requesting user did decides, so that a request must say who that is.
    pub fn uses_history(&self) -> bool {
        self.conditions().any(|condition| condition.dataset.is_history())
    }

    pub fn uses_current_user(&self) -> bool {
        self.clauses.iter().any(|clause| !clause.only_if.is_empty())
    }

    pub fn uses_current_item(&self) -> bool {
        self.conditions().any(|condition| condition.test.current_item().is_some())
    }

    /// The parameters, whose values a request gives as `filterValues`.
    pub fn parameters(&self) -> BTreeSet<String> {
        self.clauses.iter().flat_map(Clause::parameters).map(str::to_owned).collect()
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.clauses.iter().flat_map(Clause::conditions)
    }
}

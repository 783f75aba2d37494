//! A plan and a request: the rows that are left.

use std::collections::HashMap;

use super::error::FilterError;
use super::evaluate::{Context, matches, missing, no_history, user_satisfies};
use super::plan::{AskedClause, Group, Plan, unite};
use super::values::Given;
use super::{Columns, RowSet};

/// What a request brings along.
pub struct Asked<'a> {
    /// `filterValues`, as they came.
    pub values: &'a HashMap<String, String>,
    /// The columns of Users and the row of the requesting user, if it has one; `None` if nobody is named.
    pub user: Option<(&'a Columns, Option<u32>)>,
    /// The row of the item that the request is about. `None`, also for an item that is not known, counts as
    /// an item whose fields are all null.
    pub current_item: Option<u32>,
    /// What the requesting user did; `None` if nobody is named.
    pub history: Option<&'a dyn History>,
}

/// The events that a filter sees.
pub trait History {
    /// The rows with an event of one of these types, whatever the case of their letters; `None`: of any
    /// type. For items and actions the requesting user's own events; for users, the users with such events.
    /// In any order, and more than once if it is easier.
    fn rows(&self, event_types: Option<&[String]>) -> Vec<u32>;
}

impl Plan {
    /// The rows that the filter leaves.
    ///
    /// Without a value for one of its parameters, an EXCLUDE is passed over.
    ///
    /// # Errors
    /// If a parameter of an INCLUDE has no value, a value is not written as it should or is not the number
    /// that is compared with, a name in `values` is not a parameter; if the filter looks at the user or at
    /// interactions, and there are none; if `columns` are not those of the plan.
    pub fn apply(&self, columns: &Columns, asked: &Asked<'_>) -> Result<RowSet, FilterError> {
        if columns.n_rows() != self.n_rows {
            let (plan, now) = (self.n_rows, columns.n_rows());
            let message = format!("The filter was compiled for {plan} rows, and there are {now}: compile it again.");
            return Err(FilterError::asked(message));
        }
        let given = Given::read(asked.values, &self.parameters)?;
        if self.uses_history && asked.history.is_none() {
            return Err(no_history());
        }
        if self.uses_current_user && asked.user.is_none() {
            return Err(FilterError::asked("The filter looks at CurrentUser, so the request needs a userId."));
        }
        let context =
            Context { columns, given: Some(&given), current_item: asked.current_item, history: asked.history };
        let (mut included, mut excluded) = (self.included.clone(), self.excluded.clone());
        for clause in &self.asked {
            if let Some(name) = clause.parameters.iter().find(|name| !given.has(name)) {
                if clause.include {
                    return Err(missing(name));
                }
                continue;
            }
            if !clause.applies(asked, &given)? {
                continue;
            }
            for group in &clause.any_of {
                unite(if clause.include { &mut included } else { &mut excluded }, group.rows(&context)?);
            }
        }
        let mut rows = included.unwrap_or_else(|| RowSet::all(self.n_rows));
        if let Some(excluded) = excluded {
            rows.subtract(&excluded);
        }
        Ok(rows)
    }
}

impl AskedClause {
    /// Whether all that stands behind IF is so.
    fn applies(&self, asked: &Asked<'_>, given: &Given<'_>) -> Result<bool, FilterError> {
        let Some((users, row)) = asked.user else { return Ok(true) };
        for condition in &self.only_if {
            if !user_satisfies(condition, users, row, given)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Group {
    fn rows(&self, context: &Context<'_>) -> Result<RowSet, FilterError> {
        let mut left = self.fixed.clone();
        for condition in &self.asked {
            let rows = matches(condition, context)?;
            match &mut left {
                Some(left) => left.intersect(&rows),
                none => *none = Some(rows),
            }
        }
        Ok(left.unwrap_or_else(|| RowSet::none(context.columns.n_rows())))
    }
}

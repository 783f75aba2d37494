//! An expression made ready for the columns that it will be asked about.

use std::collections::BTreeSet;

use super::ast::{Clause, Condition, Expression};
use super::error::FilterError;
use super::evaluate::{Context, matches};
use super::{Columns, RowSet};

/// A filter compiled against columns: what no request changes is a set of rows already.
///
/// It belongs to the columns that it was compiled against and is compiled again when they change.
#[derive(Debug)]
pub struct Plan {
    pub(super) n_rows: usize,
    /// The union of the INCLUDEs that no request changes; `None` if there are none.
    pub(super) included: Option<RowSet>,
    /// The union of such EXCLUDEs.
    pub(super) excluded: Option<RowSet>,
    /// The other clauses.
    pub(super) asked: Vec<AskedClause>,
    pub(super) parameters: BTreeSet<String>,
    pub(super) uses_history: bool,
    pub(super) uses_current_user: bool,
}

#[derive(Debug)]
pub(super) struct AskedClause {
    pub include: bool,
    pub any_of: Vec<Group>,
    pub only_if: Vec<Condition>,
    pub parameters: BTreeSet<String>,
}

/// Conditions joined by AND.
#[derive(Debug)]
pub(super) struct Group {
    /// What the conditions that no request changes leave.
    pub fixed: Option<RowSet>,
    pub asked: Vec<Condition>,
}

impl Plan {
    /// Evaluates what can be known without a request.
    ///
    /// # Errors
    /// If the columns lack a field of the expression, or have it with another type.
    pub fn compile(expression: &Expression, columns: &Columns) -> Result<Self, FilterError> {
        let mut plan = Self {
            n_rows: columns.n_rows(),
            included: None,
            excluded: None,
            asked: Vec::new(),
            parameters: expression.parameters(),
            uses_history: expression.uses_history(),
            uses_current_user: expression.uses_current_user(),
        };
        for clause in &expression.clauses {
            let any_of: Vec<Group> =
                clause.any_of.iter().map(|group| Group::compile(group, columns)).collect::<Result<_, _>>()?;
            if clause.only_if.is_empty() && any_of.iter().all(|group| group.asked.is_empty()) {
                let into = if clause.include { &mut plan.included } else { &mut plan.excluded };
                any_of.into_iter().filter_map(|group| group.fixed).for_each(|rows| unite(into, rows));
            } else {
                plan.asked.push(AskedClause::new(clause, any_of));
            }
        }
        Ok(plan)
    }

    /// Bytes held in memory, roughly.
    pub fn bytes(&self) -> usize {
        let groups = self.asked.iter().flat_map(|clause| &clause.any_of);
        let sets = groups.filter_map(|group| group.fixed.as_ref()).chain(&self.included).chain(&self.excluded);
        sets.map(|set| 8 * set.words().len()).sum()
    }
}

impl AskedClause {
    fn new(clause: &Clause, any_of: Vec<Group>) -> Self {
        let parameters = clause.parameters().map(str::to_owned).collect();
        Self { include: clause.include, any_of, only_if: clause.only_if.clone(), parameters }
    }
}

impl Group {
    fn compile(conditions: &[Condition], columns: &Columns) -> Result<Self, FilterError> {
        let mut group = Self { fixed: None, asked: Vec::new() };
        for condition in conditions {
            let waits = condition.dataset.is_history()
                || condition.test.parameter().is_some()
                || condition.test.current_item().is_some();
            if waits {
                check_fields(condition, columns)?;
                group.asked.push(condition.clone());
                continue;
            }
            let rows = matches(condition, &Context::of(columns))?;
            match &mut group.fixed {
                Some(fixed) => fixed.intersect(&rows),
                none => *none = Some(rows),
            }
        }
        Ok(group)
    }
}

/// Whether the fields are there that a request will be compared with.
fn check_fields(condition: &Condition, columns: &Columns) -> Result<(), FilterError> {
    if condition.dataset.is_history() {
        return Ok(());
    }
    if !columns.has(&condition.field) {
        return Err(no_field(&condition.field));
    }
    match condition.test.current_item() {
        // Ids are not kept as values, so only ids can be compared with one.
        Some(field) if !columns.has(field) || columns.is_id(field) && !columns.is_id(&condition.field) => {
            Err(no_field(field))
        }
        _ => Ok(()),
    }
}

pub(super) fn no_field(field: &str) -> FilterError {
    FilterError::unsuited(format!("the dataset has no field {field} to filter on."))
}

/// Adds rows to a set that may not be there yet.
pub(super) fn unite(set: &mut Option<RowSet>, rows: RowSet) {
    match set {
        Some(set) => set.unite(&rows),
        none => *none = Some(rows),
    }
}

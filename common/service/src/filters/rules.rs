//! Whether the fields of an expression are there and can be filtered on as it does.

use palate_recipes::parts::ColumnType;

use super::Field;
use super::ast::{Condition, DatasetName, Expression, Literal, Members, Op, Scalar, Test};
use super::error::FilterError;

/// Fields of actions that decide by themselves which actions are recommended.
const AUTOMATIC: [&str; 3] = ["EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"];

impl Expression {
    /// Checks the expression against the schemas: `known` gives a dataset's fields, `None` if there is no
    /// such dataset.
    ///
    /// # Errors
    /// Names the field, and what can be done instead.
    pub fn check_fields(&self, known: &dyn Fn(DatasetName) -> Option<Vec<Field>>) -> Result<(), FilterError> {
        for clause in &self.clauses {
            for condition in clause.any_of.iter().flatten() {
                check(condition, "", known)?;
            }
            for condition in &clause.only_if {
                check(condition, "CurrentUser", known)?;
            }
        }
        Ok(())
    }
}

type Known<'a> = &'a dyn Fn(DatasetName) -> Option<Vec<Field>>;

/// `word`: how the expression calls the dataset, if not by its name.
fn check(condition: &Condition, word: &str, known: Known<'_>) -> Result<(), FilterError> {
    let dataset = condition.dataset;
    let in_if = !word.is_empty();
    let shown = format!("{}.{}", if in_if { word } else { dataset.name() }, condition.field);
    let field = find(dataset, &condition.field, &shown, known)?;
    if dataset.is_history() {
        return Ok(());
    }
    filterable(dataset, &field, &shown)?;
    if let Some(name) = condition.test.current_item() {
        let current = format!("CurrentItem.{name}");
        let other = find(DatasetName::Items, name, &current, known)?;
        filterable(DatasetName::Items, &other, &current)?;
        if is_text(&field) != is_text(&other) {
            let (text, number) = if is_text(&field) { (&shown, &current) } else { (&current, &shown) };
            let problem = format!("{text} is a string and {number} a number, which never are equal.");
            return Err(FilterError::unsuited(problem));
        }
    }
    match &condition.test {
        Test::Compare { op, with } if is_text(&field) => {
            if !in_if || !matches!(op, Op::Equal | Op::NotEqual) {
                let instead = if matches!(with, Scalar::CurrentItem(_)) { "" } else { " (...)" };
                let problem = format!(
                    "{shown} is a string, and {} compares numbers; use {shown} IN{instead} or NOT IN{instead}.",
                    op.sign()
                );
                return Err(FilterError::unsuited(problem));
            }
            Ok(())
        }
        Test::Compare { with: Scalar::Literal(literal), .. } => numeric(literal, &shown),
        Test::In { members: Members::Listed(literals), .. } if !is_text(&field) => {
            literals.iter().try_for_each(|literal| numeric(literal, &shown))
        }
        _ => Ok(()),
    }
}

fn find(dataset: DatasetName, name: &str, shown: &str, known: Known<'_>) -> Result<Field, FilterError> {
    let fields = known(dataset).ok_or_else(|| {
        let problem = format!("{shown} needs the dataset {}, which the dataset group does not have.", dataset.name());
        FilterError::unsuited(problem)
    })?;
    let found = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
        let (dataset, names) = (dataset.name(), names.join(", "));
        FilterError::unsuited(format!("{shown}: the schema of {dataset} has no such field; it has {names}."))
    })
}

fn filterable(dataset: DatasetName, field: &Field, shown: &str) -> Result<(), FilterError> {
    let problem = if field.kind == ColumnType::Boolean {
        "is boolean, which cannot be filtered on; store it as a string (\"True\", \"False\") or a number (0, 1)."
    } else if field.textual {
        "is textual, which cannot be filtered on; use a categorical field."
    } else if dataset == DatasetName::Actions && AUTOMATIC.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
        "cannot be filtered on, since it always applies by itself."
    } else {
        return Ok(());
    };
    Err(FilterError::unsuited(format!("{shown} {problem}")))
}

fn numeric(literal: &Literal, shown: &str) -> Result<(), FilterError> {
    match literal.number() {
        Some(_) => Ok(()),
        None => Err(FilterError::unsuited(format!("{shown} is a number, and {literal} is not."))),
    }
}

fn is_text(field: &Field) -> bool {
    field.kind == ColumnType::String
}

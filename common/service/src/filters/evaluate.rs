//! One condition at a time: the rows that satisfy it, or whether the requesting user does.

use std::borrow::Cow;

use super::RowSet;
use super::apply::History;
use super::ast::{ANY_EVENT, Condition, Literal, Members, Op, Scalar, Test};
use super::columns::{Column, Columns, TextColumn, is_among, several};
use super::error::FilterError;
use super::number::Number;
use super::plan::no_field;
use super::values::Given;

/// What a condition may look at.
pub(super) struct Context<'a> {
    pub columns: &'a Columns,
    pub given: Option<&'a Given<'a>>,
    pub current_item: Option<u32>,
    pub history: Option<&'a dyn History>,
}

/// What a field is compared with.
enum Values<'a> {
    Literals(&'a [Literal]),
    Parameter(&'a str, &'a Given<'a>),
    /// The values of the current item, none if it has none.
    Own(Vec<Literal>),
}

impl<'a> Context<'a> {
    /// What is known without a request.
    pub fn of(columns: &'a Columns) -> Self {
        Self { columns, given: None, current_item: None, history: None }
    }

    fn values(&self, test: &'a Test) -> Result<Values<'a>, FilterError> {
        Ok(match test {
            Test::In { members: Members::Listed(literals), .. } => Values::Literals(literals),
            Test::Compare { with: Scalar::Literal(literal), .. } => Values::Literals(std::slice::from_ref(literal)),
            Test::In { members: Members::Parameter(name), .. }
            | Test::Compare { with: Scalar::Parameter(name), .. } => {
                let given = self.given.filter(|given| given.has(name)).ok_or_else(|| missing(name))?;
                Values::Parameter(name, given)
            }
            Test::In { members: Members::CurrentItem(field), .. }
            | Test::Compare { with: Scalar::CurrentItem(field), .. } => Values::Own(self.of_current_item(field)?),
        })
    }

    fn of_current_item(&self, field: &str) -> Result<Vec<Literal>, FilterError> {
        let column = self.columns.column(field).ok_or_else(|| no_field(field))?;
        let Some(row) = self.current_item else { return Ok(Vec::new()) };
        Ok(match column {
            Column::Number(column) => column.number(row).map(Literal::Number).into_iter().collect(),
            Column::Text(column) => {
                let text = column.text(row).unwrap_or_default();
                let whole = column.text(row).into_iter();
                whole.chain(several(text)).map(|part| Literal::Text(part.into())).collect()
            }
        })
    }
}

impl Values<'_> {
    fn texts(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::Literals(literals) => literals.iter().map(Literal::text).collect(),
            Self::Own(literals) => literals.iter().map(Literal::text).collect(),
            Self::Parameter(name, given) => given.all(name).iter().map(Cow::from).collect(),
        }
    }

    fn numbers(&self) -> Result<Vec<Number>, FilterError> {
        match self {
            Self::Literals(literals) => literals.iter().map(numeric).collect(),
            Self::Own(literals) => literals.iter().map(numeric).collect(),
            Self::Parameter(name, given) => given.numbers(name),
        }
    }

    /// The one number of a comparison; `None` if the current item has none.
    fn number(&self) -> Result<Option<Number>, FilterError> {
        match self {
            Self::Parameter(name, given) => given.number(name).map(Some),
            Self::Literals(_) | Self::Own(_) => Ok(self.numbers()?.first().copied()),
        }
    }
}

fn numeric(literal: &Literal) -> Result<Number, FilterError> {
    literal.number().ok_or_else(|| FilterError::unsuited(format!("{literal} is compared with a number.")))
}

pub(super) fn missing(name: &str) -> FilterError {
    FilterError::asked(format!("The filter needs a value for its parameter {name}: give filterValues.{name}."))
}

/// The rows that satisfy a condition.
pub(super) fn matches(condition: &Condition, context: &Context<'_>) -> Result<RowSet, FilterError> {
    let mut rows = if condition.dataset.is_history() {
        in_history(&condition.test, context)?
    } else {
        in_columns(condition, context)?
    };
    if let Test::In { not: true, .. } = condition.test {
        rows.invert();
    }
    Ok(rows)
}

/// The rows with an event of one of the types.
fn in_history(test: &Test, context: &Context<'_>) -> Result<RowSet, FilterError> {
    let history = context.history.ok_or_else(no_history)?;
    let types: Vec<String> = context.values(test)?.texts().into_iter().map(Cow::into_owned).collect();
    let any = types.iter().any(|one| one == ANY_EVENT);
    Ok(RowSet::from_rows(&history.rows((!any).then_some(&types)), context.columns.n_rows()))
}

pub(super) fn no_history() -> FilterError {
    FilterError::asked("The filter looks at interactions, so the request needs a userId.")
}

fn in_columns(condition: &Condition, context: &Context<'_>) -> Result<RowSet, FilterError> {
    let (columns, field) = (context.columns, &condition.field);
    if columns.is_id(field) {
        return of_ids(condition, context);
    }
    let values = context.values(&condition.test)?;
    match (columns.column(field).ok_or_else(|| no_field(field))?, &condition.test) {
        (Column::Text(column), Test::In { .. }) if column.is_filterable() => {
            Ok(column.rows_with(values.texts().iter().map(AsRef::as_ref)))
        }
        (Column::Number(column), Test::In { .. }) => Ok(column.rows_with(values.numbers()?.into_iter())),
        (Column::Number(column), Test::Compare { op, .. }) => match values.number()? {
            Some(number) => Ok(column.rows_where(*op, number)),
            None => Ok(RowSet::none(columns.n_rows())),
        },
        (Column::Text(_), _) => Err(not_so(condition)),
    }
}

/// Ids have no column, so what is asked for is looked up.
fn of_ids(condition: &Condition, context: &Context<'_>) -> Result<RowSet, FilterError> {
    let columns = context.columns;
    let rows: Vec<u32> = match &condition.test {
        Test::Compare { .. } => return Err(not_so(condition)),
        Test::In { members: Members::CurrentItem(field), .. } if columns.is_id(field) => {
            context.current_item.into_iter().collect()
        }
        test @ Test::In { .. } => context.values(test)?.texts().iter().filter_map(|id| columns.row(id)).collect(),
    };
    Ok(RowSet::from_rows(&rows, columns.n_rows()))
}

fn not_so(condition: &Condition) -> FilterError {
    let (dataset, field, test) = (condition.dataset.name(), &condition.field, &condition.test);
    FilterError::unsuited(format!("{dataset}.{field} cannot be filtered on by{test}."))
}

/// Whether the user of a row satisfies a condition behind IF; `None`: a user of whom nothing is known.
pub(super) fn user_satisfies(
    condition: &Condition,
    users: &Columns,
    row: Option<u32>,
    given: &Given<'_>,
) -> Result<bool, FilterError> {
    let field = &condition.field;
    let context = Context { columns: users, given: Some(given), current_item: None, history: None };
    let values = context.values(&condition.test)?;
    if users.is_id(field) {
        let texts = values.texts();
        let is_one = row.is_some() && texts.iter().any(|id| users.row(id) == row);
        return Ok(match &condition.test {
            Test::In { not, .. } => is_one != *not,
            Test::Compare { op: Op::Equal, .. } => is_one,
            Test::Compare { op: Op::NotEqual, .. } => row.is_some() && !is_one,
            Test::Compare { .. } => return Err(not_so(condition)),
        });
    }
    match users.column(field).ok_or_else(|| no_field(field))? {
        Column::Text(column) if column.is_filterable() => text_satisfies(column, condition, &values, row),
        Column::Text(_) => Err(not_so(condition)),
        Column::Number(column) => match &condition.test {
            Test::In { not, .. } => {
                let numbers = values.numbers()?;
                let equal = |row| numbers.iter().any(|number| column.compares(row, Op::Equal, *number));
                Ok(row.is_some_and(equal) != *not)
            }
            Test::Compare { op, .. } => {
                let number = values.number()?;
                Ok(row.zip(number).is_some_and(|(row, number)| column.compares(row, *op, number)))
            }
        },
    }
}

fn text_satisfies(
    column: &TextColumn,
    condition: &Condition,
    values: &Values<'_>,
    row: Option<u32>,
) -> Result<bool, FilterError> {
    if let (Test::Compare { .. }, Values::Parameter(name, given)) = (&condition.test, values) {
        given.one(name)?;
    }
    let wanted = values.texts();
    let text = row.and_then(|row| column.text(row));
    let is_one = text.is_some_and(|text| is_among(text, |part| wanted.iter().any(|value| value == part)));
    match &condition.test {
        Test::In { not, .. } => Ok(is_one != *not),
        Test::Compare { op: Op::Equal, .. } => Ok(is_one),
        Test::Compare { op: Op::NotEqual, .. } => Ok(text.is_some() && !is_one),
        Test::Compare { .. } => Err(not_so(condition)),
    }
}

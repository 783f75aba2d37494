//! Filters: from an expression to the set of rows that may be recommended.
//!
//! [`Expression::parse`] reads an expression and checks all that needs no schema, [`Expression::check_fields`]
//! the rest. [`ColumnsBuilder`] encodes a dataset as [`Columns`]. [`Plan::compile`] evaluates what no request
//! changes, [`Plan::apply`] what one does. Plain values in, plain values out: nothing here knows a store.
//!
//! | meaning | rule |
//! |---|---|
//! | a chain | the union of its INCLUDEs (all rows if there are none), less the union of its EXCLUDEs |
//! | AND, OR | AND binds before OR |
//! | IF is false | the expression is passed over: an INCLUDE then restricts nothing |
//! | null | neither IN nor a comparison holds, `!=` included; NOT IN does |
//! | `a\|b` | IN holds if either value, or the whole, is listed; NOT IN is the contrary |
//! | numbers | compared as the column's type has them: 0.1 finds the float 0.1; a long is compared exactly |
//! | the field of the ids | goes with IN and NOT IN; its values are matched whole |

mod apply;
mod ast;
mod columns;
mod display;
mod error;
mod evaluate;
mod lexer;
mod number;
mod parser;
mod plan;
mod row_set;
mod rules;
#[cfg(test)]
mod tests;
mod values;

use palate_recipes::parts::ColumnType;

pub use apply::{Asked, History};
pub use ast::{DatasetName, Expression, Target};
pub use columns::{Columns, ColumnsBuilder};
pub use error::FilterError;
pub use plan::Plan;
pub use row_set::RowSet;

/// A field of a dataset, as its schema has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: ColumnType,
    /// Free text, which cannot be filtered on.
    pub textual: bool,
}

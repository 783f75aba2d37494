//! Expressions in their canonical form, which reads back as the same expression.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{Clause, Condition, Expression, Literal, Members, Op, Scalar, Test};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, clause) in self.clauses.iter().enumerate() {
            if number > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{} {} WHERE ", if clause.include { "INCLUDE" } else { "EXCLUDE" }, self.target.name())?;
            clause.fmt(f)?;
        }
        Ok(())
    }
}

impl Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, group) in self.any_of.iter().enumerate() {
            if number > 0 {
                f.write_str(" OR ")?;
            }
            joined(group, |condition| condition.dataset.name(), f)?;
        }
        if !self.only_if.is_empty() {
            f.write_str(" IF ")?;
            joined(&self.only_if, |_| "CurrentUser", f)?;
        }
        Ok(())
    }
}

fn joined(conditions: &[Condition], of: fn(&Condition) -> &'static str, f: &mut Formatter<'_>) -> fmt::Result {
    for (number, condition) in conditions.iter().enumerate() {
        if number > 0 {
            f.write_str(" AND ")?;
        }
        write!(f, "{}.{}{}", of(condition), condition.field, condition.test)?;
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::In { not, members } => {
                f.write_str(if *not { " NOT IN " } else { " IN " })?;
                match members {
                    Members::Listed(literals) => {
                        f.write_char('(')?;
                        for (number, literal) in literals.iter().enumerate() {
                            if number > 0 {
                                f.write_str(", ")?;
                            }
                            literal.fmt(f)?;
                        }
                        f.write_char(')')
                    }
                    Members::Parameter(name) => write!(f, "(${name})"),
                    Members::CurrentItem(field) => write!(f, "CurrentItem.{field}"),
                }
            }
            Self::Compare { op, with } => {
                write!(f, " {} ", op.sign())?;
                match with {
                    Scalar::Literal(literal) => literal.fmt(f),
                    Scalar::Parameter(name) => write!(f, "${name}"),
                    Scalar::CurrentItem(field) => write!(f, "CurrentItem.{field}"),
                }
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Number(number) => return number.fmt(f),
            Self::Text(text) => text,
        };
        f.write_char('"')?;
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

impl Op {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

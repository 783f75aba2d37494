//! From text to [`Expression`].
//!
//! ```text
//! filter    := expr { "|" expr }
//! expr      := (INCLUDE | EXCLUDE) target WHERE condition { (AND | OR) condition } [ IF ifcond { AND ifcond } ]
//! condition := dataset.field [NOT] IN ( "(" values ")" | CurrentItem.field )
//!            | dataset.field op ( number | string | $name | "(" $name ")" | CurrentItem.field )
//! ifcond    := CurrentUser.field ( op value | [NOT] IN "(" values ")" )
//! values    := $name | value { "," value }
//! ```
//! Words are read in any case. AND binds before OR.

mod condition;

use super::ast::{Clause, Condition, Expression, Target};
use super::error::FilterError;
use super::lexer::{Placed, Token, tokens};

/// The longest expression, in characters.
const MAX_CHARS: usize = 2500;

impl Expression {
    /// Reads an expression and checks every rule that needs no schema.
    ///
    /// # Errors
    /// With the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.chars().take(MAX_CHARS + 1).count() > MAX_CHARS {
            let problem = format!("the expression is longer than {MAX_CHARS} characters.");
            return Err(FilterError::syntax(MAX_CHARS, problem));
        }
        let tokens = tokens(text)?;
        Parser { tokens: &tokens, next: 0 }.filter()
    }
}

struct Parser<'a> {
    tokens: &'a [Placed],
    next: usize,
}

/// Where a condition stands decides what it may say.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Where(Target),
    If,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token {
        self.tokens.get(self.next).map_or(&Token::End, |placed| &placed.token)
    }

    /// The place of the next token.
    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |placed| placed.at)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == token;
        self.next += usize::from(is_next);
        is_next
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.is_keyword(keyword);
        self.next += usize::from(is_next);
        is_next
    }

    /// The error that something else was expected in the place of the next token.
    fn expected(&self, what: impl AsRef<str>) -> FilterError {
        let (what, found) = (what.as_ref(), self.peek().shown());
        FilterError::syntax(self.at(), format!("expected {what}, found {found}."))
    }

    fn filter(mut self) -> Result<Expression, FilterError> {
        let (target, clause) = self.clause(None)?;
        let mut clauses = vec![clause];
        while self.eat(&Token::Bar) {
            clauses.push(self.clause(Some(target))?.1);
        }
        match self.peek() {
            Token::End => Ok(Expression { target, clauses }),
            _ => Err(self.expected("AND, OR, IF, | or the end of the expression")),
        }
    }

    fn clause(&mut self, earlier: Option<Target>) -> Result<(Target, Clause), FilterError> {
        let include = if self.eat_keyword("INCLUDE") {
            true
        } else if self.eat_keyword("EXCLUDE") {
            false
        } else {
            return Err(self.expected("INCLUDE or EXCLUDE"));
        };
        let at = self.at();
        let all = [Target::Item, Target::Action, Target::User];
        let target = all.into_iter().find(|target| self.eat_keyword(target.name()));
        let target = target.ok_or_else(|| self.expected("ItemID, ActionID or UserID"))?;
        if let Some(earlier) = earlier.filter(|earlier| *earlier != target) {
            let problem = format!("all expressions of a filter have one target, and the first has {}.", earlier.name());
            return Err(FilterError::syntax(at, problem));
        }
        if !self.eat_keyword("WHERE") {
            return Err(self.expected("WHERE"));
        }
        let any_of = self.alternatives(target)?;
        let mut only_if = Vec::new();
        if self.eat_keyword("IF") {
            only_if.push(self.condition(Place::If)?);
            while self.eat_keyword("AND") {
                only_if.push(self.condition(Place::If)?);
            }
            if self.is_keyword("OR") {
                return Err(FilterError::syntax(self.at(), "conditions behind IF are joined by AND only, found 'OR'."));
            }
            if self.is_keyword("IF") {
                return Err(FilterError::syntax(self.at(), "IF stands once, at the end of an expression."));
            }
        }
        Ok((target, Clause { include, any_of, only_if }))
    }

    fn alternatives(&mut self, target: Target) -> Result<Vec<Vec<Condition>>, FilterError> {
        let first = self.condition(Place::Where(target))?;
        let dataset = first.dataset;
        let mut any_of = vec![vec![first]];
        loop {
            let and = self.eat_keyword("AND");
            if !and && !self.eat_keyword("OR") {
                return Ok(any_of);
            }
            let at = self.at();
            let condition = self.condition(Place::Where(target))?;
            if condition.dataset != dataset {
                let (one, other) = (dataset.name(), condition.dataset.name());
                let problem = format!(
                    "an expression is about one dataset, and this one has {one} and {other}; put each into an \
                     expression of its own, joined by |."
                );
                return Err(FilterError::syntax(at, problem));
            }
            match any_of.last_mut() {
                Some(group) if and => group.push(condition),
                _ => any_of.push(vec![condition]),
            }
        }
    }
}

//! One condition, by where it stands and which dataset it is about.

use super::{Parser, Place};
use crate::filters::ast::{ANY_EVENT, Condition, DatasetName, Literal, Members, Scalar, Target, Test};
use crate::filters::error::FilterError;
use crate::filters::lexer::Token;

/// The longest name of a field.
const MAX_FIELD: usize = 150;
const EVENT_TYPE: &str = "EVENT_TYPE";

impl Parser<'_> {
    pub(super) fn condition(&mut self, place: Place) -> Result<Condition, FilterError> {
        let dataset = self.dataset(place)?;
        if !self.eat(&Token::Dot) {
            return Err(self.expected("'.' and the name of a field"));
        }
        let at = self.at();
        let field = self.field()?;
        if dataset.is_history() && field != EVENT_TYPE {
            let problem = format!("of {} only the field EVENT_TYPE can be filtered on.", dataset.name());
            return Err(FilterError::syntax(at, problem));
        }
        let test = self.test(place, dataset)?;
        Ok(Condition { dataset, field, test })
    }

    fn dataset(&mut self, place: Place) -> Result<DatasetName, FilterError> {
        let Token::Word(word) = self.peek() else {
            return Err(self.expected(match place {
                Place::Where(_) => "a condition such as Items.GENRE IN (\"comedy\")",
                Place::If => "a condition such as CurrentUser.AGE > 18",
            }));
        };
        let target = match place {
            Place::If if self.eat_keyword("CurrentUser") => return Ok(DatasetName::Users),
            Place::If => return Err(self.expected("CurrentUser, which alone can stand behind IF")),
            Place::Where(target) => target,
        };
        let known = match &*word.to_ascii_uppercase() {
            "ITEMS" => DatasetName::Items,
            "INTERACTIONS" => DatasetName::Interactions,
            "USERS" => DatasetName::Users,
            // The guide writes it both ways.
            "ACTIONS" | "ACTION" => DatasetName::Actions,
            "ACTION_INTERACTIONS" => DatasetName::ActionInteractions,
            "CURRENTUSER" => {
                return Err(FilterError::syntax(self.at(), "conditions on CurrentUser stand behind IF, at the end."));
            }
            "CURRENTITEM" => {
                let problem = "CurrentItem stands behind an operator, as in Items.PRICE < CurrentItem.PRICE.";
                return Err(FilterError::syntax(self.at(), problem));
            }
            _ => {
                let [one, other] = target.datasets().map(DatasetName::name);
                return Err(self.expected(format!("the dataset {one} or {other}")));
            }
        };
        let allowed = target.datasets();
        if !allowed.contains(&known) {
            let ([one, other], target) = (allowed.map(DatasetName::name), target.name());
            let problem = format!("filters for {target} are about {one} or {other}, not about {}.", known.name());
            return Err(FilterError::syntax(self.at(), problem));
        }
        self.next += 1;
        Ok(known)
    }

    /// The name of a field, in upper case.
    fn field(&mut self) -> Result<String, FilterError> {
        match self.peek() {
            Token::Word(name) if name.len() <= MAX_FIELD => {
                self.next += 1;
                Ok(name.to_ascii_uppercase())
            }
            Token::Word(_) => {
                Err(FilterError::syntax(self.at(), format!("the name of a field has at most {MAX_FIELD} characters.")))
            }
            _ => Err(self.expected("the name of a field")),
        }
    }

    fn test(&mut self, place: Place, dataset: DatasetName) -> Result<Test, FilterError> {
        let not = self.eat_keyword("NOT");
        if self.eat_keyword("IN") {
            let members = self.members(place, dataset, not)?;
            return Ok(Test::In { not, members });
        }
        if not {
            return Err(self.expected("IN behind NOT"));
        }
        let at = self.at();
        let Token::Op(op) = self.peek() else {
            return Err(self.expected("IN, NOT IN or one of = != < <= > >="));
        };
        if dataset.is_history() {
            let problem = format!("{}.EVENT_TYPE goes with IN and NOT IN only.", dataset.name());
            return Err(FilterError::syntax(at, problem));
        }
        self.next += 1;
        Ok(Test::Compare { op: *op, with: self.scalar(place, dataset)? })
    }

    fn members(&mut self, place: Place, dataset: DatasetName, not: bool) -> Result<Members, FilterError> {
        if let Some(field) = self.current_item(place, dataset)? {
            return Ok(Members::CurrentItem(field));
        }
        if !self.eat(&Token::Open) {
            return Err(self.expected("'(' and a list of values"));
        }
        let mut literals = Vec::new();
        loop {
            let at = self.at();
            match self.peek() {
                Token::Parameter(name) if not => {
                    let problem =
                        format!("Invalid input symbol: ${name}. Placeholders are not allowed with NOT_IN operator.");
                    return Err(FilterError::refused(at, problem));
                }
                Token::Parameter(name) if literals.is_empty() => {
                    self.next += 1;
                    return match self.peek() {
                        Token::Close => {
                            self.next += 1;
                            Ok(Members::Parameter(name.clone()))
                        }
                        _ => Err(self.expected(format!(
                            "')': the placeholder ${name} stands alone and can have several values"
                        ))),
                    };
                }
                _ => literals.push(self.literal(dataset, "a string, a number or a placeholder")?),
            }
            if self.eat(&Token::Close) {
                return Ok(Members::Listed(literals));
            }
            if !self.eat(&Token::Comma) {
                return Err(self.expected("',' or ')'"));
            }
            if let Token::Parameter(name) = self.peek()
                && !not
            {
                let problem =
                    format!("the placeholder ${name} cannot stand in a list; give it several values instead.");
                return Err(FilterError::syntax(self.at(), problem));
            }
        }
    }

    fn scalar(&mut self, place: Place, dataset: DatasetName) -> Result<Scalar, FilterError> {
        if let Some(field) = self.current_item(place, dataset)? {
            return Ok(Scalar::CurrentItem(field));
        }
        let open = self.eat(&Token::Open);
        if let Token::Parameter(name) = self.peek() {
            self.next += 1;
            if open && !self.eat(&Token::Close) {
                return Err(self.expected("')'"));
            }
            return Ok(Scalar::Parameter(name.clone()));
        }
        if open {
            return Err(self.expected("one placeholder between the parentheses"));
        }
        self.literal(dataset, "a number, a string or a placeholder").map(Scalar::Literal)
    }

    fn literal(&mut self, dataset: DatasetName, what: &str) -> Result<Literal, FilterError> {
        let literal = match self.peek() {
            Token::Text(text) if text == ANY_EVENT && !dataset.is_history() => {
                let problem = "\"*\" means any event type and goes with Interactions.EVENT_TYPE and \
                               Action_Interactions.EVENT_TYPE only.";
                return Err(FilterError::syntax(self.at(), problem));
            }
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Number(number) => Literal::Number(*number),
            _ => return Err(self.expected(what)),
        };
        self.next += 1;
        Ok(literal)
    }

    /// `CurrentItem.field`, if that comes next.
    fn current_item(&mut self, place: Place, dataset: DatasetName) -> Result<Option<String>, FilterError> {
        let at = self.at();
        if !self.eat_keyword("CurrentItem") {
            return Ok(None);
        }
        if place != Place::Where(Target::Item) || dataset != DatasetName::Items {
            let problem = "CurrentItem can only be compared with fields of Items.";
            return Err(FilterError::syntax(at, problem));
        }
        if !self.eat(&Token::Dot) {
            return Err(self.expected("'.' and the name of a field"));
        }
        self.field().map(Some)
    }
}

//! The words, values and signs of an expression, with their places.

use super::ast::Op;
use super::error::FilterError;
use super::number::Number;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(Number),
    /// Without the `$`.
    Parameter(String),
    Op(Op),
    Dot,
    Comma,
    Bar,
    Open,
    Close,
    End,
}

/// A token and how many characters stand before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub token: Token,
    pub at: usize,
}

/// The longest name of a parameter.
const MAX_PARAMETER: usize = 50;

impl Token {
    /// What it is, for messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("'{}'", cut(word)),
            Self::Text(text) => format!("the string \"{}\"", cut(text)),
            Self::Number(number) => format!("the number {number}"),
            Self::Parameter(name) => format!("the placeholder ${}", cut(name)),
            Self::Op(op) => format!("'{}'", op.sign()),
            Self::Dot => "'.'".into(),
            Self::Comma => "','".into(),
            Self::Bar => "'|'".into(),
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::End => "the end of the expression".into(),
        }
    }
}

/// Enough of a long word to recognise it.
fn cut(word: &str) -> String {
    const SHOWN: usize = 40;
    if word.chars().count() <= SHOWN { word.into() } else { word.chars().take(SHOWN).chain(['…']).collect() }
}

/// The tokens, [`Token::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip(char::is_whitespace);
        let at = reader.at;
        let token = reader.token()?;
        let ended = token == Token::End;
        tokens.push(Placed { token, at });
        if ended {
            return Ok(tokens);
        }
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip(&mut self, is: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is) {
            self.at += 1;
        }
    }

    fn take(&mut self, is: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        self.skip(is);
        self.chars[begin..self.at].iter().collect()
    }

    /// Steps over `c` if it comes next.
    fn eat(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        self.at += usize::from(is_next);
        is_next
    }

    fn token(&mut self) -> Result<Token, FilterError> {
        let begin = self.at;
        let Some(first) = self.peek() else { return Ok(Token::End) };
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Word(self.take(is_word)));
        }
        if first.is_ascii_digit() || matches!(first, '-' | '.') && self.number_follows() {
            return self.number();
        }
        self.at += 1;
        Ok(match first {
            '"' => return self.text(begin),
            '$' => return self.parameter(begin),
            '.' => Token::Dot,
            ',' => Token::Comma,
            '|' => Token::Bar,
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => Token::Op(Op::Equal),
            '<' if self.eat('=') => Token::Op(Op::LessOrEqual),
            '<' => Token::Op(Op::Less),
            '>' if self.eat('=') => Token::Op(Op::GreaterOrEqual),
            '>' => Token::Op(Op::Greater),
            '!' if self.eat('=') => Token::Op(Op::NotEqual),
            '!' => return Err(FilterError::syntax(begin, "expected != , found '!' alone.")),
            '\'' | '“' | '”' | '‘' | '’' => {
                let problem = format!("found {first}; strings stand between double quotes, as in \"comedy\".");
                return Err(FilterError::syntax(begin, problem));
            }
            '*' => return Err(FilterError::syntax(begin, "found *; any event type is written (\"*\").")),
            other => {
                let problem = format!("found {other:?}, which has no meaning here.");
                return Err(FilterError::syntax(begin, problem));
            }
        })
    }

    /// Whether the `-` or `.` that comes next begins a number. A dot behind a word separates dataset and
    /// field, and no field begins with a digit.
    fn number_follows(&self) -> bool {
        let rest = &self.chars[self.at + 1..];
        match rest {
            ['.', digit, ..] => self.peek() == Some('-') && digit.is_ascii_digit(),
            [digit, ..] => digit.is_ascii_digit(),
            [] => false,
        }
    }

    fn number(&mut self) -> Result<Token, FilterError> {
        let begin = self.at;
        let mut text = String::new();
        if self.eat('-') {
            text.push('-');
        }
        text += &self.take(|c| c.is_ascii_digit() || c == '.');
        // What is stuck to a number is part of it, an exponent or a mistake.
        text += &self.take(|c| is_word(c) || c == '.');
        if text.ends_with(['e', 'E']) && matches!(self.peek(), Some('+' | '-')) {
            text.extend(self.peek());
            self.at += 1;
            text += &self.take(is_word);
        }
        let number = Number::parse(&text);
        number.map(Token::Number).ok_or_else(|| {
            let problem = format!("'{}' is not a number; strings stand between double quotes.", cut(&text));
            FilterError::syntax(begin, problem)
        })
    }

    fn text(&mut self, begin: usize) -> Result<Token, FilterError> {
        let mut text = String::new();
        let unclosed = || FilterError::syntax(begin, "the string that begins here has no closing double quote.");
        loop {
            let c = self.peek().ok_or_else(unclosed)?;
            self.at += 1;
            match c {
                '"' => return Ok(Token::Text(text)),
                '\\' => {
                    let escaped = self.peek().ok_or_else(unclosed)?;
                    if !matches!(escaped, '"' | '\\') {
                        let problem = "a backslash stands before \" and \\ only; write \\\\ for the backslash itself.";
                        return Err(FilterError::syntax(self.at - 1, problem));
                    }
                    text.push(escaped);
                    self.at += 1;
                }
                other => text.push(other),
            }
        }
    }

    fn parameter(&mut self, begin: usize) -> Result<Token, FilterError> {
        let name = self.take(is_word);
        match name.len() {
            0 => {
                Err(FilterError::syntax(begin, "expected the name of a placeholder behind $ (letters, digits and _)."))
            }
            1..=MAX_PARAMETER => Ok(Token::Parameter(name)),
            length => {
                let problem =
                    format!("the placeholder has {length} characters, and at most {MAX_PARAMETER} are allowed.");
                Err(FilterError::syntax(begin, problem))
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `ITEMS.FIELD = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// In upper case.
    pub field: String,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// In quotes.
    Text(String),
    Number(f64),
}

/// Reads `ITEMS.field = value AND …`: words in any case, text in double quotes with `\` before what is to stand for
/// itself, numbers without quotes.
///
/// # Errors
/// What is wrong and where, from the first character 1.
pub fn conditions(expression: &str) -> Result<Vec<Condition>, String> {
    let mut reader = Reader { text: expression, at: 0 };
    let mut found = Vec::new();
    loop {
        let dataset = reader.word()?;
        if !dataset.eq_ignore_ascii_case("ITEMS") {
            return Err(reader.expected("ITEMS.<field>"));
        }
        reader.sign('.')?;
        let field = reader.word()?.to_uppercase();
        reader.sign('=')?;
        let value = reader.value()?;
        found.push(Condition { field, value });
        reader.skip();
        if reader.rest().is_empty() {
            return Ok(found);
        }
        if !reader.word()?.eq_ignore_ascii_case("AND") {
            return Err(reader.expected("AND"));
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn expected(&self, what: &str) -> String {
        let place = self.text[..self.at].chars().count() + 1;
        format!(
            "itemAttributes: expected {what} at character {place}; only ITEMS.<field> = <value>, joined by AND, is allowed."
        )
    }

    fn word(&mut self) -> Result<&'a str, String> {
        self.skip();
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if length == 0 {
            return Err(self.expected("a name"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        self.skip();
        if !self.rest().starts_with(sign) {
            return Err(self.expected(&format!("`{sign}`")));
        }
        self.at += sign.len_utf8();
        Ok(())
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip();
        if !self.rest().starts_with('"') {
            let rest = self.rest();
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let number = rest[..length].parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| self.expected("a number, or text in double quotes"))?;
            self.at += length;
            return Ok(Value::Number(number));
        }
        let (mut text, mut escaped) = (String::new(), false);
        for (place, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.at += place + 1;
                    return Ok(Value::Text(text));
                }
                _ => text.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.expected("the closing quote"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn text(field: &str, value: &str) -> Condition {
        Condition { field: field.into(), value: Value::Text(value.into()) }
    }

    #[test]
    fn names_are_found_in_any_case_and_quotes_are_escaped() {
        let year = Condition { field: "YEAR".into(), value: Value::Number(1999.0) };
        for (expression, expected) in [
            (r#"ITEMS.genres = "Comedy""#, vec![text("GENRES", "Comedy")]),
            (r#" items.GENRES="a" and Items . year = 1999  "#, vec![text("GENRES", "a"), year]),
            (
                r#"ITEMS.G = "say \"hi\" \\ now" AND ITEMS.G = "é""#,
                vec![text("G", r#"say "hi" \ now"#), text("G", "é")],
            ),
        ] {
            assert_eq!(conditions(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for (expression, message) in [
            ("", "a name at character 1"),
            (r#"USERS.AGE = "1""#, "ITEMS.<field> at character 6"),
            (r#"ITEMS.G > "1""#, "`=` at character 9"),
            (r#"ITEMS.G = "1" OR ITEMS.G = "2""#, "AND at character 17"),
            (r#"ITEMS.G = Comedy"#, "a number, or text in double quotes at character 11"),
            (r#"ITEMS.G = "1"#, "the closing quote"),
            (r#"ITEMS.G = NaN"#, "a number"),
            (r#"ITEMS.G = "1" AND"#, "a name at character 18"),
        ] {
            let error = conditions(expression).unwrap_err();
            assert!(error.contains(message), "{expression}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(expression in "(ITEMS|and|\\.|=|\"|\\\\|é| |1|x){0,12}") {
            let _ = conditions(&expression);
        }
    }
}

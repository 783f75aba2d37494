//! Text within HTML and SVG.

use palate_recipes::Figure;

/// Text that may be anything, as HTML and SVG show it.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No control character is part of XML.
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// At most `longest` letters, the end being what is cut off.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// A number with as many digits as say something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        big if big >= 100.0 => format!("{value:.0}"),
        some if some >= 10.0 => format!("{value:.1}"),
        some if some >= 1.0 => format!("{value:.2}"),
        little if little >= 0.01 || little == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// A number with its standard error.
pub(super) fn figure(figure: &Figure) -> String {
    let value = number(figure.value);
    figure.standard_error.map_or(value.clone(), |error| format!("{value} ± {}", number(error)))
}

/// Marks of an axis from 0 to at least `most`: between two and six, by 1, 2 or 5 times a power of ten.
pub(super) fn marks(most: f64) -> Vec<f64> {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let power = 10.0_f64.powf((most / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| most / step <= 5.0);
    let step = step.unwrap_or(most);
    let n_steps = (most / step - 1e-9).ceil().max(1.0) as u32;
    (0..=n_steps).map(|place| f64::from(place) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("<a b='\"'>&\u{7}é"), "&lt;a b=&#39;&quot;&#39;&gt;&amp; é");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("éé", 2), "éé");
    }

    #[test]
    fn an_axis_has_a_few_round_marks_up_to_what_it_shows() {
        for most in [1e-5, 0.0187, 0.2, 0.43, 1.0, 7.0, 12345.0] {
            let marks = marks(most);
            assert!((2..=6).contains(&marks.len()), "{most} {marks:?}");
            // The last mark is not far beyond.
            assert!(marks[marks.len() - 1] >= most * 0.999_999 && marks[marks.len() - 2] < most, "{most} {marks:?}");
        }
        assert_eq!(marks(0.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(marks(f64::NAN).len(), 6);
    }

    #[test]
    fn numbers_have_as_many_digits_as_say_something() {
        assert_eq!(
            [0.0, 0.00123, 0.1874, 4.21, 63.0, 1234.5].map(number),
            ["0.000", "0.0012", "0.187", "4.21", "63.0", "1234"]
        );
    }
}

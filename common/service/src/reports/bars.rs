//! Bars that lie, a model's and that of the most popular items in pairs, as SVG.

use std::fmt::Write;

use palate_recipes::Figure;

use super::html::{escaped, figure, number, shortened};

const WIDTH: f64 = 520.0;
const LABELS: f64 = 168.0;
/// Room for the number behind a bar.
const NUMBERS: f64 = 56.0;
const BAR: f64 = 11.0;
const GAP: f64 = 12.0;

/// A pair of bars.
pub(super) struct Bar {
    pub name: String,
    /// Written below the name, smaller.
    pub note: String,
    pub own: Option<Figure>,
    pub popular: Option<Figure>,
}

/// Bars from 0 to the right, with a standard error either way as a line.
pub(super) fn plot(title: &str, bars: &[Bar]) -> String {
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = write_plot(&mut svg, title, bars);
    svg
}

fn write_plot(out: &mut String, title: &str, bars: &[Bar]) -> std::fmt::Result {
    let end = |point: &Figure| point.value + point.standard_error.unwrap_or(0.0);
    let all = bars.iter().flat_map(|bar| [bar.own, bar.popular]).flatten();
    let most = all.map(|point| end(&point)).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let length = |value: f64| value.clamp(0.0, most) / most * (WIDTH - LABELS - NUMBERS);
    let pair = 2.0 * BAR + GAP;
    let height = pair * bars.len() as f64 + GAP;
    let title = escaped(title);
    writeln!(out, "<figure class=\"wide\"><figcaption>{title}</figcaption>")?;
    writeln!(out, r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">"#)?;
    for (number, bar) in bars.iter().enumerate() {
        let top = GAP / 2.0 + pair * number as f64;
        let (left, name) = (LABELS - 10.0, escaped(&shortened(&bar.name, 26)));
        let base = if bar.note.is_empty() { top + BAR + 4.0 } else { top + BAR - 1.0 };
        writeln!(out, r#"<text class="label" x="{left}" y="{base:.1}" text-anchor="end">{name}</text>"#)?;
        if !bar.note.is_empty() {
            let (base, note) = (top + 2.0 * BAR, escaped(&bar.note));
            writeln!(out, r#"<text class="axis" x="{left}" y="{base:.1}" text-anchor="end">{note}</text>"#)?;
        }
        for (class, point, top) in [("model", &bar.own, top), ("popular", &bar.popular, top + BAR)] {
            let Some(point) = point else { continue };
            write_bar(out, class, &bar.name, point, top, &length)?;
        }
    }
    let bottom = height - GAP / 2.0;
    writeln!(out, r#"<line class="base" x1="{LABELS}" x2="{LABELS}" y1="0" y2="{bottom}"/>"#)?;
    writeln!(out, "</svg></figure>")
}

fn write_bar(
    out: &mut String,
    class: &str,
    name: &str,
    point: &Figure,
    top: f64,
    length: &impl Fn(f64) -> f64,
) -> std::fmt::Result {
    let (long, high, middle) = (length(point.value), BAR - 1.0, top + BAR / 2.0);
    let told = format!("{}: {}", escaped(name), figure(point));
    writeln!(
        out,
        r#"<rect class="bar {class}" x="{LABELS}" y="{top:.1}" width="{long:.1}" height="{high}" rx="2"><title>{told}</title></rect>"#
    )?;
    let mut end = LABELS + long;
    if let Some(error) = point.standard_error {
        let (from, to) = (LABELS + length(point.value - error), LABELS + length(point.value + error));
        writeln!(out, r#"<line class="error" x1="{from:.1}" x2="{to:.1}" y1="{middle:.1}" y2="{middle:.1}"/>"#)?;
        end = to;
    }
    let (at, base) = (end + 5.0, middle + 3.5);
    writeln!(out, r#"<text class="axis" x="{at:.1}" y="{base:.1}">{}</text>"#, number(point.value))
}

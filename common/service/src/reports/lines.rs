//! Curves over equally spaced places, as SVG.

use std::fmt::Write;

use palate_recipes::Figure;

use super::html::{escaped, figure, marks};

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 200.0;
/// Room for the numbers of the axes.
const LEFT: f64 = 38.0;
const RIGHT: f64 = 12.0;
/// Between an axis and the first point.
const INSET: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// One curve; where there is nothing to show it is interrupted.
pub(super) struct Curve<'a> {
    pub name: &'a str,
    /// The class that gives it its colour: `model`, `popular` or `third`.
    pub class: &'static str,
    pub points: Vec<Option<Figure>>,
}

/// A plot of curves from 0 up. `places` are what is written below; a band is a standard error either way.
pub(super) fn plot(title: &str, places: &[String], curves: &[Curve<'_>]) -> String {
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = write_plot(&mut svg, title, places, curves);
    svg
}

fn write_plot(out: &mut String, title: &str, places: &[String], curves: &[Curve<'_>]) -> std::fmt::Result {
    let top_of = |point: &Figure| point.value + point.standard_error.unwrap_or(0.0);
    let most = curves.iter().flat_map(|curve| &curve.points).flatten().map(top_of).fold(0.0, f64::max);
    let marks = marks(most);
    let highest = marks[marks.len() - 1];
    let n_steps = places.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| match places.len() {
        1 => LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
        _ => LEFT + INSET + place as f64 / n_steps * (WIDTH - LEFT - RIGHT - INSET),
    };
    let y = |value: f64| HEIGHT - BOTTOM - value.clamp(0.0, highest) / highest * (HEIGHT - TOP - BOTTOM);
    let title = escaped(title);
    writeln!(out, "<figure><figcaption>{title}</figcaption>")?;
    writeln!(out, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#)?;
    for mark in &marks {
        let (right, at) = (WIDTH - RIGHT, y(*mark));
        writeln!(out, r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/>"#)?;
        let (left, base) = (LEFT - 5.0, at + 3.5);
        writeln!(
            out,
            r#"<text class="axis" x="{left}" y="{base:.1}" text-anchor="end">{}</text>"#,
            mark_text(*mark, &marks)
        )?;
    }
    // So many that they do not touch.
    let letters = places.iter().map(|place| place.chars().count()).max().unwrap_or(1).max(2);
    let n_fit = ((WIDTH - LEFT) / (letters as f64 * 6.5)).max(1.0) as usize;
    let every = places.len().div_ceil(n_fit).max(1);
    let last = places.len().saturating_sub(1);
    for (number, place) in places.iter().enumerate().filter(|(number, _)| (last - number).is_multiple_of(every)) {
        let (at, base) = (x(number), HEIGHT - 8.0);
        // A long one at an edge would be cut off.
        let anchor = match number {
            _ if letters < 5 => "middle",
            0 => "start",
            end if end == last => "end",
            _ => "middle",
        };
        writeln!(out, r#"<text class="axis" x="{at:.1}" y="{base}" text-anchor="{anchor}">{}</text>"#, escaped(place))?;
    }
    for curve in curves {
        write_curve(out, curve, places, &x, &y)?;
    }
    writeln!(out, "</svg></figure>")
}

/// As many decimals as tell the marks apart.
fn mark_text(mark: f64, marks: &[f64]) -> String {
    let step = marks[1] - marks[0];
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{mark:.decimals$}")
}

fn write_curve(
    out: &mut String,
    curve: &Curve<'_>,
    places: &[String],
    x: &impl Fn(usize) -> f64,
    y: &impl Fn(f64) -> f64,
) -> std::fmt::Result {
    let class = curve.class;
    let points: Vec<(usize, Figure)> =
        curve.points.iter().enumerate().filter_map(|(place, point)| Some((place, (*point)?))).collect();
    for run in points.chunk_by(|a, b| a.0 + 1 == b.0) {
        if run.iter().any(|(_, point)| point.standard_error.is_some()) {
            let edge = |(place, point): &(usize, Figure), sign: f64| {
                let value = point.value + sign * point.standard_error.unwrap_or(0.0);
                format!("{:.1},{:.1}", x(*place), y(value))
            };
            let upper = run.iter().map(|point| edge(point, 1.0));
            let band: Vec<String> = upper.chain(run.iter().rev().map(|point| edge(point, -1.0))).collect();
            writeln!(out, r#"<polygon class="band {class}" points="{}"/>"#, band.join(" "))?;
        }
        let line: Vec<String> =
            run.iter().map(|(place, point)| format!("{:.1},{:.1}", x(*place), y(point.value))).collect();
        writeln!(out, r#"<polyline class="line {class}" points="{}"/>"#, line.join(" "))?;
    }
    for (place, point) in &points {
        let (at, height) = (x(*place), y(point.value));
        let name = escaped(curve.name);
        let told = format!("{name}, {}: {}", escaped(&places[*place]), figure(point));
        writeln!(
            out,
            r#"<circle class="dot {class}" cx="{at:.1}" cy="{height:.1}" r="3"><title>{told}</title></circle>"#
        )?;
    }
    Ok(())
}

/// One mark for each candidate of a search by what it reached, with the best so far as a line.
pub(super) fn trials(objectives: &[Option<f64>], chosen: Option<usize>, metric: &str) -> String {
    let mut best = f64::NEG_INFINITY;
    let best_so_far = objectives.iter().map(|objective| {
        best = best.max(objective.unwrap_or(f64::NEG_INFINITY));
        best.is_finite().then(|| Figure::plain(best))
    });
    let best_so_far = Curve { name: "best so far", class: "third", points: best_so_far.collect() };
    let each = |wanted: bool| -> Vec<Option<Figure>> {
        let points = objectives.iter().enumerate();
        points
            .map(|(place, objective)| objective.filter(|_| (Some(place) == chosen) == wanted).map(Figure::plain))
            .collect()
    };
    let places: Vec<String> = (1..=objectives.len()).map(|trial| trial.to_string()).collect();
    let (others, chosen) = (each(false), each(true));
    let curves = [
        best_so_far,
        Curve { name: "trial", class: "popular scattered", points: others },
        Curve { name: "chosen", class: "model scattered", points: chosen },
    ];
    plot(&format!("{metric} by trial"), &places, &curves)
}

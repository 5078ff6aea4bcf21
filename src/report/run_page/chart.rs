//! A chart as SVG: `plotters` draws axes, lines and bands; the template puts the points on top, which tell their
//! values.
//!
//! A page is read in light and in dark, so lines get no colours of their own here but marker colours, which `style.css`
//! maps to the colours of the page: `#01CCDD` is a line of the colour CC and the dash pattern DD, `#020000` a line to
//! compare with, `#030000` the grid.

use super::curve::{Point, Thinned};
use super::numbers::{grouped, number, percent};
use plotters::prelude::*;
use serde::Serialize;
use std::ops::Range;

/// The size of a chart, in its own units. A page shows it at half of that or less.
const SIZE: (u32, u32) = (960, 560);

/// The size of the text of the axes.
const TEXT: u32 = 32;

/// Colours, and dash patterns.
const STYLES: usize = 6;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unit {
    /// As they are.
    #[default]
    Number,
    /// Shares, as a percentage.
    Share,
}

impl Unit {
    /// A value as a person reads it.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Number => number(value),
            Self::Share => percent(value),
        }
    }

    /// The same for an axis.
    fn show_short(self, value: f64) -> String {
        match self {
            Self::Number => number(value),
            Self::Share => format!("{:.0} %", 100.0 * value),
        }
    }
}

/// A curve of a chart.
pub(super) struct Curve {
    /// The number of its run, which decides its colour and its dash pattern.
    pub(super) run: usize,
    /// What it is called.
    pub(super) name: String,
    /// Whether it was measured on held-out data: a thicker line with a circle at every point.
    pub(super) held_out: bool,
    pub(super) values: Thinned,
}

/// What a chart shows.
pub(super) struct Chart {
    pub(super) curves: Vec<Curve>,
    /// Values to compare with.
    pub(super) levels: Vec<f64>,
    /// Steps to mark, each with the number of its run.
    pub(super) marks: Vec<(usize, f64)>,
    pub(super) unit: Unit,
    /// Whether equal distances are equal factors.
    pub(super) is_logarithmic: bool,
}

/// A chart for the template.
#[derive(Serialize)]
pub(super) struct Drawn {
    width: u32,
    height: u32,
    /// What is inside the `svg` element, without points.
    svg: String,
    /// Where the plot begins and ends, from top to bottom.
    top: i32,
    bottom: i32,
    curves: Vec<DrawnCurve>,
}

/// The points of a curve.
#[derive(Serialize)]
struct DrawnCurve {
    name: String,
    colour: usize,
    /// The marker colour.
    stroke: String,
    held_out: bool,
    points: Vec<DrawnPoint>,
}

/// A point with what it says.
#[derive(Serialize)]
struct DrawnPoint {
    x: i32,
    y: i32,
    /// `3` or `1–500`.
    steps: String,
    value: String,
    /// `3.9 to 4.2`, where a point stands for several values.
    range: Option<String>,
}

/// The marker colour of run `run`, as SVG has it.
pub(super) fn stroke(run: usize) -> String {
    let RGBColor(kind, colour, dash) = marker(style(run));
    format!("#{kind:02X}{colour:02X}{dash:02X}")
}

/// The number of the colour and of the dash pattern of run `run`.
fn style(run: usize) -> (usize, usize) {
    (run % STYLES, (run + run / STYLES) % STYLES)
}

fn marker((colour, dash): (usize, usize)) -> RGBColor {
    RGBColor(1, colour as u8, dash as u8)
}

const LEVEL: RGBColor = RGBColor(2, 0, 0);
const GRID: RGBColor = RGBColor(3, 0, 0);

/// The smallest and the largest of `values`, with some air; something around 0 without any.
fn range(values: impl Iterator<Item = f64>, air: f64) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    // Values that an axis cannot tell apart lie in its middle.
    let least = 1e-9 * low.abs().max(high.abs()).max(1e-280);
    match high - low {
        size if size > least => low - air * size..high + air * size,
        _ => low - 0.1 * low.abs().max(1e-3)..high + 0.1 * low.abs().max(1e-3),
    }
}

impl Chart {
    /// Whether there is something to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.curves.iter().all(|curve| curve.values.points.is_empty())
    }

    /// Where `value` lies on the axis.
    fn height(&self, value: f64) -> f64 {
        /// Far enough from the largest number for differences of values to be finite.
        const LARGEST: f64 = 1e300;
        let value = if self.is_logarithmic { value.max(1e-300).log10() } else { value };
        value.clamp(-LARGEST, LARGEST)
    }

    /// Draws the chart.
    pub(super) fn draw(&self) -> Drawn {
        let points = || self.curves.iter().flat_map(|curve| &curve.values.points);
        let steps = points().flat_map(|p| [p.first_step, p.last_step]);
        let (first, last) = steps
            .fold((f64::INFINITY, 0.0f64), |(first, last), step| (first.min(step), last.max(step)));
        let first = first.min(last);
        let steps = first..last.max(first + (1e-6 * first).max(1.0));
        let extremes = points().flat_map(|p| [p.smallest, p.largest]);
        let mut values = range(
            extremes.chain(self.levels.iter().copied()).map(|value| self.height(value)),
            0.04,
        );
        // No share is below 0, and no air is needed there.
        if self.unit == Unit::Share && points().all(|point| point.smallest >= 0.0) {
            values.start = values.start.max(0.0);
        }
        let mut text = String::new();
        let places =
            self.plot(&mut text, steps, values.clone()).expect("a string takes everything");
        // The template writes the element itself, with a name for people who cannot see it.
        let inside = text.split_once('>').map_or("", |(_, rest)| rest);
        let svg = inside.trim_end().trim_end_matches("</svg>").to_string();
        let (curves, [top, bottom]) = places;
        Drawn { width: SIZE.0, height: SIZE.1, svg, top, bottom, curves }
    }

    /// Writes the SVG to `text`. Returns the points of the curves, and where the plot begins and ends.
    fn plot(
        &self,
        text: &mut String,
        steps: Range<f64>,
        values: Range<f64>,
    ) -> Result<(Vec<DrawnCurve>, [i32; 2]), String> {
        let bounds = [values.end, values.start];
        let first_step = steps.start;
        let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .margin_right(64)
            .x_label_area_size(2 * TEXT)
            .y_label_area_size(4 * TEXT)
            .build_cartesian_2d(steps, values.clone())
            .map_err(|error| error.to_string())?;
        let of_value = |y: &f64| match self.is_logarithmic {
            true => number(10f64.powf(*y)),
            false => self.unit.show_short(*y),
        };
        chart
            .configure_mesh()
            .label_style(("sans-serif", TEXT))
            .x_labels(5)
            .y_labels(6)
            .max_light_lines(0)
            .bold_line_style(GRID)
            .x_label_formatter(&|x| grouped(x.round() as i64))
            .y_label_formatter(&of_value)
            .draw()
            .map_err(|error| error.to_string())?;
        let place = |step: f64, value: f64| (step, self.height(value));
        for curve in self.curves.iter().filter(|curve| curve.values.values_of_point > 1) {
            let points = &curve.values.points;
            let upper = points.iter().map(|p| place(p.step(), p.largest));
            let lower = points.iter().rev().map(|p| place(p.step(), p.smallest));
            let band: Vec<_> = upper.chain(lower).collect();
            let fill = marker(style(curve.run)).mix(0.2).filled();
            chart
                .draw_series(std::iter::once(Polygon::new(band, fill)))
                .map_err(|error| error.to_string())?;
        }
        let mut line = |points: Vec<(f64, f64)>, style: ShapeStyle| {
            let drawn = chart.draw_series(LineSeries::new(points, style));
            drawn.map(|_| ()).map_err(|error| error.to_string())
        };
        let last_step = self.curves.iter().filter_map(|curve| curve.values.points.last());
        let last_step = last_step.map(|point| point.last_step).fold(first_step, f64::max);
        for &level in &self.levels {
            let ends = [first_step, last_step].map(|step| place(step, level));
            line(ends.into(), LEVEL.stroke_width(3))?;
        }
        for &(run, step) in &self.marks {
            line(values_ends(step, &values), marker(style(run)).stroke_width(2))?;
        }
        for curve in &self.curves {
            let points = curve.values.points.iter().map(|p| place(p.step(), p.mean));
            let width = if curve.held_out { 5 } else { 3 };
            line(points.collect(), marker(style(curve.run)).stroke_width(width))?;
        }
        let drawn = |curve: &Curve| {
            let (colour, _) = style(curve.run);
            let several = curve.values.values_of_point > 1;
            let point = |p: &Point| {
                let (x, y) = chart.backend_coord(&place(p.step(), p.mean));
                let [first, last] = [p.first_step, p.last_step].map(|step| grouped(step as i64));
                let steps = if first == last { first } else { format!("{first}–{last}") };
                let [low, high] = [p.smallest, p.largest].map(|value| self.unit.show(value));
                let range = several.then(|| format!("{low} to {high}"));
                DrawnPoint { x, y, steps, value: self.unit.show(p.mean), range }
            };
            let points = curve.values.points.iter().map(point).collect();
            let (name, held_out) = (curve.name.clone(), curve.held_out);
            DrawnCurve { name, colour, stroke: stroke(curve.run), held_out, points }
        };
        let curves = self.curves.iter().map(drawn).collect();
        let ends = bounds.map(|value| chart.backend_coord(&(first_step, value)).1);
        drop(chart);
        root.present().map_err(|error| error.to_string())?;
        Ok((curves, ends))
    }
}

/// A line over the whole height at `step`.
fn values_ends(step: f64, values: &Range<f64>) -> Vec<(f64, f64)> {
    vec![(step, values.start), (step, values.end)]
}

#[cfg(test)]
mod tests {
    use super::super::curve::thin;
    use super::*;

    fn chart(values: &[[f64; 2]]) -> Chart {
        let curve = Curve { run: 8, name: "a".into(), held_out: true, values: thin(values) };
        let (levels, marks) = (vec![2.0], vec![(0, 3.0)]);
        Chart { curves: vec![curve], levels, marks, unit: Unit::Number, is_logarithmic: false }
    }

    #[test]
    fn every_point_is_drawn_where_it_belongs() {
        let drawn = chart(&[[0.0, 1.0], [5.0, 3.0], [10.0, 2.0]]).draw();
        let points = &drawn.curves[0].points;
        assert_eq!(points.len(), 3);
        assert!(points[0].x < points[1].x && points[1].x < points[2].x);
        assert!(points[1].y < points[2].y && points[2].y < points[0].y, "3 is above 2 is above 1");
        assert!(drawn.top < points[1].y && points[0].y < drawn.bottom);
        assert_eq!((points[1].steps.as_str(), points[1].value.as_str()), ("5", "3"));
        // The ninth run: the third colour with the fourth dash pattern.
        assert!(drawn.svg.contains("stroke=\"#010203\""), "{}", drawn.svg);
        assert!(!drawn.svg.contains("<svg") && !drawn.svg.contains("</svg"), "{}", drawn.svg);
    }

    #[test]
    fn unusual_values_are_drawn() {
        for values in [
            vec![],
            vec![[0.0, 0.0]],
            vec![[7.0, -3.0]],
            vec![[1.0, 1.7e308], [2.0, -1.7e308]],
            vec![[1.0, 1.0], [2.0, 1.0 + f64::EPSILON]],
            vec![[1.0, 0.0], [2.0, 5e-324]],
            vec![[0.0, 1.0], [1e18, 2.0]],
            vec![[1e18, 1.0]],
        ] {
            for is_logarithmic in [false, true] {
                for unit in [Unit::Number, Unit::Share] {
                    let drawn = Chart { unit, is_logarithmic, ..chart(&values) }.draw();
                    assert_eq!(drawn.curves[0].points.len(), values.len());
                    assert!(!drawn.svg.contains("NaN"), "{values:?}: {}", drawn.svg);
                }
            }
        }
    }

    #[test]
    fn every_run_of_36_has_a_look_of_its_own() {
        let styles: std::collections::BTreeSet<_> = (0..36).map(style).collect();
        assert_eq!(styles.len(), 36);
    }
}

//! The templates of all pages, and how one is filled in.

use crate::report::digits::{grouped, trimmed};
use crate::report::visible;
use minijinja::{AutoEscape, Environment, Value};
use serde::Serialize;
use thiserror::Error;

/// Why a page could not be made.
#[derive(Debug, Error)]
#[error("the page `{template}` cannot be filled in; this is a mistake in cloze: {source}")]
pub struct PageError {
    template: &'static str,
    source: minijinja::Error,
}

/// The templates by name. Each page extends `base.html`.
const TEMPLATES: [(&str, &str); 3] = [
    ("base.html", include_str!("../assets/base.html")),
    ("explain.html", include_str!("../assets/explain.html")),
    ("report.html", include_str!("../assets/report.html")),
];

/// Parts that pages include.
const PARTS: [(&str, &str); 2] = [
    ("try.html", include_str!("../assets/try.html")),
    ("try_scripts.html", include_str!("../assets/try_scripts.html")),
];

/// The style sheet of all pages.
const STYLE: &str = concat!(include_str!("../assets/style.css"), include_str!("../assets/try.css"));

/// The scripts that templates use, by name.
const SCRIPTS: [(&str, &str); 5] = [
    ("explain", include_str!("../assets/explain.js")),
    ("attention", include_str!("../assets/attention.js")),
    ("model", include_str!("../assets/model.js")),
    ("report", include_str!("../assets/report.js")),
    ("try", include_str!("../assets/try.js")),
];

/// The page `template` filled in with `context`. Everything in `context` is escaped, unless a
/// template marks it as `safe`: only SVG and scripts made by this crate are.
///
/// # Errors
/// [`PageError`]: the template and the context do not fit each other.
pub fn render(template: &'static str, context: impl Serialize) -> Result<String, PageError> {
    let failed = |source| PageError { template, source };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_global("style", Value::from_safe_string(STYLE.into()));
    let scripts = SCRIPTS.map(|(name, script)| (name, Value::from_safe_string(script.into())));
    environment.add_global("scripts", Value::from_iter(scripts));
    environment.add_global("version", env!("CARGO_PKG_VERSION"));
    environment.add_filter("percent", percent);
    environment.add_filter("fixed", |number: f64, digits: usize| format!("{number:.digits$}"));
    environment.add_filter("short", short);
    environment.add_filter("visible", |text: String| visible(&text));
    environment.add_filter("grouped", grouped);
    environment.add_filter("code_point", |number: u32| format!("U+{number:04X}"));
    for (name, source) in TEMPLATES.into_iter().chain(PARTS) {
        environment.add_template(name, source).map_err(failed)?;
    }
    environment.get_template(template).and_then(|page| page.render(context)).map_err(failed)
}

/// A share from 0 to 1 as percent, with one digit behind the point if `digits` is not given. What is not 0 is
/// not shown as 0.
fn percent(share: f64, digits: Option<usize>) -> String {
    let digits = digits.unwrap_or(1);
    let least = 0.1f64.powi(digits as i32);
    match 100.0 * share {
        percent if percent > 0.0 && percent < least / 2.0 => format!("<{least:.digits$} %"),
        percent => format!("{percent:.digits$} %"),
    }
}

/// A number in few signs: "0.25", "1e-4".
fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        size if (0.001..10_000.0).contains(&size) => trimmed(format!("{number:.3}")),
        _ => format!("{number:.1e}").replace(".0e", "e"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::PAGE_BEGINNING;

    #[test]
    fn numbers_are_readable() {
        let numbers = [0.0, 0.9, 1.0, 100.0, -2.25, 0.001, 1e-4, 0.000_25, 12_345.0].map(short);
        assert_eq!(numbers, ["0", "0.9", "1", "100", "-2.25", "0.001", "1e-4", "2.5e-4", "1.2e4"]);
        assert_eq!(percent(0.1234, None), "12.3 %");
        assert_eq!(percent(0.0, None), "0.0 %");
        assert_eq!(percent(4e-4, None), "<0.1 %");
        assert_eq!(percent(4e-4, Some(2)), "0.04 %");
        assert_eq!(percent(4e-5, Some(2)), "<0.01 %");
    }

    #[test]
    fn text_is_escaped() {
        let title = "<script>alert(1)</script> ]]> \"quoted\" & 'more'";
        let page = render("base.html", serde_json::json!({ "title": title })).unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    }

    #[test]
    fn every_page_begins_as_reading_of_text_expects_it() {
        let page = render("base.html", serde_json::json!({ "title": "" })).unwrap();
        assert!(page.starts_with(PAGE_BEGINNING), "{page}");
        assert!(
            TEMPLATES[1..].iter().all(|(_, source)| source.contains("{% extends \"base.html\" %}"))
        );
    }

    /// The colours of a scheme by name, from the declarations in `block`.
    fn colours(block: &str) -> Vec<(&str, [f64; 3])> {
        let channel = |hex: &str, at: usize| {
            let value = u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let share = f64::from(value) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let declarations = block.split(';').filter_map(|text| text.trim().split_once(": #"));
        declarations
            .map(|(name, hex)| (name.trim(), [0, 2, 4].map(|at| channel(hex, at))))
            .collect()
    }

    /// The contrast of two colours, from 1 to 21 (WCAG 2.2).
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out_in_both_colour_schemes() {
        assert!((contrast([1.0; 3], [0.0; 3]) - 21.0).abs() < 1e-9);
        let blocks: Vec<&str> = STYLE.split(":root {").skip(1).collect();
        assert_eq!(blocks.len(), 2, "light and dark");
        for block in blocks {
            let colours = colours(block.split_once('}').unwrap().0);
            let of = |name: &str| {
                colours.iter().find(|(known, _)| *known == format!("--{name}")).unwrap().1
            };
            let texts = ["text", "quiet", "accent", "good", "bad"];
            let lines = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];
            let on_background = texts.iter().chain(&lines).map(|text| (*text, "background"));
            let on_panel = texts.iter().map(|text| (*text, "panel"));
            for (text, background) in on_background.chain(on_panel).chain([("text", "shade")]) {
                let contrast = contrast(of(text), of(background));
                assert!(contrast >= 4.5, "--{text} on --{background}: {contrast:.2}");
            }
        }
    }
}

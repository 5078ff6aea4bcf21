//! The templates of all pages, and how one is filled in.

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
    ("try.html", include_str!("../assets/try.html")),
    ("try_scripts.html", include_str!("../assets/try_scripts.html")),
];

/// The style sheet of all pages.
const STYLE: &str =
    concat!(include_str!("../assets/style.css"), include_str!("../assets/try.css"));

/// The scripts that templates use, by name.
const SCRIPTS: [(&str, &str); 3] = [
    ("attention", include_str!("../assets/attention.js")),
    ("model", include_str!("../assets/model.js")),
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
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(failed)?;
    }
    environment.get_template(template).and_then(|page| page.render(context)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let title = "<script>alert(1)</script> ]]> \"quoted\" & 'more'";
        let page = render("base.html", serde_json::json!({ "title": title })).unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    }
}

//! HTML pages: one file each, complete in itself. No page loads anything: no network, no font, no
//! script that is not in the file.
//!
//! The templates and the style sheet are in `assets/`. `minijinja` fills the templates and escapes
//! what it fills in; the `Content-Security-Policy` of `base.html` forbids a browser to load anything.

mod base64;
mod explain_page;
mod model_part;
mod script_json;
mod templates;

pub use explain_page::explain_page;
pub use model_part::{MOST_PARAMETERS, ModelPart};
pub use script_json::script_json;
pub use templates::{PageError, render};

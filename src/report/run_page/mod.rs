//! The page of `cloze report`: what a run did, or how several compare, as one HTML file.
//!
//! - `numbers`: numbers as a person reads them. `curve`: thinning. `chart`: a chart as SVG.
//! - `run`: a run among the others. `measures`: which charts there are, and their words.
//! - `overview`, `details`: the tables.
//! - `page`: all of it together, for the template `report.html`.

mod chart;
mod curve;
mod details;
mod measures;
mod numbers;
mod overview;
mod page;
mod run;

pub use page::{ReportError, RunPage, run_page, write_report};

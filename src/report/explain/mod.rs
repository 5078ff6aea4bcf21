//! An [`Explanation`](crate::tasks::Explanation) in the terminal: each step a screenful, with its equation and the
//! chapter of the book that it belongs to.
//!
//! [`render`] makes the text. A [`View`] says which steps, and whether in colour. Colour only repeats what
//! signs and digits say. Whatever the text or the vocabulary holds, no control character reaches the terminal.

mod answers;
mod attention;
mod learning;
mod reading;
mod render;
mod screen;
mod step;
mod view;

pub use render::render;
pub use step::Step;
pub use view::View;

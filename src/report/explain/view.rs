//! Which steps are shown, and how.

use super::step::Step;
use console::Term;

/// Which steps are shown, and how. The default is every step, without colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The only step to show, whole; all, each in a screenful, when `None`.
    pub step: Option<Step>,
    /// The only layer whose attention is shown, counted from 1.
    pub layer: Option<usize>,
    /// The only head whose attention is shown, counted from 1, with every number.
    pub head: Option<usize>,
    /// Whether colours are used, beside the signs that say the same.
    pub color: bool,
}

impl View {
    /// The view for standard output: every step, in colours on a terminal, unless the variable `NO_COLOR` is set.
    pub fn standard_output() -> Self {
        Self { color: Term::stdout().features().colors_supported(), ..Self::default() }
    }

    /// Whether everything of a step is shown, on as many lines as it takes.
    pub(super) fn is_whole(&self) -> bool {
        self.step.is_some()
    }
}

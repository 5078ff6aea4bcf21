//! The built-in corpus: what `pretrain` reads when it is given no input.

/// About five thousand short stories of a small world, written by `testdata/stories/generate.rs`:
/// one sentence a line, an empty line between stories, in the form that the corpus reader takes
/// from a file. `testdata/stories/README.md` tells about them.
pub const STORIES: &str = include_str!("../../testdata/stories/stories.txt");

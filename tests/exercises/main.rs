//! The learner's functions in `examples/exercises/`, each checked by a test of its own:
//! `cargo test --release --test exercises`, or with a name behind it.
//!
//! Plain `cargo test` leaves this file out (`test = false` in Cargo.toml). There, `tests/book` checks that the
//! solutions pass the same checks, and that the unwritten functions do not.

mod checks;
#[path = "../../examples/exercises/mod.rs"]
mod exercises;

macro_rules! test_each {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() -> Result<(), checks::Hint> {
            checks::$name(exercises::$name)
        }
    )*};
}
checks::for_each_exercise!(test_each);

//! The built-in corpus is exactly the output of its generator, and its English is correct.

#[path = "../testdata/stories/generate.rs"]
mod generate;

use std::collections::{BTreeMap, HashSet};

use cloze::data::stories::{CLASSES, NUMBERS as SUMS, QUESTIONS, STORIES, TAGS};

const WOMEN: &[&str] = &["Anna", "Clara", "Ella", "Alice", "Mary", "Lily", "Greta", "Ida"];
const MEN: &[&str] = &["Otto", "Hugo", "Arthur", "Peter", "Tom", "Simon", "Karl", "Paul"];
const ANIMALS: &[&str] = &[
    "fox", "dog", "cat", "hen", "owl", "mouse", "horse", "cow", "sheep", "duck", "frog", "rabbit",
    "pig", "squirrel",
];
const NUMBERS: &[&str] = &["none", "one", "two", "three", "four", "five", "six", "seven"];

/// Every story as a list of sentences.
fn stories() -> Vec<Vec<&'static str>> {
    STORIES.split("\n\n").map(|story| story.lines().collect()).collect()
}

/// The words of a text, without punctuation, in lower case; "Anna's" is "anna" and "s".
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Whether `word`, in lower case, is one of `names`.
fn is_one_of(word: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

#[test]
fn the_generator_makes_the_committed_text() {
    // assert_eq would print two megabytes twice.
    assert!(
        generate::stories() == STORIES,
        "testdata/stories/stories.txt is not what its generator makes: \
         run `cargo run --example generate_stories` and commit the text"
    );
}

#[test]
fn the_generator_makes_the_committed_labelled_examples() {
    for (name, made, committed) in [
        ("classes.tsv", generate::labelled::classes(), CLASSES),
        ("numbers.tsv", generate::labelled::numbers(), SUMS),
        ("tags.conll", generate::labelled::tags(), TAGS),
        ("questions.json", generate::labelled::questions(), QUESTIONS),
    ] {
        assert!(
            made == committed,
            "testdata/stories/{name} is not what its generator makes: run `cargo run --example generate_stories` and \
             commit it"
        );
    }
}

#[test]
fn there_are_thousands_of_stories_and_no_two_are_the_same() {
    let stories = stories();
    assert!((4_000..=6_000).contains(&stories.len()), "{} stories", stories.len());
    assert!((1_500_000..=3_000_000).contains(&STORIES.len()), "{} bytes", STORIES.len());
    let mut seen = HashSet::new();
    for story in stories {
        assert!(seen.insert(story.clone()), "told twice: {story:?}");
    }
}

#[test]
fn stories_and_sentences_are_short() {
    for story in stories() {
        assert!((5..=9).contains(&story.len()), "{} sentences: {story:?}", story.len());
        let length = story.join(" ").split(' ').count();
        assert!((40..=90).contains(&length), "{length} words: {story:?}");
        for sentence in story {
            let length = sentence.split(' ').count();
            assert!((4..=14).contains(&length), "{length} words: {sentence:?}");
        }
    }
}

#[test]
fn sentences_are_well_formed() {
    for sentence in stories().into_iter().flatten() {
        assert!(sentence.starts_with(|first: char| first.is_ascii_uppercase()), "{sentence:?}");
        assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence:?}");
        let plain = |letter: char| letter.is_ascii_alphabetic() || " ,.'".contains(letter);
        assert!(sentence.chars().all(plain), "{sentence:?}");
        // No "the the".
        assert!(words(sentence).windows(2).all(|pair| pair[0] != pair[1]), "{sentence:?}");
    }
}

#[test]
fn the_fox_the_dog_the_cat_and_the_mat_are_there() {
    for sentence in [
        "The quick brown fox jumps over the lazy dog.",
        "The quick brown fox jumped over the lazy dog.",
        "The cat sat on the mat.",
    ] {
        let count = stories().iter().filter(|story| story.contains(&sentence)).count();
        assert!(count >= 20, "{count} times {sentence:?}");
    }
}

#[test]
fn the_vocabulary_is_small_and_no_word_is_rare() {
    let mut counts = BTreeMap::new();
    for word in words(STORIES) {
        *counts.entry(word).or_insert(0) += 1;
    }
    assert!((300..=700).contains(&counts.len()), "{} distinct words", counts.len());
    for (word, count) in counts {
        assert!(count >= 5, "{word:?} is used only {count} times");
    }
}

#[test]
fn articles_agree() {
    let mut checked = 0;
    for pair in stories().iter().flatten().map(|sentence| words(sentence)).flat_map(pairs) {
        let vowel = pair.1.starts_with(['a', 'e', 'i', 'o', 'u']);
        match pair.0.as_str() {
            "a" => assert!(!vowel, "{pair:?}"),
            "an" => assert!(vowel, "{pair:?}"),
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked > 1_000, "only {checked} articles");
}

#[test]
fn numbers_agree() {
    // Words that may follow a number without a noun: "two and one make three", "two more".
    const NOT_COUNTED: &[&str] = &["and", "make", "more", "from", "leaves", "left", "so", "little"];
    let mut checked = 0;
    for (number, counted) in
        stories().iter().flatten().map(|sentence| words(sentence)).flat_map(pairs)
    {
        let Some(value) = NUMBERS.iter().position(|word| *word == number) else { continue };
        if value >= 2 && !is_one_of(&counted, NOT_COUNTED) {
            assert!(counted.ends_with('s'), "{number} {counted}");
            checked += 1;
        }
        assert!(!(number == "one" && counted.ends_with('s')), "{number} {counted}");
        assert!(!is_one_of(&counted, ANIMALS), "there is one animal of a kind: {number} {counted}");
    }
    assert!(checked > 500, "only {checked} numbers");
}

#[test]
fn sums_are_right() {
    let mut checked = 0;
    for sentence in stories().into_iter().flatten() {
        let words = words(sentence);
        let numbers: Vec<usize> = words
            .iter()
            .filter_map(|word| NUMBERS.iter().position(|number| number == word))
            .collect();
        if words.iter().any(|word| word == "make") {
            assert_eq!(numbers[0] + numbers[1], numbers[2], "{sentence:?}");
            checked += 1;
        }
        if words.iter().any(|word| word == "leaves") {
            assert_eq!(numbers[1] - numbers[0], numbers[2], "{sentence:?}");
            checked += 1;
        }
    }
    assert!(checked > 300, "only {checked} sums");
}

#[test]
fn pronouns_agree_with_who_is_in_the_story() {
    let mut checked = 0;
    for story in stories() {
        // A pronoun follows its name, in the same sentence or an earlier one.
        let (mut women, mut men) = (false, false);
        for sentence in &story {
            for word in words(sentence) {
                women |= is_one_of(&word, WOMEN);
                men |= is_one_of(&word, MEN);
                match word.as_str() {
                    "he" | "him" | "his" => assert!(men, "{story:?}"),
                    "she" | "her" => assert!(women, "{story:?}"),
                    _ => continue,
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 1_000, "only {checked} pronouns");
}

#[test]
fn a_pronoun_agrees_with_those_named_in_its_sentence() {
    let mut checked = 0;
    for sentence in stories().into_iter().flatten() {
        let words = words(sentence);
        let women = words.iter().any(|word| is_one_of(word, WOMEN));
        let men = words.iter().any(|word| is_one_of(word, MEN));
        for word in &words {
            match word.as_str() {
                "he" | "him" | "his" if women != men => assert!(men, "{sentence:?}"),
                "she" | "her" if women != men => assert!(women, "{sentence:?}"),
                _ => continue,
            }
            checked += 1;
        }
    }
    assert!(checked > 1_000, "only {checked} pronouns");
}

#[test]
fn most_sentences_name_somebody() {
    // These make a sentence of another story different from the next sentence of this story.
    let sentences: Vec<&str> = stories().into_iter().flatten().collect();
    let naming = sentences.iter().filter(|sentence| {
        let known =
            |word: &String| [WOMEN, MEN, ANIMALS].iter().any(|names| is_one_of(word, names));
        words(sentence).iter().any(known)
    });
    let share = naming.count() as f64 / sentences.len() as f64;
    assert!(share > 0.85, "{share:.3} of the sentences name a person or an animal");
}

/// Pairs of adjacent words.
fn pairs(words: Vec<String>) -> Vec<(String, String)> {
    words.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
fn the_settings_for_the_stories_are_pinned() {
    let options = cloze::run::PretrainingOptions::stories();
    let training = &options.recipe.training;
    assert_eq!(training.max_seq_length, 48);
    assert_eq!(options.recipe.max_predictions_per_seq, 10);
    assert_eq!(training.train_batch_size, 16);
    assert_eq!(options.recipe.masked_lm_prob_start, Some(0.3));
    assert_eq!(training.schedule.num_train_steps, 6600);
    assert_eq!(training.schedule.num_warmup_steps, 660);
    assert_eq!(options.eval_every, 660);
    assert_eq!(training.schedule.learning_rate, 2e-3);
    assert!(training.optimizer.bias_correction);
}

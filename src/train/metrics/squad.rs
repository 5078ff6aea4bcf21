//! Exact match and F1 of answers (SQuAD's official `evaluate-v2.0.py`).

use std::collections::HashMap;

/// Python's `string.punctuation`.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The text as the script compares it: lower case, without ASCII punctuation and articles, single spaces.
pub fn normalize_answer(text: &str) -> String {
    let text: String = text.to_lowercase().chars().filter(|c| !PUNCTUATION.contains(*c)).collect();
    without_articles(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` with a space in place of each article that stands between characters that are no part of a word.
fn without_articles(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let length = rest[start..].find(|c| !is_word(c)).unwrap_or(rest.len() - start);
        let (before, word) = (&rest[..start], &rest[start..start + length]);
        kept += before;
        kept += if ["a", "an", "the"].contains(&word) { " " } else { word };
        rest = &rest[start + length..];
    }
    kept + rest
}

/// The best of `score` over the right answers. Without one, the right answer is the empty text. As in the script, right
/// answers that are empty after normalization are left out.
fn best(answer: &str, gold: &[impl AsRef<str>], score: impl Fn(&str, &str) -> f64) -> f64 {
    let answer = normalize_answer(answer);
    let gold: Vec<String> = gold
        .iter()
        .map(|gold| normalize_answer(gold.as_ref()))
        .filter(|gold| !gold.is_empty())
        .collect();
    if gold.is_empty() {
        return score(&answer, "");
    }
    gold.iter().map(|gold| score(&answer, gold)).fold(0.0, f64::max)
}

/// 1 when `answer` is one of `gold`, else 0. An empty `gold` means that there is no answer, and an empty `answer` says so.
pub fn exact_match(answer: &str, gold: &[impl AsRef<str>]) -> f64 {
    best(answer, gold, |answer, gold| f64::from(u8::from(answer == gold)))
}

/// F1 over words, the best over `gold`; see [`exact_match`].
pub fn answer_f1(answer: &str, gold: &[impl AsRef<str>]) -> f64 {
    best(answer, gold, |answer, gold| {
        let [answer, gold] = [answer, gold].map(|text| text.split(' ').filter(|w| !w.is_empty()));
        let (answer, gold): (Vec<&str>, Vec<&str>) = (answer.collect(), gold.collect());
        if answer.is_empty() || gold.is_empty() {
            return f64::from(u8::from(answer == gold));
        }
        let mut left: HashMap<&str, usize> = HashMap::new();
        gold.iter().for_each(|word| *left.entry(word).or_default() += 1);
        let mut common = 0;
        for word in &answer {
            if let Some(count) = left.get_mut(word).filter(|count| **count > 0) {
                *count -= 1;
                common += 1;
            }
        }
        if common == 0 {
            return 0.0;
        }
        let precision = f64::from(common) / answer.len() as f64;
        let recall = f64::from(common) / gold.len() as f64;
        2.0 * precision * recall / (precision + recall)
    })
}

//! Chapters 2 and 3.

use super::{Checked, Hint, require, vocabulary};
use cloze::tokenizer::{Tokenizer, TokenizerOptions, TrainerOptions, WordCounts, learn};

/// Against the tokenizer.
pub fn pieces(pieces: fn(&str, &[&str]) -> Vec<String>) -> Checked {
    let own = ["f", "fo", "fox", "##e", "##es", "##s", "##x", "es", "un", "una", "##able", "##b"];
    let tokenizer = Tokenizer::new(vocabulary(&own), TokenizerOptions::default());
    let reference = |word: &str| -> Vec<String> {
        let tokens = tokenizer.tokens(&tokenizer.encode(word)).into_iter();
        tokens.map(|token| token.to_string()).collect()
    };

    let found = pieces("fox", &own);
    require!(
        !found.is_empty(),
        "pieces(\"fox\") is empty: a word has at least one piece. Here it is [\"fox\"]."
    );
    require!(
        found[0] != "f",
        "pieces(\"fox\") begins with the shortest piece, \"f\". Try the long ends of the word first."
    );
    let found = pieces("foxes", &own);
    require!(
        found != ["fox", "es"],
        "pieces(\"foxes\") is {found:?}: a piece that continues a word has ## before it. \"es\" in the vocabulary is \
         the beginning of a word."
    );
    require!(
        found != ["fox", "##e", "##s"],
        "pieces(\"foxes\") is {found:?}: the second piece has to be the longest one, too."
    );
    let found = pieces("foxy", &own);
    require!(
        found.first().map(String::as_str) != Some("fox"),
        "pieces(\"foxy\") is {found:?}: nothing fits \"y\", so the whole word is [\"[UNK]\"], without the pieces that were \
         found before."
    );
    // In "unable", "una" leads to a dead end, "un" would not.
    for word in
        ["fox", "foxes", "foxx", "foes", "fes", "foxy", "cat", "unable", "unb", "un", "es", "f"]
    {
        let (found, expected) = (pieces(word, &own), reference(word));
        require!(
            found == expected,
            "pieces({word:?}) is {found:?}. The tokenizer says {expected:?}.\nThe vocabulary is {own:?}."
        );
    }
    Ok(())
}

type BestPair = fn(&[(Vec<u32>, u64)]) -> Option<((u32, u32), u64)>;

/// Against the trainer: the next entry of its vocabulary is the pair, joined.
pub fn best_pair(best_pair: BestPair) -> Checked {
    let found = best_pair(&[(vec![1, 2], 4), (vec![1, 2, 3], 2)]);
    require!(
        found.is_some(),
        "best_pair([[1, 2] × 4, [1, 2, 3] × 2]) is None, but 1, 2 are neighbours."
    );
    require!(
        found != Some(((1, 2), 2)),
        "The pair (1, 2) is counted twice in [[1, 2] × 4, [1, 2, 3] × 2]: once for each word of the list. But the first \
         word occurs 4 times and the second one 2 times."
    );
    require!(
        found == Some(((1, 2), 6)),
        "best_pair([[1, 2] × 4, [1, 2, 3] × 2]) is {found:?}, not ((1, 2), 6)."
    );
    let found = best_pair(&[(vec![4, 1], 3), (vec![3, 9], 3), (vec![5, 5], 1)]);
    require!(
        found == Some(((3, 9), 3)),
        "best_pair([[4, 1] × 3, [3, 9] × 3, [5, 5] × 1]) is {found:?}. Two pairs have the count 3; the pair with the \
         smaller ids is ((3, 9), 3)."
    );
    require!(
        best_pair(&[(vec![7], 9)]).is_none(),
        "A word of one piece has no pair: the answer is None."
    );

    for words in [
        &[("low", 4), ("lower", 2), ("newest", 3)][..],
        &[("jump", 2), ("jumps", 2), ("jumped", 2), ("lumps", 1)],
        &[("the", 5), ("then", 1), ("hen", 4), ("ten", 5)],
    ] {
        let mut counts = WordCounts::new();
        words.iter().for_each(|&(word, count)| counts.add_word(word, count));
        let learned = |size| learn(&counts, &TrainerOptions::default().with_vocab_size(size));
        // The smallest vocabulary that can be learned has single characters alone; one more entry is one merge.
        let size = (1..).find(|&size| learned(size).is_ok()).unwrap();
        let (characters, merged) = (learned(size).unwrap(), learned(size + 1).unwrap());
        let id = |(at, c): (usize, char)| {
            characters.id(&if at == 0 { c.to_string() } else { format!("##{c}") }).unwrap()
        };
        let ids = |word: &str| word.char_indices().map(id).collect();
        let words_of_ids: Vec<(Vec<u32>, u64)> =
            words.iter().map(|&(word, count)| (ids(word), count)).collect();
        let expected = merged.token(size as u32).unwrap();
        let Some(((left, right), _)) = best_pair(&words_of_ids) else {
            return Err(Hint(format!("best_pair of {words:?} is None, but there are neighbours.")));
        };
        let token = |id| characters.token(id).unwrap_or("(no such id)");
        let joined = format!("{}{}", token(left), token(right).trim_start_matches("##"));
        require!(
            joined == expected,
            "Of {words:?} you merge {joined:?}. The trainer merges {expected:?}."
        );
    }
    Ok(())
}

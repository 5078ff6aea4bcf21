//! Chapters 4 and 5.

use super::{Checked, Hint, require, vocabulary};
use cloze::data::{
    Corpus, MaskSettings, Masking, PairSettings, SentenceEncoder, Storage, TokenStore, create_pairs,
};
use cloze::tensor::random::{Generator, Purpose};
use cloze::tokenizer::{Tokenizer, TokenizerOptions};

/// A tokenizer of the special tokens and the word x.
fn tokenizer() -> Tokenizer {
    Tokenizer::new(vocabulary(&["x"]), TokenizerOptions::default())
}

/// The lengths of A and B after `create_pairs`, for two documents of one sentence: then B is the other document.
fn lengths_of_cloze(a: usize, b: usize, max: usize) -> (usize, usize) {
    let text = format!("{}\n\n{}\n", "x ".repeat(a), "x ".repeat(b));
    let (corpus, tokenizer) = (Corpus::from_text("two", text), tokenizer());
    let encoder = SentenceEncoder::of(&tokenizer);
    let store = TokenStore::build(&corpus, &encoder, Storage::Memory, &mut |_, _| {}).unwrap();
    let settings = PairSettings::default().with_max_seq_length(max + 3).with_short_seq_prob(0.0);
    let mut generator = Generator::new(1, Purpose::SentencePairs, 0, 0);
    let mut pairs = Vec::new();
    create_pairs(&store, &[0, 1], 0, &settings, &mut generator, &mut pairs);
    ((pairs[0].a.end - pairs[0].a.start) as usize, (pairs[0].b.end - pairs[0].b.start) as usize)
}

type TruncatePair = fn(&mut Vec<u32>, &mut Vec<u32>, usize, &mut dyn FnMut() -> bool);

/// The lengths against `create_pairs`; which end loses a token against the coin.
pub fn truncate_pair(truncate_pair: TruncatePair) -> Checked {
    // A is 0, 1, 2, …; B is 100, 101, 102, …
    let truncated = |a: usize, b: usize, max: usize, coin: &mut dyn FnMut() -> bool| {
        let (mut a, mut b) = ((0..a as u32).collect::<Vec<_>>(), (100..100 + b as u32).collect());
        truncate_pair(&mut a, &mut b, max, coin);
        (a, b)
    };
    for (a, b, max) in
        [(9, 2, 7), (2, 9, 7), (6, 6, 7), (5, 8, 4), (3, 2, 5), (2, 2, 30), (20, 19, 20)]
    {
        let (new_a, new_b) = truncated(a, b, max, &mut || true);
        let found = (new_a.len(), new_b.len());
        require!(
            found.0 + found.1 <= max,
            "A has {a} tokens and B has {b}. At most {max} may stay, but you leave {} and {}. Go on until they fit.",
            found.0,
            found.1
        );
        require!(
            found.0 + found.1 == max.min(a + b),
            "A has {a} tokens and B has {b}. {max} may stay, but you leave only {} and {}. Stop as soon as they fit.",
            found.0,
            found.1
        );
        let expected = lengths_of_cloze(a, b, max);
        require!(
            found == expected,
            "A has {a} tokens and B has {b}. {max} may stay: you leave {found:?}, `create_pairs` leaves {expected:?}.\n\
             Each time, the longer one loses a token; if they are equally long, B does."
        );
    }
    let tossed = |heads: bool| truncated(5, 1, 3, &mut || heads).0;
    let (heads, tails) = (tossed(true), tossed(false));
    require!(
        (&heads, &tails) != (&vec![0, 1], &vec![3, 4]),
        "The ends are exchanged: with heads (true) the first token goes, with tails the last one."
    );
    require!(
        heads == [3, 4],
        "A is [0, 1, 2, 3, 4] and loses three tokens, always heads: it is {heads:?}, not [3, 4]."
    );
    require!(
        tails == [0, 1],
        "A is [0, 1, 2, 3, 4] and loses three tokens, always tails: it is {tails:?}, not [0, 1]."
    );
    let (mut tosses, coins) = (0, [true, false, false, true]);
    let (a, b) = truncated(5, 3, 4, &mut || {
        tosses += 1;
        coins[(tosses - 1) % coins.len()]
    });
    require!(
        tosses == 4,
        "Four tokens go, but the coin is tossed {tosses} times. It decides about each token anew."
    );
    // A: front, back; then 3 and 3 are equal: B loses its back; then A its front.
    require!(
        (&a[..], &b[..]) == (&[2, 3], &[100, 101]),
        "A = [0, 1, 2, 3, 4], B = [100, 101, 102], at most 4 tokens, coins heads, tails, tails, heads: {a:?} {b:?}, not \
         [2, 3] [100, 101]."
    );
    Ok(())
}

/// Against `Masking`.
pub fn number_of_masks(number_of_masks: fn(usize, f64, usize) -> usize) -> Checked {
    let found = number_of_masks(20, 0.15, 20);
    require!(found != 0, "number_of_masks(20, 0.15, 20) is 0. 20 · 0.15 = 3.");
    let found = number_of_masks(5, 0.01, 20);
    require!(
        found == 1,
        "number_of_masks(5, 0.01, 20) is {found}: 0.05 rounds to 0, but at least one token is chosen."
    );
    let found = number_of_masks(100, 0.15, 10);
    require!(
        found == 10,
        "number_of_masks(100, 0.15, 10) is {found}: at most max_predictions_per_seq, here 10."
    );
    let found = number_of_masks(10, 0.25, 20);
    require!(
        found != 3,
        "number_of_masks(10, 0.25, 20) is 3: 2.5 has to become 2, the even neighbour. f64::round rounds away from 0."
    );
    let found = number_of_masks(14, 0.25, 20);
    require!(
        found != 3,
        "number_of_masks(14, 0.25, 20) is 3: 3.5 has to become 4, the even neighbour. `as usize` cuts digits off."
    );
    let tokenizer = tokenizer();
    for share in [0.15, 0.25, 0.5] {
        for most in [1, 20, 76] {
            let settings = MaskSettings::default()
                .with_masked_lm_prob(share)
                .with_max_predictions_per_seq(most);
            let masking = Masking::new(settings, tokenizer.vocabulary());
            // At least as many words as masks: [CLS] and [SEP] cannot be chosen.
            for length in 4..130 {
                let mut ids = vec![5; length];
                (ids[0], ids[length - 1]) =
                    (tokenizer.vocabulary().cls_id(), tokenizer.vocabulary().sep_id());
                let mut generator = Generator::new(0, Purpose::Masking, 0, 0);
                let expected = masking.mask(&mut ids, &mut generator).0.len();
                let found = number_of_masks(length, share, most);
                require!(
                    found == expected,
                    "number_of_masks({length}, {share}, {most}) is {found}. `Masking` chooses {expected}."
                );
            }
        }
    }
    Ok(())
}

/// Counts how often each of the three results comes out, and compares the shares with what `Masking` does.
pub fn replacement(replacement: fn(u32, u32, u32, f64) -> u32) -> Checked {
    let (id, mask, random) = (7, 4, 9);
    let kinds = |id: u32| match id {
        4 => "[MASK]",
        7 => "the token itself",
        9 => "the random token",
        _ => "none of the three",
    };
    // The middles of a thousand equal parts of 0..1.
    let draws = || (0..1000).map(|part| (f64::from(part) + 0.5) / 1000.0);
    let count = |kind: u32| draws().filter(|&u| replacement(id, mask, random, u) == kind).count();
    let found = [count(mask), count(id), count(random)];
    require!(
        found[1] < 1000,
        "The token itself stays in all draws. In 80 % of them it becomes [MASK]."
    );
    require!(
        found != [800, 0, 200] && found != [800, 200, 0],
        "Of 1,000 draws {found:?} are [MASK], the token itself, random. If u is not below 0.8, it is between 0.8 and 1. The \
         middle of these is 0.9, not 0.5."
    );
    require!(
        found == [800, 100, 100],
        "Of 1,000 draws {found:?} are [MASK], the token itself, random: not [800, 100, 100]."
    );
    for (u, expected) in
        [(0.0, mask), (0.799, mask), (0.8, id), (0.899, id), (0.901, random), (0.999, random)]
    {
        let found = replacement(id, mask, random, u);
        require!(
            found == expected,
            "With u = {u} the model reads {}, not {}.",
            kinds(found),
            kinds(expected)
        );
    }

    // `cloze`: sequences of [CLS] x x … [SEP], and 10 entries, so that a random token is x in a tenth of the draws.
    let vocabulary = vocabulary(&["x", "a", "b", "c", "d"]);
    let masking = Masking::new(MaskSettings::default(), &vocabulary);
    let x = vocabulary.id("x").unwrap();
    let (mut of_cloze, mut chosen) = ([0usize; 2], 0);
    for sequence in 0..1000 {
        let mut ids = vec![x; 102];
        (ids[0], ids[101]) = (vocabulary.cls_id(), vocabulary.sep_id());
        let mut generator = Generator::new(0, Purpose::Masking, 0, sequence);
        for position in masking.mask(&mut ids, &mut generator).0 {
            chosen += 1;
            of_cloze[0] += usize::from(ids[position as usize] == vocabulary.mask_id());
            of_cloze[1] += usize::from(ids[position as usize] == x);
        }
    }
    // A random token is [MASK] in a tenth of the draws, and x in another tenth.
    let random_share = found[2] as f64 / 1000.0 / 10.0;
    for (found, of_cloze) in found.into_iter().zip(of_cloze) {
        let (found, of_cloze) =
            (found as f64 / 1000.0 + random_share, of_cloze as f64 / f64::from(chosen));
        // Four standard deviations of a share of 0.81 in 15,000 draws.
        require!(
            (found - of_cloze).abs() < 0.013,
            "A share of {found}, but `Masking` has {of_cloze}."
        );
    }
    Ok(())
}

//! Steps 1 to 4: from the text to the vectors that the first layer reads.

use super::screen::{Cell, Ink, Screen, bar, count, thousands};
use super::step::Step;
use super::view::View;
use crate::data::MaskUnit;
use crate::report::visible::visible;
use crate::tasks::Explanation;
use crate::tasks::explain::{Became, ReadCharacter, TextSteps};

/// The names of the texts of a pair; a single text has none.
fn labels(explanation: &Explanation) -> &'static [&'static str] {
    if explanation.texts.len() == 2 { &["A ", "B "] } else { &[""] }
}

/// Blocks of a grid with `rows` rows that fit a screen beside the other lines of a step.
fn blocks(view: &View, rows: usize) -> usize {
    if view.is_whole() { usize::MAX } else { (14 / (rows + 1)).max(1) }
}

/// Step 1: characters, normalized text, words.
pub(super) fn text(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Text, "");
    screen.say(
        "First the text is made uniform: this is called normalization. Control characters go, every kind of space \
         becomes a space. An uncased model also makes letters lower-case and drops their accents.",
    );
    let most = match (view.is_whole(), explanation.texts.len()) {
        (true, _) => usize::MAX,
        (false, 1) => 3,
        _ => 1,
    };
    let most_words = most.saturating_add(1);
    for (steps, label) in explanation.texts.iter().zip(labels(explanation)) {
        screen.blank();
        screen.labelled(&format!("{label}text"), &steps.text, most);
        screen.labelled("normalized", &steps.normalized, most);
        screen.labelled("changed", &changed(&steps.characters), most);
        let words: Vec<&str> = steps.words.iter().map(|word| &*word.word).collect();
        screen.labelled("words", &words.join(" │ "), most_words);
        cut(screen, steps);
    }
    let sum = |count: fn(&TextSteps) -> usize| explanation.texts.iter().map(count).sum();
    screen.blank();
    screen.say(&format!(
        "Then it is split at spaces and around punctuation: {}, {}.",
        count(sum(|steps| steps.characters.len()), "character", "characters"),
        count(sum(|steps| steps.words.len()), "word", "words"),
    ));
    screen.equation("words = split(normalize(text))");
}

/// Says that a text was cut, or that the vocabulary knows none of its words.
fn cut(screen: &mut Screen, steps: &TextSteps) {
    if let Some(cut) = steps.cut {
        let end: String = steps.characters.iter().rev().take(8).map(|c| c.character).collect();
        let end: String = end.chars().rev().collect();
        screen.say(&format!(
            "CUT: {} of {} tokens are read, up to character {}: “…{}”.",
            cut.tokens_read,
            cut.tokens,
            cut.characters_read,
            visible(&end)
        ));
    }
    if steps.all_unknown {
        screen.say("The vocabulary knows none of these words: every token is [UNK].");
    }
}

/// The characters that normalization changed, each once.
fn changed(characters: &[ReadCharacter]) -> String {
    let mut seen: Vec<String> = Vec::new();
    for ReadCharacter { character, code_point, normalized } in characters {
        let before = character.to_string();
        if *normalized == before || normalized.trim() == before {
            continue;
        }
        let name = match character.is_ascii_graphic() {
            true => before,
            false if character.is_alphabetic() => format!("{before} (U+{code_point:04X})"),
            false => format!("U+{code_point:04X}"),
        };
        let after = match &**normalized {
            "" => "dropped",
            " " => "space",
            after => after,
        };
        let change = format!("{name} → {after}");
        if !seen.contains(&change) {
            seen.push(change);
        }
    }
    if seen.is_empty() { "nothing".into() } else { seen.join(", ") }
}

/// Step 2: pieces, ids, segments, positions.
pub(super) fn pieces(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Pieces, "");
    screen.say(&format!(
        "The vocabulary has {} pieces. A word that is not one of them is cut: from the left, each time the longest \
         piece that fits. ## says that a piece continues a word. A word that no pieces fit is [UNK], unknown.",
        thousands(explanation.model.vocab_size)
    ));
    let words = explanation.texts.iter().flat_map(|steps| &steps.words);
    let cut = words
        .filter(|word| word.pieces.len() > 1 || (!word.is_special && word.pieces[0] == "[UNK]"));
    let mut cut: Vec<String> =
        cut.map(|word| format!("{} → {}", word.word, word.pieces.join(" "))).collect();
    cut.dedup();
    let cut = if cut.is_empty() { "no word: each is a piece".into() } else { cut.join(", ") };
    screen.labelled("cut", &cut, if view.is_whole() { usize::MAX } else { 2 });
    screen.blank();
    let columns = explanation.tokens.iter().map(|token| {
        vec![
            Cell::plain(token.position),
            Cell::token(&token.token, None),
            Cell::plain(token.token_id),
            Cell::plain(token.segment),
        ]
    });
    let labels = ["position", "token", "id", "segment"];
    screen.grid(&labels, &columns.collect::<Vec<_>>(), blocks(view, labels.len()));
    screen.blank();
    screen.say(
        "[CLS] begins the sequence, [SEP] ends each text. The id of a piece is its line in vocab.txt, from 0. \
         Segment 0 is the first text, segment 1 the second.",
    );
    screen.equation(match explanation.texts.len() {
        1 => "sequence = [CLS] text [SEP]",
        _ => "sequence = [CLS] A [SEP] B [SEP]",
    });
}

/// Step 3: what is hidden.
pub(super) fn masks(screen: &mut Screen, explanation: &Explanation, view: &View) {
    let masking = &explanation.masking;
    screen.heading(Step::Masks, "");
    let hidden = |position: usize| masking.hidden.iter().any(|token| token.position == position);
    let ink = |position: usize| hidden(position).then_some(Ink::Mark);
    let Some(draws) = &masking.draws else {
        screen.say(
            "The text has [MASK] of its own. These are the blanks: nothing else is hidden, and nobody knows the right \
             words. Give a text without [MASK] to see what pretraining hides.",
        );
        screen.blank();
        let tokens = masking.input_tokens.iter().enumerate();
        let columns = tokens.map(|(at, token)| vec![Cell::plain(at), Cell::token(token, ink(at))]);
        screen.grid(&["position", "reads"], &columns.collect::<Vec<_>>(), blocks(view, 2));
        return;
    };
    let unit = match draws.masking {
        MaskUnit::Token => "tokens",
        MaskUnit::WholeWord => "tokens, whole words at once",
        MaskUnit::Span => "tokens, spans of words at once",
    };
    screen.say(&format!(
        "Pretraining hides some {unit}, and asks for them back: masked language modelling. It chooses {:.0} % of \
         the positions. Of these, 80 % become [MASK], 10 % stay as they are, 10 % become a random token. So the model \
         cannot trust any token, and must understand all.",
        100.0 * draws.masked_lm_prob,
    ));
    screen.equation(&format!(
        "chosen = min({}, max(1, round({} · {}))) = {}          seed {}",
        draws.max_predictions_per_seq,
        explanation.tokens.len(),
        draws.masked_lm_prob,
        masking.hidden.len(),
        draws.seed,
    ));
    let listed = if view.is_whole() || masking.hidden.len() <= 4 { usize::MAX } else { 3 };
    for token in masking.hidden.iter().take(listed) {
        let (before, after) = (token.token.as_deref().unwrap_or_default(), &*token.input_token);
        let [before, after] = [before, after].map(visible);
        let what = match token.became {
            Became::Mask => format!("{before} → [MASK]"),
            Became::Kept => format!("{before} stays {before}, but is asked for"),
            Became::Random => format!("{before} → {after}, a random token"),
        };
        screen.labelled(&format!("position {}", token.position), &what, 1);
    }
    let left = masking.hidden.len().saturating_sub(listed);
    if left > 0 {
        screen.line(&format!("  … and {left} more"));
    }
    screen.blank();
    let tokens = explanation.tokens.iter().zip(&masking.input_tokens).zip(&draws.tokens);
    let columns = tokens.map(|((token, reads), counts)| {
        let ink = ink(token.position);
        vec![
            Cell::token(&token.token, None),
            Cell::token(if ink.is_some() { reads } else { "·" }, ink),
            Cell::plain(counts.chosen),
        ]
    });
    let columns: Vec<_> = columns.collect();
    let most = if view.is_whole() { usize::MAX } else { 2 };
    screen.grid(&["token", "hidden as", "chosen"], &columns, most);
    screen.line(&format!(
        "In {} draws, {} tokens are chosen (above: how often each). They become",
        thousands(draws.draws as usize),
        thousands(draws.all.chosen as usize)
    ));
    let kinds =
        [("[MASK]", draws.all.mask), ("the same", draws.all.kept), ("random", draws.all.random)];
    for (what, times) in kinds {
        let share = times as f32 / draws.all.chosen.max(1) as f32;
        let bar = screen.paint(Some(Ink::Bar), &bar(share, screen.width().saturating_sub(32)));
        screen.line(&format!(
            "  {what:<9}{:>8} {:>5.1} % {bar}",
            thousands(times as usize),
            100.0 * share
        ));
    }
    screen.say("Masking is not next-sentence prediction, which hides nothing (step 7).");
}

/// Step 4: the embeddings.
pub(super) fn embeddings(screen: &mut Screen, explanation: &Explanation, view: &View) {
    screen.heading(Step::Embeddings, "");
    screen.say(&format!(
        "Each token becomes a vector: {} numbers. It is the sum of three learned vectors: for the piece, for its \
         position, and for its segment. LayerNorm then brings the numbers of the sum to one size (mean 0, spread 1), \
         and scales them by learned numbers.",
        explanation.model.hidden_size
    ));
    screen.equation("x = LayerNorm(word[id] + position[p] + segment[s])");
    screen.say("The length ‖v‖ = √Σ v² of a vector says how much it counts in the sum:");
    screen.blank();
    let tokens = explanation.embeddings.iter().zip(&explanation.masking.input_tokens);
    let columns = tokens.map(|(embedded, token)| {
        let is_hidden =
            explanation.masking.hidden.iter().any(|hidden| hidden.position == embedded.position);
        let mut cells = vec![Cell::token(token, is_hidden.then_some(Ink::Mark))];
        let norms = [
            embedded.word_norm,
            embedded.position_norm,
            embedded.segment_norm,
            embedded.sum_norm,
            embedded.output_norm,
        ];
        cells.extend(norms.map(|norm| Cell::plain(length(norm))));
        cells
    });
    let labels = ["token", "word", "position", "segment", "sum", "LayerNorm"];
    screen.grid(&labels, &columns.collect::<Vec<_>>(), blocks(view, labels.len()));
    screen.blank();
    screen.say("The sum is shorter than its parts, as they point into different directions.");
}

/// The length of a vector in few signs.
fn length(norm: f32) -> String {
    if (0.01..1000.0).contains(&norm) { format!("{norm:.2}") } else { format!("{norm:.0e}") }
}

//! The first steps: from characters to words, pieces, ids, segments and positions.

use super::super::error::TaskError;
use super::super::offsets::Offsets;
use super::super::sequence::Sequence;
use crate::tokenizer::{CONTINUATION_PREFIX, Token, Tokenizer, Vocabulary};
use serde::Serialize;
use std::ops::Range;

/// A text on its way to word pieces. All of it is about the part that is read, when the text is too long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextSteps {
    /// The text as it was given, whole.
    pub text: String,
    /// Where the text was cut, if it has too many tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<CutText>,
    /// The characters, and what normalization made of each.
    pub characters: Vec<ReadCharacter>,
    /// The normalized text: as the tokenizer of the model wants it, lower-cased and without accents.
    pub normalized: String,
    /// The words of the normalized text. A punctuation character is a word by itself.
    pub words: Vec<Word>,
    /// Whether the vocabulary knows no word of the text: every token is `[UNK]`.
    pub all_unknown: bool,
}

/// Where a text was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CutText {
    /// Tokens of the whole text, without `[CLS]` and `[SEP]`.
    pub tokens: usize,
    /// Tokens that are read, from the beginning.
    pub tokens_read: usize,
    /// Characters (Unicode scalar values) that are read, from the beginning.
    pub characters_read: usize,
}

/// One character of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadCharacter {
    /// The character.
    pub character: char,
    /// Its number in Unicode.
    pub code_point: u32,
    /// What normalization makes of it; empty when it is dropped.
    pub normalized: String,
}

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// The normalized word.
    pub word: String,
    /// The character of the text that it begins with, counted from 0.
    pub start: usize,
    /// The character of the text after its last one.
    pub end: usize,
    /// Its pieces. A piece that continues a word begins with `##`.
    pub pieces: Vec<String>,
    /// Their ids.
    pub piece_ids: Vec<u32>,
    /// Whether it is a special token that was written in the text, such as `[MASK]`.
    pub is_special: bool,
}

/// One token of the sequence `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadToken {
    /// The position, counted from 0.
    pub position: usize,
    /// The word piece.
    pub token: String,
    /// Its id: its line in `vocab.txt`, counted from 0.
    pub token_id: u32,
    /// The segment: 0 for `[CLS] A [SEP]`, 1 for `B [SEP]`.
    pub segment: u32,
    /// The word that it is a piece of, as an index into [`TextSteps::words`] of its text; `None` for the `[CLS]` and
    /// `[SEP]` that are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<usize>,
}

/// Reads one or two texts into a sequence of at most `most` tokens. Texts that have more are cut at their ends, the
/// longer one first (B when both are equally long).
///
/// # Errors
/// [`TaskError::NoToken`]; [`TaskError::TooLong`] when `most` leaves no token for each text.
pub(super) fn read(
    tokenizer: &Tokenizer,
    texts: &[&str],
    most: usize,
) -> Result<(Vec<TextSteps>, Sequence), TaskError> {
    let vocabulary = tokenizer.vocabulary();
    let tokens: Vec<Vec<Token>> =
        texts.iter().map(|text| tokenizer.encode_with_offsets(text)).collect();
    if let Some(index) = tokens.iter().position(Vec::is_empty) {
        return Err(TaskError::NoToken { index });
    }
    let special = texts.len() + 1;
    let all = tokens.iter().map(Vec::len).sum::<usize>() + special;
    if most < special + texts.len() {
        return Err(TaskError::TooLong { index: 0, texts: 1, tokens: all, most });
    }
    let mut lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
    for _ in most..all {
        let longest = (0..texts.len()).max_by_key(|&index| lengths[index]).expect("a text");
        lengths[longest] -= 1;
    }
    let mut sequence =
        Sequence { input_ids: vec![vocabulary.cls_id()], token_type_ids: Vec::new() };
    let mut steps = Vec::new();
    for (index, (&text, tokens)) in texts.iter().zip(&tokens).enumerate() {
        let read = &tokens[..lengths[index]];
        sequence.input_ids.extend(read.iter().map(|token| token.id));
        sequence.input_ids.push(vocabulary.sep_id());
        sequence.token_type_ids.resize(sequence.input_ids.len(), index as u32);
        steps.push(text_steps(tokenizer, text, read, tokens.len()));
    }
    Ok((steps, sequence))
}

/// The tokens of `sequence`, which was made of `texts`.
pub(super) fn read_tokens(
    vocabulary: &Vocabulary,
    texts: &[TextSteps],
    sequence: &Sequence,
) -> Vec<ReadToken> {
    let mut words = vec![None];
    for text in texts {
        let of_word = |(index, word): (usize, &Word)| vec![Some(index); word.pieces.len()];
        words.extend(text.words.iter().enumerate().flat_map(of_word));
        words.push(None);
    }
    let ids = sequence.input_ids.iter().zip(&sequence.token_type_ids).zip(words).enumerate();
    ids.map(|(position, ((&token_id, &segment), word))| ReadToken {
        position,
        token: name(vocabulary, token_id),
        token_id,
        segment,
        word,
    })
    .collect()
}

/// The token `id`; empty for a row of the embedding table without a token.
pub(super) fn name(vocabulary: &Vocabulary, id: u32) -> String {
    vocabulary.token(id).unwrap_or_default().into()
}

/// The steps of `text`, of which `tokens` are read; it has `all` tokens.
fn text_steps(tokenizer: &Tokenizer, text: &str, tokens: &[Token], all: usize) -> TextSteps {
    let vocabulary = tokenizer.vocabulary();
    let end = match tokens.last() {
        Some(last) if tokens.len() < all => last.source.end,
        _ => text.len(),
    };
    let read = &text[..end];
    let offsets = Offsets::new(text);
    let is_special = |token: &Token| {
        tokenizer.is_special_token(token.id)
            && vocabulary.token(token.id) == Some(&text[token.source.clone()])
    };
    let specials: Vec<Range<usize>> =
        tokens.iter().filter(|token| is_special(token)).map(|token| token.source.clone()).collect();
    let (characters, normalized) = normalize(tokenizer, read, &specials);
    let mut words: Vec<Word> = Vec::new();
    let normalizer = tokenizer.options().normalizer();
    let mut first = 0;
    while first < tokens.len() {
        let continues = |token: &Token| {
            vocabulary.token(token.id).is_some_and(|token| token.starts_with(CONTINUATION_PREFIX))
        };
        let pieces = 1 + tokens[first + 1..].iter().take_while(|token| continues(token)).count();
        let pieces = &tokens[first..first + pieces];
        let source = pieces[0].source.start..pieces[pieces.len() - 1].source.end;
        let word = &text[source.clone()];
        let is_special = is_special(&pieces[0]);
        words.push(Word {
            word: match is_special {
                true => word.into(),
                false => normalizer.normalize(word).trim().into(),
            },
            start: offsets.character(source.start),
            end: offsets.character(source.end),
            pieces: pieces.iter().map(|piece| name(vocabulary, piece.id)).collect(),
            piece_ids: pieces.iter().map(|piece| piece.id).collect(),
            is_special,
        });
        first += pieces.len();
    }
    TextSteps {
        text: text.into(),
        cut: (tokens.len() < all).then(|| CutText {
            tokens: all,
            tokens_read: tokens.len(),
            characters_read: offsets.character(end),
        }),
        characters,
        normalized,
        words,
        all_unknown: tokens.iter().all(|token| token.id == vocabulary.unk_id()),
    }
}

/// Every character of `text` with what normalization makes of it, and the normalized text. The ranges of bytes in
/// `specials` are special tokens, which stay as they are.
fn normalize(
    tokenizer: &Tokenizer,
    text: &str,
    specials: &[Range<usize>],
) -> (Vec<ReadCharacter>, String) {
    let normalizer = tokenizer.options().normalizer();
    // By the first byte of the original character.
    let mut normalized: Vec<String> = vec![String::new(); text.len()];
    let mut whole = String::new();
    let mut done = 0;
    for special in specials.iter().cloned().chain(std::iter::once(text.len()..text.len())) {
        normalizer.for_each_character(&text[done..special.start], |character, source| {
            normalized[done + source.start].push(character);
            whole.push(character);
        });
        for (at, character) in text[special.clone()].char_indices() {
            normalized[special.start + at].push(character);
            whole.push(character);
        }
        done = special.end;
    }
    let characters = text.char_indices().map(|(at, character)| ReadCharacter {
        character,
        code_point: character.into(),
        normalized: std::mem::take(&mut normalized[at]),
    });
    (characters.collect(), whole)
}

//! Tests of `tokenizer.rs`.

use super::*;
use proptest::prelude::*;

fn tokenizer(options: TokenizerOptions) -> Tokenizer {
    let own = ["a", "##b", "##e", "e", "中", "!", "[", "]", "mask", "c", "##\u{301}"];
    let tokens = SPECIAL_TOKENS.iter().chain(&own).map(|token| token.to_string()).collect();
    Tokenizer::new(Vocabulary::from_tokens(tokens).unwrap(), options)
}

fn encoded(text: &str) -> Vec<String> {
    let tokenizer = tokenizer(TokenizerOptions::default());
    let encoded = tokenizer.encode_with_offsets(text);
    let ids: Vec<_> = encoded.iter().map(|token| token.id).collect();
    assert_eq!(tokenizer.encode(text), ids);
    let tokens = tokenizer.tokens(&ids);
    let show = |(token, at): (&&str, &Token)| format!("{token}={}", &text[at.source.clone()]);
    tokens.iter().zip(&encoded).map(show).collect()
}

#[test]
fn text_to_learn_from_holds_no_special_token() {
    let tokenizer = tokenizer(TokenizerOptions::default());
    assert_eq!(tokenizer.tokens(&tokenizer.encode("a [MASK]!")), ["a", "[MASK]", "!"]);
    let plain = Tokenizer { fast: None, ..tokenizer.clone() };
    for tokenizer in [&tokenizer, &plain] {
        let tokens = tokenizer.encode_text("a [MASK]!");
        assert_eq!(tokenizer.tokens(&tokens), ["a", "[", "mask", "]", "!"]);
    }
}

#[test]
fn tokens_know_the_text_they_came_from() {
    assert_eq!(encoded("  ÀB É!中"), ["a=À", "##b=B", "e=É", "!=!", "中=中"]);
    assert_eq!(encoded("a\u{0}B xyz"), ["a=a", "##b=B", "[UNK]=xyz"]);
    assert_eq!(encoded("Ce\u{301}"), ["c=C", "##e=e"]);
}

#[test]
fn special_tokens_in_the_text_stay_whole_in_their_case_only() {
    assert_eq!(encoded("a[MASK]b"), ["a=a", "[MASK]=[MASK]", "[UNK]=b"]);
    assert_eq!(encoded("[mask]"), ["[=[", "mask=mask", "]=]"]);
}

#[test]
fn accents_follow_the_case_unless_said_otherwise() {
    let ids = |options, text| tokenizer(options).encode(text);
    let default = TokenizerOptions::default();
    assert_eq!(ids(default, "CÉ"), ids(default, "ce"));
    let kept = TokenizerOptions { strip_accents: Some(false), ..default };
    assert_eq!(ids(kept, "CÉ"), [1]);
    let cased = TokenizerOptions { do_lower_case: false, ..default };
    assert_eq!(ids(cased, "cé"), [1]);
    let stripped = TokenizerOptions { strip_accents: Some(true), ..cased };
    assert_eq!(ids(stripped, "cé"), ids(default, "ce"));
    assert_eq!(ids(stripped, "CE"), [1]);
}

#[test]
fn decoding_joins_pieces_and_punctuation() {
    let tokenizer = tokenizer(TokenizerOptions::default());
    let ids = tokenizer.encode("[CLS] ab [MASK]! ab [SEP]");
    assert_eq!(tokenizer.decode(&ids, false), "[CLS] ab [MASK]! ab [SEP]");
    assert_eq!(tokenizer.decode(&ids, true), "ab! ab");
    assert_eq!(tokenizer.decode(&[6, 99, 5], true), "##b a");
    assert_eq!(tokenizer.tokens(&[99]), ["[UNK]"]);
}

proptest! {
    #[test]
    fn any_text_encodes_to_ids_in_range_with_offsets_in_order(
        text in r"(\PC|[abceÉ中 \[\]!]|\[MASK\]|\p{M}|\p{C}){0,40}",
        do_lower_case: bool,
        strip_accents: Option<bool>,
        tokenize_chinese_chars: bool,
    ) {
        let options = TokenizerOptions { do_lower_case, strip_accents, tokenize_chinese_chars };
        let tokenizer = tokenizer(options);
        let mut last_start = 0;
        let ids = tokenizer.encode(&text);
        let tokens = tokenizer.encode_with_offsets(&text);
        prop_assert!(tokens.iter().map(|token| token.id).eq(ids), "the fast and the plain ids");
        for token in tokens {
            prop_assert!(tokenizer.vocabulary().token(token.id).is_some());
            prop_assert!(last_start <= token.source.start);
            last_start = token.source.start;
            prop_assert!(text.get(token.source.clone()).is_some_and(|s| !s.is_empty()));
        }
    }
}

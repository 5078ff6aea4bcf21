use super::*;
use crate::data::store_format::{TRAILER_BYTES, VERSION, u64_at};
use crate::system::digest::Digest;
use crate::tokenizer::{Tokenizer, TokenizerOptions, Vocabulary};
use std::fs;

/// A store of text, one id a distinct word, from 5 on.
pub fn store(text: &'static str) -> TokenStore {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    let encode = |sentence: &str| {
        let id = |word: &str| 5 + words.binary_search(&word).unwrap() as u32;
        sentence.split_whitespace().filter(|word| *word != "-").map(id).collect()
    };
    let encoding = SentenceEncoder::from_fn("words", 1000, encode);
    TokenStore::build(&Corpus::from_text("test", text), &encoding, Storage::Memory, &mut |_, _| {})
        .unwrap()
}

fn text() -> Corpus {
    Corpus::from_text("the text", "t5 t6 t7\nt8\n\n-\n\n-\nt9 t10\n")
}

/// `t<id>` is an id; other words have no token.
fn encoding(vocab_size: usize) -> SentenceEncoder<'static> {
    let id = |word: &str| word.strip_prefix('t').and_then(|id| id.parse().ok());
    let encode = move |text: &str| text.split_whitespace().filter_map(id).collect();
    SentenceEncoder::from_fn(&vocab_size.to_string(), vocab_size, encode)
}

fn create(
    path: &Path,
    corpus: &Corpus,
    encoding: &SentenceEncoder<'_>,
) -> Result<TokenStore, DataError> {
    TokenStore::build(corpus, encoding, Storage::File(path.into()), &mut |_, _| {})
}

fn documents(store: &TokenStore) -> Vec<Vec<Vec<u32>>> {
    let sentence = |number| {
        let mut ids = Vec::new();
        store.extend(store.sentence(number), &mut ids);
        ids
    };
    (0..store.documents()).map(|d| store.document(d).map(sentence).collect()).collect()
}

fn files_in(directory: &tempfile::TempDir) -> usize {
    fs::read_dir(directory.path()).unwrap().count()
}

#[test]
fn a_store_holds_the_documents() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let expected = vec![vec![vec![5, 6, 7], vec![8]], vec![vec![9, 10]]];
    for (vocab_size, bytes) in [(11, 16), (1 << 16, 16), ((1 << 16) + 1, 24)] {
        let encoding = encoding(vocab_size);
        let store = TokenStore::build(&text(), &encoding, Storage::Memory, &mut |_, _| {}).unwrap();
        assert_eq!(documents(&store), expected);
        let store = create(&path, &text(), &encoding).unwrap();
        assert_eq!(documents(&store), expected);
        assert_eq!((store.documents(), store.sentences(), store.tokens()), (2, 3, 6));
        assert_eq!((store.document(0), store.document(1)), (0..2, 2..3));
        assert_eq!([0, 1, 2].map(|s| store.sentence(s)), [0..3, 3..4, 4..6]);
        assert_eq!(store.bytes.len(), HEADER_BYTES + bytes + 8 * 4 + 8 * 3 + 8 * 2 + TRAILER_BYTES);
        drop(store);
        assert_eq!(files_in(&directory), 1, "no file left over");
    }
}

#[test]
fn chunks_do_not_show() {
    let sentence = |n: usize| format!("t{} t{}", 5 + n % 9, 5 + n % 7);
    let sentences: Vec<String> = (0..100_000).map(sentence).collect();
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("x.txt");
    fs::write(&text, sentences.join("\n") + "\n\n-\n\n" + &sentences.join("\n\n")).unwrap();
    let corpus = Corpus::from_inputs(&[text.display().to_string()]).unwrap();
    let file = create(&directory.path().join("tokens"), &corpus, &encoding(99)).unwrap();
    let documents = documents(&file);
    assert_eq!(documents.len(), 1 + 100_000);
    let ids = |text: &String| (encoding(99).encode)(text);
    assert!(documents[0].iter().eq(&sentences.iter().map(ids).collect::<Vec<_>>()));
    assert!(documents[1..].iter().flatten().eq(&documents[0]));
    let memory =
        TokenStore::build(&corpus, &encoding(99), Storage::Memory, &mut |_, _| {}).unwrap();
    assert!(memory.bytes[..] == file.bytes[..]);
}

#[test]
fn every_document_knows_its_file() {
    let directory = tempfile::tempdir().unwrap();
    // Two documents; none, as no word has a token; one of two chunks, then one more; one.
    let long = "t5 t6 t7 t8 t9\n".repeat(20_000);
    let texts = ["t5\n\nt6", "nothing", &format!("{long}\nt7"), "t8"];
    for (number, text) in texts.iter().enumerate() {
        fs::write(directory.path().join(format!("{number}.txt")), text).unwrap();
    }
    let corpus = Corpus::from_inputs(&[directory.path().display().to_string()]).unwrap();
    let path = directory.path().join("store/tokens");
    for storage in [Storage::Memory, Storage::File(path)] {
        let store = TokenStore::build(&corpus, &encoding(11), storage, &mut |_, _| {}).unwrap();
        let files: Vec<_> = (0..store.files()).map(|file| store.file(file)).collect();
        assert_eq!(files, [0..2, 2..4, 4..5]);
        let of: Vec<usize> = (0..5).map(|document| store.file_of(document)).collect();
        assert_eq!(of, [0, 0, 1, 1, 2]);
    }
}

#[test]
fn every_cut_and_every_changed_bit_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let bytes = create(&path, &text(), &encoding(11)).unwrap().bytes.to_vec();
    let refused = |bytes: &[u8]| {
        let error = check(&mut Cursor::new(bytes), &path).expect_err("a damaged store is believed");
        error.to_string()
    };
    for length in 0..bytes.len() {
        let error = refused(&bytes[..length]);
        assert!(error.contains("tokens` cannot be used"), "{error}");
    }
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        refused(&changed);
    }
    assert!(refused(&[&bytes[..], &[0]].concat()).contains("size"));
    assert!(TokenStore::open(&directory.path().join("missing")).is_err());
}

/// `bytes` with a `u64` replaced and the checksum made right again.
fn forged(bytes: &[u8], offset: usize, value: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    let end = bytes.len() - 32;
    let checksum = Digest::of(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.0);
    bytes
}

#[test]
fn a_forged_store_with_a_right_checksum_is_refused() {
    let bytes = builder::in_memory(&text(), &encoding(11), &mut |_| {}).unwrap();
    let check = |bytes: Vec<u8>| {
        let header = check(&mut Cursor::new(&bytes), Path::new("x"))?;
        let bytes = Bytes::Memory(bytes);
        Ok::<_, DataError>(TokenStore { header, bytes, replaced: None, _temporary: None })
    };
    assert!(check(forged(&bytes, 24, 7)).is_ok(), "the forger's checksum must be right");
    let trailer = bytes.len() - TRAILER_BYTES;
    let sections = HEADER_BYTES + 16;
    for value in [0, 1, 2, 3, 5, 7, 100, 1 << 32, 1 << 61, u64::MAX - 1, u64::MAX] {
        // Any of the counts and any of the boundaries.
        for offset in (sections..trailer + 32).step_by(8) {
            if u64_at(&bytes, offset) != value {
                // Moved boundaries may still be in order; whatever is believed must be readable.
                if let Ok(store) = check(forged(&bytes, offset, value)) {
                    assert_eq!(documents(&store).concat().concat().len(), 6);
                    let in_files = (0..store.files()).map(|file| store.file(file).len());
                    assert_eq!(in_files.sum::<usize>(), store.documents());
                }
            }
        }
    }
    let refused = |offset, value| check(forged(&bytes, offset, value)).err().unwrap().to_string();
    assert!(refused(16, 10).contains("vocabulary"), "token 10 of 10");
    assert!(refused(trailer, u64::MAX).contains("size"));
    assert!(refused(sections, 1).contains("boundaries"));
    assert!(refused(sections + 8, 4).contains("boundaries"), "an empty sentence");
    assert!(refused(trailer - 8, 1).contains("boundaries"), "a document in no file");
    assert!(refused(8, 2 << 32 | 1).contains("version"));
    assert!(refused(8, 3 << 32 | u64::from(VERSION)).contains("size"));
    assert!(refused(0, 0).contains("no token store"));
}

#[test]
fn nothing_to_learn_from_is_an_error_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    for text in ["", "\n\n", "nothing\n\nnothing"] {
        let error = create(&path, &Corpus::from_text("x.txt", text), &encoding(6));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("x.txt holds no usable sentence"), "{error}");
    }
    assert_eq!(files_in(&directory), 0);
    fs::write(directory.path().join("file"), "").unwrap();
    let error = create(&directory.path().join("file/tokens"), &text(), &encoding(11));
    assert!(error.err().unwrap().to_string().contains("cannot create"));
}

#[test]
fn a_store_is_reused_only_for_the_same_text_and_vocabulary() {
    let directory = tempfile::tempdir().unwrap();
    let (path, text) = (directory.path().join("tokens"), directory.path().join("x.txt"));
    fs::write(&text, "t5 t6").unwrap();
    let corpus = Corpus::from_inputs(&[text.display().to_string()]).unwrap();
    // Whether it was made anew, and what was wrong with the one before.
    let made = |vocab_size| {
        let mut tokenized = false;
        let mut progress = |work: &str, _| tokenized |= work == "tokenizing";
        let storage = Storage::File(path.clone());
        let store = TokenStore::build(&corpus, &encoding(vocab_size), storage, &mut progress);
        (tokenized, store.unwrap().replaced().map(ToString::to_string))
    };
    let (anew, kept) = ((true, None), (false, None));
    assert_eq!([made(9), made(9)], [anew.clone(), kept.clone()]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[1..]).unwrap();
    let (tokenized, wrong) = made(9);
    let wrong = wrong.expect("it is named");
    assert!(tokenized && wrong.contains("tokens` cannot be used: it is no token store"), "{wrong}");
    assert_eq!(made(9), kept);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!([made(10), made(10)], [anew.clone(), kept.clone()], "another vocabulary");
    // The same size, and the same date as far as the clock tells.
    let date = fs::metadata(&text).unwrap().modified().unwrap();
    fs::write(&text, "t6 t5").unwrap();
    fs::File::open(&text).unwrap().set_modified(date).unwrap();
    assert_eq!([made(10), made(10)], [anew, kept], "other text");
    assert_eq!(documents(&TokenStore::open(&path).unwrap()), [[[6, 5]]]);
    assert_eq!(files_in(&directory), 2);
}

#[test]
fn the_digest_of_a_tokenizer_is_of_all_that_decides_ids() {
    let vocabulary = |last: &str| {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", last];
        Vocabulary::from_tokens(tokens.map(String::from).to_vec()).unwrap()
    };
    let of = |last, options| SentenceEncoder::of(&Tokenizer::new(vocabulary(last), options)).digest;
    let default = TokenizerOptions::default();
    let all = [
        of("b", default),
        of("c", default),
        of("b", TokenizerOptions { do_lower_case: false, ..default }),
        of("b", TokenizerOptions { strip_accents: Some(false), ..default }),
        of("b", TokenizerOptions { tokenize_chinese_chars: false, ..default }),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(!all[..i].contains(one), "{i}");
    }
    // What lower-casing implies may be said, too.
    assert_eq!(all[0], of("b", TokenizerOptions { strip_accents: Some(true), ..default }));
}

#[test]
fn a_temporary_store_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let temporary = Storage::TemporaryFile(directory.path().into());
    assert_eq!(temporary.clone().unless_small(&text()), Storage::Memory);
    // On Unix the file has no name, so that a killed process leaves nothing either.
    let named = if cfg!(unix) { 0 } else { 1 };
    for (storage, files) in [(Storage::Memory, 0), (temporary, named)] {
        let progress = &mut |_, _| {};
        let store = TokenStore::build(&text(), &encoding(11), storage, progress).unwrap();
        assert_eq!(store.documents(), 2);
        assert_eq!(files_in(&directory), files);
        drop(store);
        assert_eq!(files_in(&directory), 0);
    }
}

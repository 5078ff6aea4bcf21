use super::*;
use crate::data::corpus::tests::corpus_of;
use crate::system::threads::Pool;

/// Every part of the corpus, in order; a boundary is "|".
fn parts(corpus: &Corpus) -> Result<Vec<String>, DataError> {
    let mut all = Vec::new();
    let map = |chunk: &Chunk<'_>| {
        let mut parts = Vec::new();
        chunk.for_each_part(|part| match part {
            Part::Boundary => parts.push("|".to_owned()),
            Part::Sentence(text) => parts.push(text.to_owned()),
        })?;
        Ok::<_, DataError>(parts)
    };
    let (mut done, bytes) = (0, corpus.bytes());
    let progress = &mut |now| {
        assert!(now > done && now <= bytes);
        done = now;
    };
    let collect = |parts: Vec<String>| {
        all.extend(parts);
        Ok(())
    };
    let digest = corpus.map_chunks(map, collect, progress)?;
    assert_eq!(done, bytes);
    assert_eq!(digest, corpus.digest(&mut |_| {}).unwrap());
    Ok(all)
}

fn corpus(name: &str, content: &[u8]) -> (tempfile::TempDir, Corpus) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, Corpus::from_inputs(&[path.display().to_string()]).unwrap())
}

#[test]
fn neither_threads_nor_chunks_show() {
    // Sentences and paragraphs that lie across the ends of chunks, in several files of each kind.
    let line = |n: usize| format!("The fox number {n} ran over the dog{}.", " so".repeat(n % 30));
    let plain: String =
        (0..20_000).map(|n| line(n) + if n % 7 == 6 { "\n\n" } else { "\n" }).collect();
    let json: String =
        (0..5_000).map(|n| format!("{{\"text\": \"{} Yes. No.\"}}\n", line(n))).collect();
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("a.txt", &plain), ("b.jsonl", &json), ("c.txt", &plain)] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let corpus = Corpus::from_inputs(&[directory.path().display().to_string()]).unwrap();
    assert!(corpus.bytes() > 12 * CHUNK_BYTES as u64);
    let one = Pool::new(1).unwrap().run(|| parts(&corpus)).unwrap();
    let three = Pool::new(3).unwrap().run(|| parts(&corpus)).unwrap();
    assert_eq!(one, three);
    let expected: Vec<String> = (0..20_000).map(line).collect();
    let sentences: Vec<&String> = one.iter().filter(|part| *part != "|").collect();
    assert_eq!(sentences.len(), 20_000 + 15_000 + 20_000);
    assert!(sentences[..20_000].iter().copied().eq(&expected));
    assert!(sentences[35_000..].iter().copied().eq(&expected));
    let documents = one.split(|part| part == "|").filter(|document| !document.is_empty()).count();
    assert_eq!(documents, 2 * 20_000_usize.div_ceil(7) + 5_000);
}

#[test]
fn wrapped_text_is_cut_where_nothing_is_torn() {
    // One paragraph of about seven chunks, wrapped.
    let sentence = "It was the best of days and the worst of days for the fox and for the dog.";
    let words: Vec<&str> = sentence.split(' ').cycle().take(18 * 11_000).collect();
    let lines: Vec<String> = words.chunks(10).map(|words| words.join(" ")).collect();
    let (_directory, corpus) = corpus("x.txt", lines.join("\n").as_bytes());
    assert_eq!(Lines::judge(&lines[..100].join("\n")), Lines::Wrapped);
    let parts = parts(&corpus).unwrap();
    assert_eq!(parts.len(), 1 + 11_000);
    assert!(parts[1..].iter().all(|part| part == sentence));
    // Without a sentence end the memory does not fill either.
    let (_directory, endless) = self::corpus(
        "x.txt",
        ["It was. It is.\nthe one\n", &"and the one and the other\n".repeat(60_000)]
            .concat()
            .as_bytes(),
    );
    let longest = Reader::new(&endless).group().unwrap().iter().map(|c| c.bytes.len()).max();
    assert!(longest < Some(5 * CHUNK_BYTES));
}

#[test]
fn a_paragraph_is_cut_after_two_chunks_at_a_sentence_end_or_after_four() {
    // One paragraph, wrapped: its sentences end at the end of every tenth line, or never.
    let (line, last) = ("and then the cat", "saw the big dog.");
    let sentence = format!("{}{last}\n", format!("{line}\n").repeat(9)); // 170 bytes
    let endless = format!("{line}\n"); // 17 bytes
    for (text, half_chunks, first) in [
        // The first sentence end from two chunks on; any line from four chunks on.
        (&sentence, 3, None),
        (&sentence, 6, Some((2 * CHUNK_BYTES).next_multiple_of(170))),
        (&endless, 7, None),
        (&endless, 9, Some((4 * CHUNK_BYTES).next_multiple_of(17))),
    ] {
        let text = text.repeat(half_chunks * CHUNK_BYTES / 2 / text.len());
        let (_directory, corpus) = corpus("x.txt", text.as_bytes());
        let chunks = Reader::new(&corpus).group().unwrap();
        let lengths: Vec<usize> = chunks.iter().map(|chunk| chunk.bytes.len()).collect();
        let expected = first.map_or(vec![text.len()], |first| vec![first, text.len() - first]);
        assert_eq!(lengths, expected, "{half_chunks} half chunks");
    }
}

#[test]
fn the_first_bad_byte_is_named_wherever_it_is() {
    let mut bytes = "A sentence of the text.\n".repeat(40_000).into_bytes();
    bytes[24 * 39_000 + 3] = 0xff;
    bytes[24 * 20_000 + 5] = 0xff;
    let (_directory, corpus) = corpus("x.txt", &bytes);
    let error = parts(&corpus).unwrap_err().to_string();
    assert!(error.contains("x.txt"), "{error}");
    assert!(error.contains(&format!("line 20001, byte {}", 24 * 20_000 + 5)), "{error}");
    let replaced = parts(&corpus.with_invalid_utf8(InvalidUtf8::Replace)).unwrap();
    assert_eq!(replaced[20_001], "A sen\u{fffd}ence of the text.");
    // A line of JSON Lines.
    let text = "{\"text\": \"One.\"}\n".repeat(20_000) + "{\"text\": 1}\n";
    let (_directory, corpus) = self::corpus("x.jsonl", text.as_bytes());
    let error = parts(&corpus).unwrap_err().to_string();
    assert!(error.contains("line 20001: the field \"text\" is not"), "{error}");
}

#[test]
fn invalid_utf8_is_replaced_as_python_does() {
    // Each with what Python 3.11 made of it: bytes.decode("utf-8", errors="replace").
    for (bytes, expected) in [
        (&b"a\xffb"[..], "a\u{fffd}b"),
        (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
        (b"\xe2\x82", "\u{fffd}"),
        (b"\xe2\x82x", "\u{fffd}x"),
        (b"\xf0\x9f\x92", "\u{fffd}"),
        (b"\xf0\x80\x80\xaf", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xf4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xfe\xfe\xff\xff", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        (b"\x80\xbf\x80", "\u{fffd}\u{fffd}\u{fffd}"),
    ] {
        let (_directory, corpus) = corpus("x.txt", bytes);
        let corpus = corpus.with_invalid_utf8(InvalidUtf8::Replace);
        assert_eq!(parts(&corpus).unwrap()[1], expected, "{bytes:?}");
    }
}

#[test]
fn odd_text_is_read_to_its_end() {
    let long_line = format!("{} end", "The fox ran. ".repeat(50_000));
    let long_word = "a".repeat(1_000_000);
    for (text, sentences) in [
        (long_line.as_str(), 50_000),
        (long_word.as_str(), 1),
        (&"\0".repeat(300_000), 1),
        (&"\u{301}".repeat(300_000), 1),
        (&"\u{feff}a\r\n\r\n\u{feff}b\r\n".repeat(10_000), 20_000),
        (&".".repeat(300_000), 1),
        (&". ".repeat(300_000), 1),
        (&".1,".repeat(300_000), 1),
        (&"\n".repeat(1_000_000), 0),
        (&"\r".repeat(1_000_000), 0),
        ("", 0),
    ] {
        let (_directory, corpus) = corpus("x.txt", text.as_bytes());
        let parts = parts(&corpus).unwrap();
        let found = parts.iter().filter(|part| *part != "|").count();
        assert_eq!(found, sentences, "{:?}…", text.chars().take(20).collect::<String>());
    }
}

fn documents(corpus: &Corpus) -> Result<Vec<Vec<String>>, DataError> {
    let mut documents = vec![Vec::new()];
    let map = |chunk: &Chunk<'_>| {
        let mut parts = Vec::new();
        chunk.for_each_part(|part| {
            parts.push(match part {
                Part::Boundary => None,
                Part::Sentence(text) => Some(text.to_owned()),
            });
        })?;
        Ok::<_, DataError>(parts)
    };
    let collect = |parts: Vec<Option<String>>| {
        for part in parts {
            match part {
                None => documents.push(Vec::new()),
                Some(text) => documents.last_mut().unwrap().push(text),
            }
        }
        Ok(())
    };
    corpus.map_chunks(map, collect, &mut |_| {})?;
    documents.retain(|document| !document.is_empty());
    Ok(documents)
}

#[test]
fn blank_lines_separate_documents_whatever_the_line_ends() {
    let text = "\u{feff}A cat sat.\r\nA dog ran.\r\n\r\n \r\nA hen slept.".as_bytes();
    let (_directory, corpus) = corpus_of(&[("a.txt", text)], "a.txt");
    let expected = [vec!["A cat sat.", "A dog ran."], vec!["A hen slept."]];
    assert_eq!(documents(&corpus.unwrap()).unwrap(), expected);
}

#[test]
fn directories_and_patterns_are_read_by_name() {
    let files: [(&str, &[u8]); 4] = [
        ("b/2.txt", b"Two."),
        ("a.jsonl", b"{\"text\": \"One.\\n\\nAnd a half.\"}\n\n{\"text\": \"\"}\n"),
        ("b/1.txt", b"Three."),
        ("c.csv", b"not text"),
    ];
    let (_directory, all) = corpus_of(&files, "");
    let all = documents(&all.unwrap()).unwrap();
    assert_eq!(all, [vec!["One.", "And a half."], vec!["Three."], vec!["Two."]]);
    let (_directory, some) = corpus_of(&files, "b/*.txt");
    assert_eq!(documents(&some.unwrap()).unwrap(), [vec!["Three."], vec!["Two."]]);
}

#[test]
fn what_is_wrong_is_named() {
    let error = |files: &[(&str, &[u8])], input: &str| {
        let (_directory, corpus) = corpus_of(files, input);
        corpus.and_then(|corpus| documents(&corpus)).unwrap_err().to_string()
    };
    assert!(error(&[], "none.txt").contains("none.txt` matches no file"));
    assert!(error(&[("d/x.csv", b"")], "d").contains("matches no file"));
    assert!(error(&[], "a[").contains("is not a pattern"));
    assert!(error(&[("x.txt", b"one\ntw\xffo\n")], "x.txt").contains("line 2, byte 6"));
    let message = error(&[("x.jsonl", b"{\"text\": \"a\"}\n{\"body\": 1}\n")], "x.jsonl");
    assert!(message.contains("x.jsonl`, line 2: there is no field"), "{message}");
    assert!(error(&[("x.jsonl", b"nonsense")], "x.jsonl").contains("line 1: not JSON"));
}

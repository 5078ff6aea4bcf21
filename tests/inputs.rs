//! Inputs: a file is read once whatever its names are, every common form of text is understood, and the
//! command says what it read and what it passed over.

#[path = "command_line/place.rs"]
#[allow(dead_code)]
mod place;

use place::{Answer, Place, TEXT, answer, as_json_lines, compressed, says, with_input};
use std::fs;
use std::process::Stdio;

/// The words that `vocab` counts, as it prints them.
fn words(place: &Place, input: &str) -> (String, Answer) {
    let answer = place.cloze(&format!("vocab --vocab-size 120 --json --input {input}")).ok();
    (answer.json()["words"].to_string(), answer)
}

/// The words of [`TEXT`].
fn words_of_text(place: &Place) -> String {
    words(place, "text.txt").0
}

#[test]
fn a_pattern_reads_each_file_once() {
    let place = Place::new();
    place.write("nest/text.txt", TEXT);
    place.write("nest/a/b/c/other.txt", "The owl sat.");
    let once = words(&place, "nest").0;
    assert_eq!(once, (words_of_text(&place).parse::<u64>().unwrap() + 4).to_string());
    for pattern in ["nest/**/*", "nest/**", "**/nest/**/*.txt", "nest nest/**/*"] {
        let (count, answer) = words(&place, pattern);
        assert_eq!(count, once, "{pattern}");
        says(&answer, "the text of 2 files: 13 documents, 37 sentences, ");
    }
    fs::remove_dir_all(place.path("nest")).unwrap();
    assert_eq!(words(&place, "**").0, words_of_text(&place), "the current directory");
    place.write("nest/text.txt", TEXT);
    let (_, answer) = words(&place, "nest/**/*");
    assert!(!answer.stderr.contains("not read"), "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_a_circle_of_them_ends() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let all = words_of_text(&place);
    place.write("nest/a/text.txt", TEXT);
    symlink("..", place.path("nest/a/up")).unwrap();
    symlink("..", place.path("nest/a/up2")).unwrap();
    symlink("nowhere", place.path("nest/a/broken.txt")).unwrap();
    for input in ["nest", "nest/**/*", "nest/**/*.txt", "nest/*/*/*/*/*"] {
        let (count, answer) = words(&place, input);
        assert_eq!(count, all, "{input}");
        says(&answer, ": 12 documents");
    }
    says(&words(&place, "nest").1, "because it was read already: `nest/a/up`, `nest/a/up2`");
    says(&words(&place, "nest").1, "because the link leads nowhere: `nest/a/broken.txt`");
    // A directory that is linked from elsewhere.
    fs::create_dir(place.path("linked")).unwrap();
    symlink("../nest/a", place.path("linked/a")).unwrap();
    assert_eq!(words(&place, "linked").0, all);
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let place = Place::new();
    let all = words_of_text(&place);
    let (count, answer) = words(&place, "text.txt ./text.txt text.txt");
    assert_eq!(count, all);
    says(&answer, "not read as text, because it was read already: `./text.txt`");
    fs::hard_link(place.path("text.txt"), place.path("same.txt")).unwrap();
    if cfg!(unix) {
        assert_eq!(words(&place, "text.txt same.txt").0, all);
    }
}

#[test]
fn a_directory_holds_text_in_any_case_and_nothing_hidden() {
    let place = Place::new();
    place.write("texts/A.TXT", TEXT);
    place.write("texts/B.JSONL", "{\"text\": \"One two.\"}\n");
    place.write("texts/c.NdJson", "{\"text\": \"Three.\"}\n");
    place.write("texts/.git/x.txt", "Never read.");
    place.write("texts/.hidden.txt", "Never read.");
    place.write("texts/d.csv", "Never read.");
    let all: u64 = words_of_text(&place).parse().unwrap();
    let (count, answer) = words(&place, "texts");
    assert_eq!(count, (all + 3 + 2).to_string());
    says(&answer, "the text of 3 files: 14 documents, 38 sentences, ");
    let line = "not read as text, because it is hidden: `texts/.git`, `texts/.hidden.txt`; because of its \
                extension: `texts/d.csv`";
    says(&answer, line);
    for pattern in ["texts/*", "texts/**/*"] {
        // A pattern reads any extension.
        assert_eq!(words(&place, pattern).0, (all + 3 + 2 + 3).to_string(), "{pattern}");
    }
    // Named themselves.
    assert_eq!(words(&place, "texts/.git").0, "3");
    assert_eq!(words(&place, "texts/.h*.txt").0, "3");
}

#[test]
fn json_lines_are_json_lines_by_any_name() {
    let place = Place::new();
    let all = words_of_text(&place);
    for name in ["a.jsonl", "a.JSONL", "a.ndjson", "a.json"] {
        place.write(name, as_json_lines(TEXT));
        assert_eq!(words(&place, name).0, all, "{name}");
    }
    place.write("b.json", "{\n  \"text\": \"The cat sat.\"\n}\n");
    place.write("c.json", "[1, 2]");
    for name in ["b.json", "c.json"] {
        place.refuses(&[&format!("`{name}` is JSON, not text"), ".jsonl file"], |place| {
            place.cloze(&format!("vocab --input {name} --output out.txt"))
        });
    }
}

#[test]
fn compressed_text_is_the_same_text() {
    let place = Place::with_vocab();
    place.write("one.txt.gz", compressed(TEXT));
    // Two members, as `cat a.gz b.gz` makes them.
    let (first, second) = TEXT.split_at(300);
    place.write("two.TXT.GZ", [compressed(first), compressed(second)].concat());
    place.write("lines.jsonl.gz", compressed(&as_json_lines(TEXT)));
    let instances = |input: &str| {
        place.cloze(&format!("instances --vocab vocab.txt --input {input}")).ok().stdout
    };
    let expected = instances("text.txt");
    for name in ["one.txt.gz", "two.TXT.GZ", "lines.jsonl.gz"] {
        assert!(instances(name) == expected, "{name}");
    }
    // Several chunks: the digest of the text decides whether the tokens are used again.
    let large = TEXT.repeat(1000);
    place.write("large.txt.gz", compressed(&large));
    place.write("large.txt", &large);
    assert_eq!(words(&place, "large.txt.gz").0, words(&place, "large.txt").0);
    place.write("all/x.txt.gz", compressed(TEXT));
    assert_eq!(words(&place, "all").0, words_of_text(&place));
}

#[test]
fn damaged_compressed_text_is_named() {
    let place = Place::new();
    let whole = compressed(&TEXT.repeat(300));
    let mut flipped = whole.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    let cases: [(&str, &[u8]); 4] = [
        ("cut.txt.gz", &whole[..whole.len() / 2]),
        ("tail.txt.gz", &whole[..whole.len() - 1]),
        ("flipped.txt.gz", &flipped),
        ("plain.txt.gz", TEXT.as_bytes()),
    ];
    for (name, bytes) in cases {
        place.write(name, bytes);
        let words = [&*format!("`{name}` is not a whole gzip file"), "compress the text again"];
        place.refuses(&words, |place| {
            place.pretrain(&format!("--input {name} --vocab-size 120 --output-dir out"))
        });
    }
    place.write("misnamed.txt", compressed(TEXT));
    let words = ["`misnamed.txt` is compressed by gzip, but its name does not end in .gz"];
    for command in
        ["vocab --output out.txt", "tokenize --vocab vocab.txt", "vocab --invalid-utf8 replace"]
    {
        place.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
        place.refuses(&words, |place| place.cloze(&format!("{command} --input misnamed.txt")));
    }
}

#[test]
fn standard_input_is_text() {
    let place = Place::with_vocab();
    let command = |input: &str| format!("instances --vocab vocab.txt --input {input}");
    let expected = place.cloze(&command("text.txt")).ok().stdout;
    for bytes in [
        TEXT.as_bytes(),
        as_json_lines(TEXT).as_bytes(),
        &compressed(TEXT),
        &compressed(&as_json_lines(TEXT)),
    ] {
        assert!(with_input(&place, &command("-"), bytes).ok().stdout == expected);
    }
    with_input(&place, &command("-"), b"").refused(1, &["standard input is empty"]);
    with_input(&place, &command("- -"), TEXT.as_bytes())
        .refused(1, &["standard input can be read once"]);
    with_input(&place, &command("-"), &compressed(TEXT)[..100])
        .refused(1, &["`standard input` is not a whole gzip file"]);
}

#[test]
fn a_run_on_standard_input_is_resumed_and_verified_with_the_same_text() {
    let place = Place::new();
    place.pretrain("--input text.txt --vocab-size 120 --output-dir file").ok();
    let run = "pretrain --input - --recipe google --model tiny.json --max-seq-length 32 --train-batch-size 4 \
               --num-train-steps 4 --learning-rate 1e-2 --vocab-size 120 --output-dir run";
    // Text is read twice: words, then tokens.
    let answer = with_input(&place, run, TEXT.as_bytes()).ok();
    says(&answer, "to resume or verify this run, give the same text on standard input again");
    assert!(place.weights("run") == place.weights("file"));
    let resume = "pretrain --resume --output-dir run";
    with_input(&place, resume, TEXT.as_bytes()).ok();
    with_input(&place, resume, b"").refused(1, &["with the same text on standard input"]);
    let other = TEXT.replace("cat", "cow");
    assert_eq!(with_input(&place, resume, other.as_bytes()).status, 1);
    let verified = with_input(&place, "verify run --json", TEXT.as_bytes()).ok();
    assert_eq!(verified.json()["agrees"], true);
}

#[cfg(unix)]
#[test]
fn instances_from_a_pipe_are_refused_at_once() {
    let place = Place::with_vocab();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(made.unwrap().success());
    // Nobody writes: a command that opens the pipe waits for ever.
    for file in ["pipe", "/dev/null", "/dev/stdin"] {
        let options = format!(
            "pretrain --recipe google --model tiny.json --max-seq-length 32 --vocab vocab.txt --output-dir out \
             --instances {file}"
        );
        let words = [&*format!("`{file}` is not a regular file"), "write it to a file first"];
        let mut child = place
            .command(&options.split_whitespace().collect::<Vec<_>>())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdin.take());
        for _ in 0..600 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code().is_some(), "{file}: it had to be killed");
        answer(output).refused(1, &words);
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_searched_is_named() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    place.write("secret/d/x.txt", TEXT);
    let set = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let is_root = fs::metadata(place.path("text.txt")).unwrap().uid() == 0;
    // Root may do everything: the program is run by nobody.
    fs::copy(env!("CARGO_BIN_EXE_cloze"), place.path("cloze")).unwrap();
    set("", 0o755);
    set("secret", 0o600);
    for (input, message) in [
        ("secret/d/x.txt", "cannot search directory `secret`: Permission denied"),
        ("secret/d", "cannot search directory `secret`: Permission denied"),
        ("secret/*/x.txt", "`secret`: Permission denied"),
        ("secret", "`secret`: Permission denied"),
        ("*/d/*.txt", "`secret`: Permission denied"),
    ] {
        let mut command = std::process::Command::new(place.path("cloze"));
        command.args(["vocab", "--input", input]).current_dir(place.path("")).stdin(Stdio::null());
        if is_root {
            command.uid(65_534).gid(65_534);
        }
        answer(command.output().unwrap()).refused(1, &[message]);
    }
    set("secret", 0o700);
}

#[test]
fn only_the_text_of_json_lines_matters() {
    let place = Place::new();
    let line = |other: &str| format!("{{\"text\": \"The cat sat.\", \"x\": {other}}}\n");
    let others = ["1e999", "\"\\ud800\"", "{\"\\udc00\": [\"\\ud800\", -1e999]}"];
    place.write("a.jsonl", others.map(line).concat());
    assert_eq!(words(&place, "a.jsonl").0, "12");
    place.write("b.jsonl", line("1") + "{\"text\": \"The \\ud800 cat.\"}\n");
    place.refuses(
        &["`b.jsonl`, line 2: ", "half of a surrogate pair, \\ud800", "--invalid-utf8 replace"],
        |place| place.cloze("vocab --input b.jsonl --output out.txt"),
    );
    words(&place, "b.jsonl --invalid-utf8 replace");
}

#[test]
fn a_carriage_return_ends_a_line_where_there_is_no_line_feed() {
    let place = Place::with_vocab();
    let instances = |input: &str| {
        place.cloze(&format!("instances --vocab vocab.txt --input {input}")).ok().stdout
    };
    let expected = instances("text.txt");
    place.write("mac.txt", TEXT.replace('\n', "\r"));
    place.write("dos.txt", TEXT.replace('\n', "\r\n"));
    for name in ["mac.txt", "dos.txt"] {
        assert!(instances(name) == expected, "{name}");
    }
    // Where lines end in LF, a CR is white space, as for Google's script.
    place.write("mixed.txt", TEXT.replace(" the ", "\r\rthe "));
    assert!(instances("mixed.txt") == expected);
    // A separator of Unicode ends no line: the command says that it read one document.
    place.write("unicode.txt", TEXT.replace('\n', "\u{2028}"));
    says(&words(&place, "unicode.txt").1, "`unicode.txt`: 1 documents, ");
}

#[test]
fn every_command_says_what_it_read() {
    let place = Place::with_run();
    let bytes = TEXT.len();
    place.write("texts/text.txt", TEXT);
    place.write("texts/d.csv", "");
    let read = format!("`texts/text.txt`: 12 documents, 36 sentences, {bytes} bytes");
    for command in [
        "vocab --input texts",
        "instances --vocab vocab.txt --input texts",
        "eval --model run --input texts",
        "pretrain --recipe google --model tiny.json --vocab vocab.txt --max-seq-length 32 --num-train-steps 2 \
         --output-dir new --input texts",
    ] {
        let answer = place.cloze(command).ok();
        says(&answer, &read);
        says(&answer, "not read as text, because of its extension: `texts/d.csv`");
    }
    let expected = serde_json::json!([{
        "name": "`texts/text.txt`", "files": 1, "documents": 12, "sentences": 36, "bytes": bytes,
        "skipped": [{"path": "texts/d.csv", "reason": "extension"}],
    }]);
    assert_eq!(place.read_json("new/run.json")["read"], expected);
}

#[test]
fn unusual_line_ends_and_a_single_document_are_said() {
    let place = Place::new();
    place.write("mac.txt", TEXT.replace('\n', "\r"));
    place.write("unicode.txt", TEXT.replace('\n', "\u{2028}"));
    place.write("next.txt", TEXT.replace('\n', "\u{85}"));
    place.write("one.txt", TEXT.replace("\n\n", "\n"));
    let cr = "12 documents, 36 sentences, 892 bytes; its lines end in CR alone, which is read as a line end";
    says(&words(&place, "mac.txt").1, cr);
    let separators = "its lines end in U+0085, U+2028 or U+2029, which end no line here: put line feeds in \
                      their place, or the text is one line; one document, because no blank line separates two";
    for name in ["unicode.txt", "next.txt"] {
        says(&words(&place, name).1, separators);
    }
    says(
        &words(&place, "one.txt").1,
        "there is no other document to draw a random next sentence from",
    );
    says(&words(&place, "mac.txt one.txt").1, "the lines of 1 file(s) end in CR alone");
    let said = words(&place, "text.txt").1.stderr;
    assert!(!said.contains("line end") && !said.contains("one document"), "{said}");
    // Also in run.json.
    place.pretrain("--input mac.txt --vocab-size 120 --output-dir run").ok();
    let run = place.read_json("run/run.json");
    assert_eq!(
        run["read"][0]["notes"],
        serde_json::json!(["its lines end in CR alone, which is read as a line end"])
    );
}

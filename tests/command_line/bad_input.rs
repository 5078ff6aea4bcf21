//! Bad input, one test for each: the exit status is 1, the message names the file, line or value and says
//! what to do, and no file is written or changed.

use crate::place::{Answer, CONFIG, Place, TEXT};
use serde_json::{Value, json};

/// A run on `text.txt` into `out` with these options.
fn pretrain(options: &str) -> impl FnOnce(&Place) -> Answer {
    move |place| place.pretrain(&format!("--input text.txt --output-dir out {options}"))
}

/// A run on this input into `out`.
fn on(input: &str) -> impl FnOnce(&Place) -> Answer {
    move |place| place.pretrain(&format!("--input {input} --output-dir out"))
}

// Text.

#[test]
fn missing_text() {
    let place = Place::new();
    place.refuses(&["`none.txt` matches no file", "give a .txt"], on("none.txt"));
    place.refuses(&["`none/*.txt` matches no file"], on("none/*.txt"));
    place.refuses(&["`none.txt`"], pretrain("--eval-input none.txt"));
    place.refuses(&["``"], |place| place.run(&["pretrain", "--input", ""]));
    place.write("vocab.txt", VOCAB);
    let tokenize = "tokenize --vocab vocab.txt --input none.txt";
    place.refuses(&["cannot open `none.txt`: No such file"], |place| place.cloze(tokenize));
}

#[test]
fn empty_text() {
    let place = Place::new();
    place.write("empty.txt", "");
    place.write("blank.txt", "\n \n\t\n\u{feff}\n");
    for file in ["empty.txt", "blank.txt"] {
        place.refuses(&[file, "holds no usable sentence"], on(file));
        place.refuses(&[file, "holds no usable sentence"], |place| {
            place.pretrain(&format!("--input text.txt --eval-input {file} --output-dir out"))
        });
    }
}

#[test]
fn text_without_a_usable_sentence() {
    let place = Place::new();
    place.write("control.txt", "\0\0\n\n\u{1}\n\n\u{200b}\n\n\0");
    place.refuses(&["`control.txt` holds no usable sentence"], on("control.txt"));
    place.write("a.jsonl", "{\"text\": \"\"}\n\n{\"text\": \" \\n\"}\n");
    place.refuses(&["`a.jsonl` holds no usable sentence"], on("a.jsonl"));
}

#[test]
fn unreadable_text() {
    let place = Place::new();
    // A directory instead of a file: even root cannot read it.
    place.write("d/x.csv", "text");
    place.refuses(&["`d` matches no file"], on("d"));
    place.write("vocab.txt", VOCAB);
    let options = "--vocab vocab.txt --instances d --output-dir out";
    place.refuses(&["`d`"], |place| place.pretrain(options));
    place
        .refuses(&["cannot read `d`"], |place| place.cloze("tokenize --vocab vocab.txt --input d"));
}

/// A pipe cannot be read twice. The command must not treat it as an empty file, nor wait for it.
#[cfg(unix)]
#[test]
fn text_that_is_no_file() {
    let place = Place::new();
    place.refuses(&["`/dev/null` is not a regular file", "write it to a file"], on("/dev/null"));
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe.txt")).status();
    if made.is_ok_and(|status| status.success()) {
        place.refuses(&["`pipe.txt` is not a regular file"], on("pipe.txt"));
        place.refuses(&["pipe.txt` is not a regular file"], on("."));
    }
}

#[test]
fn text_that_is_not_utf8() {
    let place = Place::new();
    let mut bytes = TEXT.as_bytes().to_vec();
    bytes[30] = 0xff; // in line 2
    place.write("bad.txt", &bytes);
    let words = ["`bad.txt` is not UTF-8: line 2, byte 30", "--invalid-utf8 replace"];
    place.refuses(&words, on("bad.txt"));
    place.refuses(&words, pretrain("--eval-input bad.txt"));
    place.refuses(&words, |place| place.cloze("vocab --input bad.txt --output vocab.txt"));
    place.write("vocab.txt", VOCAB);
    place.refuses(&words, |place| place.cloze("tokenize --vocab vocab.txt --input bad.txt"));
}

#[test]
fn json_lines_without_text() {
    let place = Place::new();
    place.write("a.jsonl", "{\"text\": \"A cat.\"}\n{\"body\": \"A dog.\"}\n");
    place.refuses(&["`a.jsonl`, line 2: there is no field \"text\""], on("a.jsonl"));
    place.write("a.jsonl", "{\"text\": 1}\n");
    place.refuses(&["`a.jsonl`, line 1: the field \"text\" is not a string"], on("a.jsonl"));
    place.write("a.jsonl", TEXT);
    place.refuses(&["`a.jsonl`, line 1: not JSON"], on("a.jsonl"));
}

#[test]
fn one_document_with_next_sentence_prediction() {
    let place = Place::new();
    place.write("one.txt", TEXT.split("\n\n").next().unwrap());
    let words = ["`one.txt` holds 1 document(s)", "other documents", "--no-nsp"];
    place.refuses(&words, on("one.txt"));
    place.refuses(&words, |place| {
        place.pretrain("--input one.txt --eval-fraction 0 --output-dir out")
    });
    place.refuses(&words, pretrain("--eval-input one.txt"));
}

#[test]
fn too_few_documents_to_hold_some_out() {
    let place = Place::new();
    let documents: Vec<&str> = TEXT.split("\n\n").collect();
    place.write("one.txt", documents[0]);
    place.write("three.txt", documents[..3].join("\n\n"));
    let words = ["`three.txt` holds 3 document(s), but 4 are needed", "--eval-fraction 0"];
    place.refuses(&words, on("three.txt"));
    let words = ["`one.txt` holds 1 document(s), but 2 are needed", "--eval-input"];
    place.refuses(&words, on("one.txt --no-nsp"));
}

// Vocabularies.

const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\n.\n";

fn refuse_vocabulary(content: impl AsRef<[u8]>, words: &[&str]) {
    let place = Place::new();
    place.write("vocab.txt", content);
    place.refuses(words, pretrain("--vocab vocab.txt"));
    place.refuses(words, |place| place.cloze("tokenize --vocab vocab.txt --json text"));
    let instances = "instances --input text.txt --vocab vocab.txt --output i.jsonl";
    place.refuses(words, |place| place.cloze(instances));
}

#[test]
fn vocabulary_without_mask() {
    let content = VOCAB.replace("[MASK]", "[mask]");
    refuse_vocabulary(content, &["`vocab.txt` has no `[MASK]`", "add the missing line"]);
}

#[test]
fn vocabulary_with_duplicates() {
    let words = ["`vocab.txt`, line 10: the token `the` already stands on line 6", "remove one"];
    refuse_vocabulary(format!("{VOCAB}the\n"), &words);
}

#[test]
fn vocabulary_with_empty_lines() {
    let words = ["`vocab.txt`, line 10: no token on it", "remove the line"];
    refuse_vocabulary(format!("{VOCAB}\nran\n"), &words);
}

#[test]
fn vocabulary_that_is_missing_empty_or_not_utf8() {
    refuse_vocabulary("", &["`vocab.txt` is empty", "one token a line"]);
    refuse_vocabulary(b"[PAD]\n\xff\n", &["`vocab.txt` is not UTF-8: line 2, byte 6"]);
    let place = Place::new();
    place.refuses(&["cannot read `vocab.txt`"], pretrain("--vocab vocab.txt"));
    place.refuses(&["cannot read `.`"], pretrain("--vocab ."));
}

#[test]
fn vocabulary_size_below_the_alphabet() {
    let place = Place::new();
    for size in ["0", "20"] {
        let words = [&format!("vocabulary size of {size} is too small"), "make at least"];
        let words = words.map(|word: &str| word);
        place.refuses(&words, pretrain(&format!("--vocab-size {size}")));
        let command = format!("vocab --input text.txt --vocab-size {size} --output v.txt");
        place.refuses(&words, |place| place.cloze(&command));
    }
}

// Configurations and settings.

/// Must be refused as `--model config.json`.
fn refuse_config(content: &str, words: &[&str]) {
    let place = Place::new();
    place.write("config.json", content);
    place.refuses(words, pretrain("--model config.json"));
}

#[test]
fn hidden_size_that_is_no_multiple_of_heads() {
    let content = CONFIG.replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 3");
    let words = ["`config.json`: hidden_size is 16", "a multiple of num_attention_heads, 3"];
    refuse_config(&content, &words);
}

#[test]
fn config_that_is_none() {
    refuse_config("", &["`config.json`, line 1"]);
    refuse_config("[1, 2]", &["`config.json`, line 1: an array"]);
    refuse_config("{\"hidden_size\": 16,\n}", &["`config.json`, line 2"]);
    refuse_config(&CONFIG.replace("16", "\"wide\""), &["`config.json`, line 4", "\"wide\""]);
    refuse_config(&CONFIG.replace("16", "-16"), &["`config.json`, line 4", "-16"]);
    refuse_config(&CONFIG.replace("hidden_size", "width"), &["missing field `hidden_size`"]);
    let segments = CONFIG.replace("{", "{\"type_vocab_size\": 1,");
    refuse_config(&segments, &["type_vocab_size is 1", "sentence A and B take 2"]);
    let place = Place::new();
    place.refuses(&["no model `huge`", "tiny, mini"], pretrain("--model huge"));
    place.refuses(&["cannot read `.`"], pretrain("--model ."));
}

#[test]
fn sequence_length_out_of_range() {
    let place = Place::new();
    for length in ["0", "4"] {
        let words = [&format!("--max-seq-length is {length}"), "at least 5"];
        place.refuses(
            &words.map(|word: &str| word),
            pretrain(&format!("--max-seq-length {length}")),
        );
    }
    let words = ["--max-seq-length is 65", "max_position_embeddings is 64"];
    place.refuses(&words, pretrain("--max-seq-length 65"));
    let place = Place::with_run();
    let eval = "eval --model run --input text.txt --max-seq-length";
    place.refuses(&words, |place| place.cloze(&format!("{eval} 65")));
    let least = ["--max-seq-length is 4", "at least 5"];
    place.refuses(&least, |place| place.cloze(&format!("{eval} 4")));
    let words = ["102 tokens", "at most 64", "shorten it"];
    let long = "the ".repeat(99) + "[MASK]";
    place.refuses(&words, |place| place.run(&["fill-mask", "--model", "run", &long]));
}

#[test]
fn settings_that_make_no_sense() {
    let place = Place::new();
    for (option, value, words) in [
        ("--train-batch-size", "0", "is 0, but it must be from 1"),
        ("--train-batch-size", "99999999", "is 99999999, but it must be from 1"),
        ("--gradient-accumulation-steps", "0", "is 0, but it must be from 1"),
        (
            "--gradient-accumulation-steps",
            "1048576 --train-batch-size 4096",
            "is 1048576, but with 4096",
        ),
        ("--max-predictions-per-seq", "33", "is 33, but it must be from 1 to --max-seq-length"),
        ("--masked-lm-prob", "NaN", "is NaN, but it must be from 0 to 1"),
        ("--masked-lm-prob", "-0.1", "is -0.1, but it must be from 0 to 1"),
        ("--short-seq-prob", "2", "is 2, but it must be from 0 to 1"),
        ("--learning-rate", "-1", "is -1, but it must be a number not below 0"),
        ("--learning-rate", "inf", "is inf, but it must be a number"),
        ("--num-train-steps", "0", "is 0, but it must be from 1"),
        ("--num-warmup-steps", "5", "is 5, but it must be at most --num-train-steps, 4"),
        ("--weight-decay", "1", "is 1, but it must be at least 0 and below 1"),
        ("--max-grad-norm", "0", "is 0, but it must be above 0"),
    ] {
        let message = format!("error: {option} {words}");
        place.refuses(&[&message], pretrain(&format!("{option} {value}")));
    }
    for (option, value) in [("--masked-lm-prob", "-0.1"), ("--short-seq-prob", "NaN")] {
        let message = format!("error: {option} is {value}, but it must be from 0 to 1");
        let instances = "instances --input text.txt --vocab none --output i.jsonl";
        let command = format!("{instances} {option} {value}");
        place.refuses(&[&message], |place| place.cloze(&command));
    }
    let words = ["hidden_dropout_prob is 1, but it must be at least 0 and below 1"];
    place.refuses(&words, pretrain("--hidden-dropout-prob 1"));
    let words = ["attention_probs_dropout_prob is NaN"];
    place.refuses(&words, pretrain("--attention-probs-dropout-prob nan"));
}

/// Only on Linux is the available memory known.
#[cfg(target_os = "linux")]
#[test]
fn more_memory_than_there_is() {
    let place = Place::with_run();
    let words =
        ["MB of memory would be needed", "make the model, the batch or the sequences smaller"];
    place.write("wide.json", CONFIG.replace("16", "16777216"));
    place.refuses(&words, pretrain("--model wide.json"));
}

// Directories.

#[test]
fn output_directory_that_holds_a_run() {
    let place = Place::with_run();
    let run = |directory: &'static str| {
        move |place: &Place| place.pretrain(&format!("--input text.txt --output-dir {directory}"))
    };
    let words = ["`run` already holds `run.json`", "nothing there is overwritten", "--output-dir"];
    place.refuses(&words, run("run"));
    // A model that another program wrote, or a part of one.
    for file in ["model.safetensors", "tokenizer.json", "special_tokens_map.json"] {
        let place = Place::new();
        place.write(&format!("theirs/{file}"), "theirs");
        place.refuses(&[&format!("`theirs` already holds `{file}`")], run("theirs"));
    }
    let words = ["`run` already holds `run.json`"];
    place.refuses(&words, |place| place.pretrain("--init run --input text.txt --output-dir run"));
}

#[test]
fn output_that_cannot_be_written() {
    let place = Place::with_vocab();
    place.write("file", "mine");
    let words = ["`file` is a file, not a directory", "--output-dir"];
    place.refuses(&words, |place| place.pretrain("--input text.txt --output-dir file"));
    let words = ["cannot create directory `file/out`"];
    place.refuses(&words, |place| place.pretrain("--input text.txt --output-dir file/out"));
    for command in ["vocab --input text.txt", "instances --input text.txt --vocab vocab.txt"] {
        let words = ["cannot write into `none`"];
        place.refuses(&words, |place| place.cloze(&format!("{command} --output none/x")));
        let words = ["cannot write `.`"];
        place.refuses(&words, |place| place.cloze(&format!("{command} --output .")));
    }
}

#[test]
fn text_without_a_mask() {
    let place = Place::with_run();
    let words = ["there is no [MASK] in \"A cat.\"", "write [MASK]"];
    place.refuses(&words, |place| place.run(&["fill-mask", "--model", "run", "--json", "A cat."]));
}

// Instances.

#[test]
fn instances_that_do_not_fit() {
    let place = Place::with_vocab();
    place
        .cloze("instances --input text.txt --vocab vocab.txt --max-seq-length 32 --output i.jsonl")
        .ok();
    let good = place.read_text("i.jsonl");
    let first: Value = serde_json::from_str(good.lines().next().unwrap()).unwrap();
    let run = |options: &str| {
        let options = format!("--instances i.jsonl --vocab vocab.txt --output-dir out {options}");
        move |place: &Place| place.pretrain(&options)
    };
    place.refuses(&["`i.jsonl`, line 1", "--max-seq-length is 8"], run("--max-seq-length 8"));
    let words = ["`i.jsonl`, line 1", "--max-predictions-per-seq is 1"];
    place.refuses(&words, run("--max-predictions-per-seq 1"));
    place.refuses(&["--vocab FILE", "--init DIR"], |place| {
        place.pretrain("--instances i.jsonl --output-dir out")
    });
    // The ids belong to another vocabulary.
    place.cloze("vocab --input text.txt --vocab-size 200 --cased --output other.txt").ok();
    let words =
        ["`i.jsonl`, line 1: tokens has", "the vocabulary that the instances were made with"];
    let other = "--instances i.jsonl --vocab other.txt --output-dir out";
    place.refuses(&words, |place| place.pretrain(other));
    let bad = |key: &str, value: Value| {
        let mut line = first.clone();
        line[key] = value;
        place.write("i.jsonl", format!("{good}{line}\n"));
        format!("`i.jsonl`, line {}: ", good.lines().count() + 1)
    };
    let mut ids = first["input_ids"].clone();
    ids[1] = json!(120);
    let at = bad("input_ids", ids);
    place.refuses(&[&at, "id 120 is not below the vocabulary's size, 120"], run(""));
    let mut positions = first["masked_lm_positions"].clone();
    positions.as_array_mut().unwrap().reverse();
    let at = bad("masked_lm_positions", positions.clone());
    place.refuses(&[&at, "masked_lm_positions are not in rising order"], run(""));
    positions.as_array_mut().unwrap().reverse();
    *positions.as_array_mut().unwrap().last_mut().unwrap() = json!(32);
    let at = bad("masked_lm_positions", positions);
    place.refuses(&[&at, "a masked position is not below the length"], run(""));
    let at = bad("masked_lm_ids", json!([-1]));
    place.refuses(&[&at, "not an instance"], run(""));
    place.write("i.jsonl", "");
    place.refuses(&["`i.jsonl` holds no instance"], run(""));
    place.write("i.jsonl", TEXT);
    place.refuses(&["`i.jsonl`, line 1: not an instance"], run(""));
}

//! Lines of text and instances that are compressed, on standard input, or in a pipe.

use crate::place::{Place, TEXT, answer, as_json_lines, compressed, says, with_input};

/// The lines of TEXT, compressed, as JSON Lines, on standard input and from a pipe are one text to `tokenize` too.
#[test]
fn tokenize_reads_every_form_of_text() {
    let place = Place::with_vocab();
    let command = |input: &str| format!("tokenize --vocab vocab.txt --json --input {input}");
    let without_blank = |stdout: &str| -> String {
        stdout.lines().filter(|line| !line.contains(r#""text":"""#)).collect()
    };
    let expected = place.cloze(&command("text.txt")).ok().stdout;
    place.write("a.txt.gz", compressed(TEXT));
    place.write("mac.txt", TEXT.replace('\n', "\r"));
    place.write("mark.txt", format!("\u{feff}{TEXT}"));
    for name in ["a.txt.gz", "mac.txt", "mark.txt"] {
        assert!(place.cloze(&command(name)).ok().stdout == expected, "{name}");
    }
    for bytes in [TEXT.as_bytes(), &compressed(TEXT)] {
        assert!(with_input(&place, &command("-"), bytes).ok().stdout == expected);
    }
    place.write("a.jsonl", as_json_lines(TEXT));
    place.write("b.ndjson.gz", compressed(&as_json_lines(TEXT)));
    for name in ["a.jsonl", "b.ndjson.gz"] {
        let stdout = place.cloze(&command(name)).ok().stdout;
        assert!(without_blank(&stdout) == without_blank(&expected), "{name}");
    }
    let bench = "bench tokenizer --vocab vocab.txt --json --input a.txt.gz --threads 1";
    assert_eq!(place.cloze(bench).ok().json()["bytes"], TEXT.len());

    with_input(&place, &command("-"), b"").refused(1, &["standard input is empty"]);
    place.write("cut.txt.gz", &compressed(TEXT)[..100]);
    place.cloze(&command("cut.txt.gz")).refused(1, &["`cut.txt.gz` is not a whole gzip file"]);
    place.write("bad.jsonl", "{\"text\": \"A cat.\"}\n{\"body\": 1}\n");
    place.cloze(&command("bad.jsonl")).refused(1, &["`bad.jsonl`, line 2: there is no field"]);
}

#[cfg(unix)]
#[test]
fn tokenize_reads_a_pipe() {
    let place = Place::with_vocab();
    let expected = place.cloze("tokenize --vocab vocab.txt --input text.txt").ok().stdout;
    let script = format!(
        "mkfifo pipe && (cat text.txt > pipe &) && {} tokenize --vocab vocab.txt --input pipe",
        env!("CARGO_BIN_EXE_cloze")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    assert_eq!(answer(output).ok().stdout, expected);
}

#[test]
fn instances_are_read_compressed_and_from_standard_input() {
    let place = Place::with_vocab();
    let made = "instances --vocab vocab.txt --input text.txt --max-seq-length 32 --output i.jsonl";
    place.cloze(made).ok();
    let instances = place.read_text("i.jsonl");
    place.write("i.jsonl.gz", compressed(&instances));
    let run = |file: &str, output: &str| {
        format!(
            "pretrain --recipe google --model tiny.json --max-seq-length 32 --train-batch-size 4 --num-train-steps 4 \
             --learning-rate 1e-2 --vocab vocab.txt --instances {file} --output-dir {output}"
        )
    };
    place.cloze(&run("i.jsonl", "plain")).ok();
    place.cloze(&run("i.jsonl.gz", "gz")).ok();
    let answer = with_input(&place, &run("-", "stdin"), instances.as_bytes()).ok();
    says(&answer, "to resume or verify this run, give the same text on standard input again");
    with_input(&place, &run("-", "stdin_gz"), &compressed(&instances)).ok();
    for other in ["gz", "stdin", "stdin_gz"] {
        assert!(place.weights(other) == place.weights("plain"), "{other}");
    }
    // The data is the same, wherever it is.
    place.cloze("pretrain --resume --output-dir plain --instances i.jsonl.gz").ok();
    let resume = "pretrain --resume --output-dir stdin";
    with_input(&place, resume, instances.as_bytes()).ok();
    with_input(&place, resume, b"").refused(1, &["with the same text on standard input"]);
    let verified = with_input(&place, "verify stdin --json", instances.as_bytes()).ok();
    assert_eq!(verified.json()["agrees"], true);

    place.write("cut.jsonl.gz", &compressed(&instances)[..100]);
    let words = ["`cut.jsonl.gz` is not a whole gzip file"];
    place.refuses(&words, |place| place.cloze(&run("cut.jsonl.gz", "out")));
    with_input(&place, &run("-", "out"), b"{}").refused(1, &["`standard input`, line 1: "]);
    with_input(&place, &(run("-", "out") + " --eval-input -"), instances.as_bytes())
        .refused(1, &["standard input can be read once"]);
}

//! A number that a run cannot use is refused before anything is written, by the name of its option.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use place::Place;

/// Every option of `pretrain` that takes a number, from its help.
fn numeric_options(place: &Place) -> Vec<String> {
    let help = place.cloze("pretrain --help").ok().stdout;
    let words: Vec<&str> = help.split_whitespace().collect();
    let numeric = ["<N>", "<P>", "<D>", "<RATE>", "<SHARE>"];
    let pairs = words.windows(2).filter(|pair| numeric.contains(&pair[1]));
    pairs.map(|pair| pair[0].to_string()).filter(|option| option.starts_with("--")).collect()
}

#[test]
fn a_number_that_no_run_can_use_is_refused_by_name() {
    let place = Place::with_run();
    let options = numeric_options(&place);
    assert!(options.len() >= 20 && options.contains(&"--max-grad-norm".into()), "{options:?}");
    let new = "pretrain --input text.txt --recipe google --model tiny.json --max-seq-length 32 --num-train-steps 4";
    for option in &options {
        for value in ["inf", "nan", "-1", "1e39", "99999999999999999999999"] {
            // As an `f32`, the last value is an ordinary number.
            if value.len() > 9 && ["--learning-rate", "--max-grad-norm"].contains(&&**option) {
                continue;
            }
            for (begin, directory) in [(new, "new"), ("pretrain --resume", "run")] {
                let mut arguments: Vec<&str> = begin.split(' ').collect();
                if let Some(given) = arguments.iter().position(|argument| argument == option) {
                    arguments.drain(given..given + 2);
                }
                arguments.extend(["--output-dir", directory, option, value]);
                let before = place.read("run/run.json");
                let answer = place.run(&arguments);
                let said = format!("{arguments:?}: {} {}", answer.status, answer.stderr);
                assert!([1, 2].contains(&answer.status), "{said}");
                assert!(!answer.stderr.contains("panicked"), "{said}");
                // Rates of dropout are named as in config.json.
                let key = option.trim_start_matches('-').replace('-', "_");
                assert!(
                    answer.stderr.contains(&**option) || answer.stderr.contains(&key),
                    "{said}"
                );
                assert!(!place.path("new").exists(), "{said}");
                assert!(place.read("run/run.json") == before, "{said}");
            }
        }
    }
}

#[test]
fn what_is_too_large_for_32_bits_is_said() {
    let place = Place::new();
    for (option, value) in [("--max-grad-norm", "inf"), ("--learning-rate", "1e39")] {
        let words =
            format!("error: {option} is {value}, but it must be a number of at most 3.4e38");
        place.refuses(&[&words], |place| {
            place.pretrain(&format!("--input text.txt --output-dir run {option} {value}"))
        });
    }
}

//! What a directory records of its training or of its use is what `predict`, `eval`, `embed` and `next-sentence` go by,
//! unless an option says otherwise.

#[allow(dead_code)]
#[path = "command_line/place.rs"]
mod place;

use place::Place;
use serde_json::{Value, json};

/// Questions about contexts that are longer than a window of 32 tokens.
fn questions(place: &Place) {
    let paragraph = |(i, animal): (usize, &&str)| {
        let context = format!(
            "{}Anna saw the {animal}. {}",
            "It was a day at the park. ".repeat(4),
            "Tom ran. ".repeat(9)
        );
        let start = context.find("saw ").unwrap() + 4;
        let answers = json!([{"text": format!("the {animal}"), "answer_start": start}]);
        let question =
            json!({"id": i.to_string(), "question": "What did Anna see?", "answers": answers});
        json!({"context": context, "qas": [question]})
    };
    let paragraphs: Vec<Value> =
        ["cat", "dog", "fox", "owl"].iter().enumerate().map(paragraph).collect();
    let file = json!({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]});
    place.write("questions.json", file.to_string());
}

#[test]
fn windows_are_those_of_the_training() {
    let place = Place::with_run();
    questions(&place);
    let windows = "--max-seq-length 32 --doc-stride 8 --max-query-length 12";
    let said = place
        .cloze(&format!(
            "finetune answer --model run --train questions.json --eval questions.json --output-dir out --json \
             --learning-rate 1e-2 --num-train-epochs 2 --train-batch-size 4 {windows}"
        ))
        .ok();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let eval = |options: &str| {
        let command = format!("eval --model out --input questions.json --json {options}");
        place.cloze(&command).json()
    };
    let measured = eval("");
    let recorded = &answer["evaluation"];
    assert!(recorded["answers_loss"].is_f64() || recorded["loss"].is_f64(), "{answer}");
    for (name, value) in [("f1", &measured["f1"]), ("exact_match", &measured["exact_match"])] {
        assert_eq!(value, &recorded[name], "{name}");
    }
    let loss = recorded.get("answers_loss").unwrap_or(&recorded["loss"]).as_f64().unwrap();
    let got = measured["loss"].as_f64().unwrap();
    assert!((got - loss).abs() < 1e-9, "{got}, but training measured {loss}");
    assert_eq!(eval(windows), measured);
    for other in ["--doc-stride 16", "--max-seq-length 48", "--max-query-length 3"] {
        assert_ne!(eval(other)["loss"], measured["loss"], "{other}");
    }

    let context = format!("{}Anna saw the cat.", "It was a day at the park. ".repeat(8));
    let predict = |options: &[&str]| {
        let given = ["predict", "--model", "out", "--json", "What did Anna see?", &context];
        place.run(&[&given, options].concat())
    };
    assert_eq!(predict(&windows.split(' ').collect::<Vec<_>>()).json(), predict(&[]).json());
    assert_ne!(predict(&["--doc-stride", "16"]).json(), predict(&[]).json());
    predict(&["--max-seq-length", "9999"])
        .refused(1, &["--max-seq-length is 9999", "reads at most"]);
    predict(&["--doc-stride", "0"]).refused(1, &["--doc-stride is 0"]);
    predict(&["--max-query-length", "29"]).refused(1, &["--max-query-length of 29"]);
    // Without run.json they are the usual ones.
    std::fs::remove_file(place.path("out/run.json")).unwrap();
    assert_ne!(predict(&[]).json(), predict(&windows.split(' ').collect::<Vec<_>>()).json());
}

#[test]
fn embeddings_are_made_as_the_directory_says() {
    let place = Place::with_run();
    place.write("lines.txt", place::TEXT);
    place
        .cloze(
            "finetune embed --model run --train lines.txt --output-dir out --pooling cls --max-seq-length 16 \
             --learning-rate 1e-3 --train-batch-size 8",
        )
        .ok();
    let text = "The old cat sat on the mat.";
    let embed = |options: &[&str]| {
        let answer = place.run(&[&["embed", "--model", "out", text], options].concat()).json();
        let numbers = answer["embedding"].as_array().unwrap().iter();
        numbers.map(|x| x.as_f64().unwrap()).collect::<Vec<f64>>()
    };
    let length = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    let cls = embed(&[]);
    assert_eq!(embed(&["--pooling", "cls"]), cls);
    assert_ne!(embed(&["--pooling", "mean"]), cls);
    assert!((length(&cls) - 1.0).abs() > 1e-3);
    // `eval` makes them in the same way: its correlation is that of the cosines of what `embed` prints.
    let pairs = [
        ("The cat sat.", "Tom ran.", 1.0),
        ("The dog ran.", "The dog sat.", 4.0),
        (text, "It was a day.", 2.0),
    ];
    let table: String = pairs.iter().map(|(a, b, score)| format!("{a}\t{b}\t{score}\n")).collect();
    place.write("pairs.tsv", format!("sentence1\tsentence2\tscore\n{table}"));
    let pearson = |options: &[&str]| {
        let cosines = pairs.map(|(a, b, _)| {
            let answer = place.run(
                &[&["embed", "--model", "out", "--json", "--similarity", a, b], options].concat(),
            );
            answer.json()["cosine"][0][1].as_f64().unwrap()
        });
        let scores = pairs.map(|(_, _, score)| score);
        let covariance = |x: &[f64; 3], y: &[f64; 3]| {
            let mean = |z: &[f64; 3]| z.iter().sum::<f64>() / 3.0;
            x.iter().zip(y).map(|(a, b)| (a - mean(x)) * (b - mean(y))).sum::<f64>()
        };
        covariance(&cosines, &scores)
            / (covariance(&cosines, &cosines) * covariance(&scores, &scores)).sqrt()
    };
    let measured = place.cloze("eval --model out --input pairs.tsv --json").json();
    let measured = measured["pearson"].as_f64().unwrap();
    // The cosines are single precision, and near 1: their differences have some 4 digits.
    assert!((measured - pearson(&[])).abs() < 1e-3, "{measured}, but {}", pearson(&[]));
    let mean = pearson(&["--pooling", "mean"]);
    assert!((measured - mean).abs() > 1e-2, "{measured}, and {mean} for another pooling");
    // A module that normalizes, as sentence-transformers writes it.
    let mut modules = place.read_json("out/modules.json");
    let normalize = json!({"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"});
    modules.as_array_mut().unwrap().push(normalize);
    place.write("out/modules.json", modules.to_string());
    assert!((length(&embed(&[])) - 1.0).abs() < 1e-6);
    assert_eq!(embed(&["--normalize=false"]), cls);
    // Texts are cut where the training cut them.
    let long = text.repeat(4);
    let said = place.run(&["embed", "--model", "out", &long]).ok();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(answer["truncated"].is_object() && said.stderr.contains("16"), "{}", said.stderr);
    let longer = place.run(&["embed", "--model", "out", "--max-seq-length", "40", &long]).json();
    assert_ne!(longer["embedding"], answer["embedding"]);
    // A way of pooling that is not supported is refused, unless another is chosen.
    place.write("out/1_Pooling/config.json", json!({"pooling_mode": "max"}).to_string());
    place
        .run(&["embed", "--model", "out", text])
        .refused(1, &["pooling max is not supported", "--pooling"]);
    assert_eq!(embed(&["--pooling", "cls", "--normalize=false"]), cls);
}

#[test]
fn sentence_order_is_named() {
    let place = Place::with_run();
    let ask = |options: &[&str]| {
        place.run(
            &[&["next-sentence", "--model", "run", "The cat sat.", "The dog ran."], options]
                .concat(),
        )
    };
    let usual = ask(&["--json"]).json();
    assert!(usual.get("sentence_objective").is_none());
    assert!(ask(&[]).ok().stdout.contains("that B is random"));
    let mut run = place.read_json("run/run.json");
    run["options"]["recipe"]["sentence_objective"] = json!("sentence-order");
    place.write("run/run.json", run.to_string());
    let said = ask(&[]).ok();
    assert!(said.stdout.contains("that they are swapped (A follows B)"), "{}", said.stdout);
    assert!(said.stderr.contains("sentence order"), "{}", said.stderr);
    let answer = ask(&["--json"]).json();
    assert_eq!(answer["sentence_objective"], "sentence-order");
    assert_eq!(answer["logits"], usual["logits"]);
}

#[test]
fn empty_texts_and_options_of_other_tasks_are_refused() {
    let place = Place::with_run();
    let mut table = "sentence\tlabel\n".to_string();
    for animal in ["cat", "dog", "fox", "owl"] {
        table += &format!("The {animal} ran.\tmoves\nThe {animal} sat.\trests\n");
    }
    place.write("train.tsv", table);
    place
        .cloze(
            "finetune classify --model run --train train.tsv --output-dir out --eval-fraction 0 --learning-rate 1e-3 \
             --num-train-epochs 1",
        )
        .ok();
    let predict = |texts: &[&str]| place.run(&[&["predict", "--model", "out"], texts].concat());
    predict(&["The cat sat.", ""]).refused(2, &["the second text is empty", "leave it out"]);
    predict(&[" "]).refused(2, &["the text is empty"]);
    predict(&["The cat sat.", "--doc-stride", "8"])
        .refused(2, &["--doc-stride is for models that answer questions"]);
    place
        .cloze("eval --model out --input train.tsv --max-seq-length 16")
        .refused(2, &["--max-seq-length is for models that answer questions"]);
}

//! The same version, input, settings and seed give the same bytes, timings aside.

use crate::place::Place;

#[test]
fn the_same_bytes_whatever_the_threads() {
    let place = Place::new();
    let train = |threads: usize| {
        let run = threads.to_string();
        let options = "--vocab-size 120 --num-train-steps 10 --log-every 1 --eval-every 2";
        let options = format!("{options} --train-batch-size 7 --gradient-accumulation-steps 2");
        let options = format!("--input text.txt {options} --threads {run} --output-dir {run}");
        place.pretrain(&options).ok();
        (place.weights(&run), place.metrics(&run), place.read(&format!("{run}/vocab.txt")))
    };
    let one = train(1);
    // With dropout: the masks, too, are drawn alike.
    assert_eq!(place.read_json("1/config.json")["hidden_dropout_prob"], 0.1);
    assert_eq!(place.read_json("1/config.json")["attention_probs_dropout_prob"], 0.1);
    assert!(train(2) == one && train(3) == one);
}

//! What a person reads before the first step.

use super::duration::duration;
use crate::run::Forecast;

/// The lines about a run that has taken `step` steps.
pub fn forecast(forecast: &Forecast, step: u64) -> Vec<String> {
    let Forecast { num_train_steps, passes, parameters, .. } = *forecast;
    let mut lines = Vec::new();
    let left = num_train_steps.saturating_sub(step);
    let steps = match (step, left) {
        (0, 1) => "1 step".to_string(),
        (0, _) => format!("{num_train_steps} steps"),
        _ => format!("{left} of {num_train_steps} steps are left"),
    };
    let share = left as f64 / num_train_steps.max(1) as f64;
    let takes = forecast.seconds.map(|seconds| duration((seconds * share).max(1.0)));
    let takes = match (&forecast.train_time, takes) {
        (Some(time), Some(takes)) => format!(", worked out from {time}: about {takes}"),
        (None, Some(takes)) => format!(", about {takes} at the speed of this machine now"),
        (_, None) => String::new(),
    };
    lines.push(format!("{steps}{takes}"));
    if let Some(passes) = passes {
        let passes = match passes {
            passes if passes < 0.995 => format!("{:.1} % of one pass", 100.0 * passes),
            passes if passes < 9.95 => format!("{passes:.1} passes"),
            passes => format!("{passes:.0} passes"),
        };
        lines.push(format!("{passes} over the text"));
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (model, text) = (megabytes(forecast.model_bytes), megabytes(forecast.text_bytes));
    lines.push(format!(
        "{:.0} MB of memory: {model:.0} MB for the model of {parameters} parameters and its training, {text:.0} MB \
         for the text and everything else that is loaded by now",
        model + text
    ));
    if let Some(loss) = forecast.unigram_loss {
        lines.push(format!(
            "counting words alone gives a masked-LM loss of {loss:.3} on the held-out text"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(change: impl Fn(&mut Value)) -> Forecast {
        let mut value = json!({
            "num_train_steps": 200, "train_time": null, "seconds": 120.0, "passes": 3.24,
            "parameters": 1000, "model_bytes": 20_000_000, "text_bytes": 5_000_000, "unigram_loss": 6.8765
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_lines_say_how_long_how_much_and_what_counting_gives() {
        let expected = [
            "200 steps, about 2 min 00 s at the speed of this machine now",
            "3.2 passes over the text",
            "25 MB of memory: 20 MB for the model of 1000 parameters and its training, 5 MB for the text and \
             everything else that is loaded by now",
            "counting words alone gives a masked-LM loss of 6.877 on the held-out text",
        ];
        assert_eq!(forecast(&read(|_| ()), 0), expected);
        let resumed = forecast(&read(|f| f["train_time"] = "2m".into()), 150);
        assert_eq!(resumed[0], "50 of 200 steps are left, worked out from 2m: about 30 s");
        let little = |f: &mut Value| {
            f["seconds"] = Value::Null;
            f["passes"] = 0.05.into();
            f["unigram_loss"] = Value::Null;
        };
        let lines = forecast(&read(little), 0);
        assert_eq!(lines[..2], ["200 steps", "5.0 % of one pass over the text"]);
        assert_eq!(lines.len(), 3);
    }
}

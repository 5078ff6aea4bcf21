//! The numbers of a `metrics.jsonl`, to look at: every series by its name. A damaged line is noted, and the others are
//! read.

use super::metrics::FilledSample;
use crate::train::evaluation::TokenKind;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor, value};
use serde::{Deserialize, de};
use serde_json::Value;
use std::fmt;

/// The numbers of `metrics.jsonl` by name, and what else its evaluations hold.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MetricsHistory {
    /// Every number but the step, by its name, in the order in which names appear.
    pub series: Vec<Series>,
    /// What evaluations hold besides numbers, in order.
    pub evaluations: Vec<EvaluationDetails>,
    /// Lines that can be read.
    pub lines: u64,
    /// The step of the last of them.
    pub last_step: u64,
    /// Lines that cannot be read, the first few.
    pub damaged: Vec<DamagedLine>,
    /// How many cannot be read.
    pub num_damaged: u64,
}

/// A number over the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in `metrics.jsonl`.
    pub name: String,
    /// Steps and values, in order.
    pub points: Vec<[f64; 2]>,
}

/// What an evaluation holds besides numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationDetails {
    /// The step.
    pub step: u64,
    /// What the model filled into the text that is watched.
    pub sample: Option<FilledSample>,
    /// Masked language modelling by kind of token.
    pub kinds: Vec<TokenKind>,
    /// `[right][predicted]`, see [`Evaluation::confusion`](crate::train::Evaluation::confusion).
    pub confusion: Vec<Vec<u64>>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// Damaged lines that are told one by one.
const DAMAGED_SHOWN: usize = 5;

impl MetricsHistory {
    /// Reads the lines of a `metrics.jsonl`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut history = Self::default();
        let mut names = Names(Vec::new());
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Err(message) = history.add(line, &mut names) {
                history.num_damaged += 1;
                if history.damaged.len() < DAMAGED_SHOWN {
                    history.damaged.push(DamagedLine { line: number, message });
                }
            }
        }
        history
    }

    /// The numbers called `name`.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// The last number called `name`.
    pub fn last(&self, name: &str) -> Option<f64> {
        Some(self.series(name)?.points.last()?[1])
    }

    /// Adds a line, all of it or nothing.
    fn add(&mut self, line: &[u8], names: &mut Names) -> Result<(), String> {
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let fields = LineSeed(names).deserialize(&mut deserializer);
        let Line { numbers, others } = fields
            .and_then(|line| deserializer.end().map(|()| line))
            .map_err(|error| format!("not a JSON object of numbers: {error}"))?;
        let step = numbers.iter().find(|(name, _)| names.0[*name].name == "step");
        let step = match step {
            Some((_, step)) if *step >= 0.0 && step.fract() == 0.0 => *step,
            _ => return Err("it has no `step`".into()),
        };
        if (step as u64) < self.last_step {
            return Err(format!("its step {step} comes after step {}", self.last_step));
        }
        for (name, value) in numbers {
            let Name { name, series } = &mut names.0[name];
            if name == "step" {
                continue;
            }
            let index = *series.get_or_insert_with(|| {
                self.series.push(Series { name: name.clone(), points: Vec::new() });
                self.series.len() - 1
            });
            self.series[index].points.push([step, value]);
        }
        (self.last_step, self.lines) = (step as u64, self.lines + 1);
        let details = EvaluationDetails::new(step as u64, others);
        self.evaluations.extend(details);
        Ok(())
    }
}

impl EvaluationDetails {
    /// From the fields of a line that are no numbers; `None` when there are none of these.
    fn new(step: u64, fields: Vec<(String, Value)>) -> Option<Self> {
        let mut details = Self { step, ..Self::default() };
        // A field of another form is of another version.
        fn read<T: for<'de> Deserialize<'de>>(value: Value) -> Option<T> {
            serde_json::from_value(value).ok()
        }
        let mut is_one = false;
        for (name, value) in fields {
            match name.as_str() {
                "sample" => details.sample = read(value),
                "eval_kinds" => details.kinds = read(value).unwrap_or_default(),
                "eval_confusion" => details.confusion = read(value).unwrap_or_default(),
                _ => continue,
            }
            is_one = true;
        }
        is_one.then_some(details)
    }
}

/// The names that occur in a file. Lines refer to them by index.
struct Names(Vec<Name>);

struct Name {
    name: String,
    /// The index of its series, if it has one.
    series: Option<usize>,
}

/// The fields of a line.
struct Line {
    /// Index of the name, and the value.
    numbers: Vec<(usize, f64)>,
    others: Vec<(String, Value)>,
}

/// Reads a [`Line`]: a hundred thousand of them within a second, so that no name is copied.
struct LineSeed<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = Line;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Line, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
        let mut line = Line { numbers: Vec::with_capacity(16), others: Vec::new() };
        while let Some(name) = map.next_key_seed(NameSeed(&mut *self.0))? {
            match map.next_value()? {
                Field::Number(value) => line.numbers.push((name, value)),
                Field::Other(value) => line.others.push((self.0.0[name].name.clone(), value)),
                Field::Nothing => {}
            }
        }
        Ok(line)
    }
}

/// Reads a name as its index.
struct NameSeed<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<usize, E> {
        let names = &mut self.0.0;
        Ok(names.iter().position(|known| known.name == name).unwrap_or_else(|| {
            names.push(Name { name: name.into(), series: None });
            names.len() - 1
        }))
    }
}

/// The value of a field.
enum Field {
    Number(f64),
    Other(Value),
    /// `null`, for a number that is not finite; text; a truth value.
    Nothing,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Field, E> {
        Ok(Field::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Field, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Nothing)
    }

    fn visit_str<E>(self, _: &str) -> Result<Field, E> {
        Ok(Field::Nothing)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Field, A::Error> {
        Value::deserialize(value::SeqAccessDeserializer::new(seq)).map(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
        Value::deserialize(value::MapAccessDeserializer::new(map)).map(Field::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_lines_are_named_and_the_others_read() {
        let text = b"{\"step\":1,\"loss\":2.5,\"grad_norm\":null}\n{\"step\":2,\"loss\":\n\n\
            {\"loss\":1}\n\xff\n[1]\n{\"step\":3,\"loss\":2,\"eval_attention_next\":[1,2]}\n{\"step\":2,\"loss\":9}\n\
            {\"step\":3,\"eval_loss\":2,\"sample\":{\"text\":\"a [MASK]\",\"predictions\":[[]]}}\n{\"step\":4,\"lo";
        let history = MetricsHistory::parse(text);
        let lines: Vec<u64> = history.damaged.iter().map(|damaged| damaged.line).collect();
        assert_eq!(lines, [2, 4, 5, 6, 8], "{:?}", history.damaged);
        assert_eq!((history.num_damaged, history.lines, history.last_step), (6, 3, 3));
        assert!(history.damaged[1].message.contains("`step`"), "{:?}", history.damaged);
        assert!(history.damaged[4].message.contains("after step 3"), "{:?}", history.damaged);
        assert_eq!(history.series("loss").unwrap().points, [[1.0, 2.5], [3.0, 2.0]]);
        assert_eq!(history.series("eval_loss").unwrap().points, [[3.0, 2.0]]);
        assert!(history.series("grad_norm").is_none() && history.series("step").is_none());
        assert_eq!(history.evaluations.len(), 1);
        assert_eq!(history.evaluations[0].sample.as_ref().unwrap().text, "a [MASK]");
    }

    #[test]
    fn nothing_is_no_error() {
        let history = MetricsHistory::parse(b"");
        assert_eq!((history.lines, history.num_damaged), (0, 0));
    }
}

//! What `run.json` says about the use of the model beside it: settings that an answer depends on, and that a
//! `config.json` does not hold.

use super::finetuning::FinetuningJob;
use super::job::Job;
use super::pretraining::PretrainingJob;
use super::run_json::RunJson;
use crate::data::SentenceObjective;
use crate::data::features::WindowSettings;
use serde_json::Value;
use std::path::Path;

/// What is recorded of a model; nothing for a model that has no `run.json`, such as one of Hugging Face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// How contexts were cut when it learned to answer questions.
    pub windows: Option<WindowSettings>,
    /// What it learned about two segments when it was pretrained.
    pub sentence_objective: Option<SentenceObjective>,
}

impl Recorded {
    /// Reads `run.json` of `directory`. A file that cannot be read says nothing; [`damage`](super::damage) warns of it.
    pub fn read(directory: &Path) -> Self {
        let Ok(RunJson { job, options, .. }) = RunJson::<Value>::read(directory) else {
            return Self::default();
        };
        match (&*job, &options["task"]) {
            (FinetuningJob::NAME, task) if task == "answer" => {
                Self { windows: windows(&options), ..Self::default() }
            }
            (PretrainingJob::NAME, _) => {
                let objective = options["recipe"]["sentence_objective"].clone();
                Self { sentence_objective: serde_json::from_value(objective).ok(), windows: None }
            }
            _ => Self::default(),
        }
    }
}

fn windows(options: &Value) -> Option<WindowSettings> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    Some(WindowSettings {
        max_seq_length: number(&options["recipe"]["max_seq_length"])?,
        doc_stride: number(&options["doc_stride"])?,
        max_query_length: number(&options["max_query_length"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_those_of_the_job() {
        let directory = tempfile::tempdir().unwrap();
        let recorded = || Recorded::read(directory.path());
        let write = |job: &str, options: Value| {
            let run = json!({"cloze_version": "0", "job": job, "command": "", "options": options, "config": {}});
            std::fs::write(directory.path().join("run.json"), run.to_string()).unwrap();
        };
        assert_eq!(recorded(), Recorded::default());
        write("pretraining", json!({"recipe": {"sentence_objective": "sentence-order"}}));
        assert_eq!(recorded().sentence_objective, Some(SentenceObjective::SentenceOrder));
        let options = |task| json!({"task": task, "doc_stride": 3, "max_query_length": 4, "recipe": {"max_seq_length": 9}});
        write("finetuning", options("answer"));
        let windows = WindowSettings { max_seq_length: 9, doc_stride: 3, max_query_length: 4 };
        assert_eq!(recorded(), Recorded { windows: Some(windows), sentence_objective: None });
        write("finetuning", options("classify"));
        assert_eq!(recorded(), Recorded::default());
        std::fs::write(directory.path().join("run.json"), "{").unwrap();
        assert_eq!(recorded(), Recorded::default());
    }
}

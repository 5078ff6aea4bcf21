"""Compares directories of fine-tuned models between `cloze` and transformers, both ways.

    HF_HUB_OFFLINE=1 python check_finetuned.py WORK --cloze ../../target/release/cloze RUN_DIR...

RUN_DIR are directories that `cloze finetune` wrote (classify, regress, tag, answer or embed). Each must load in its
class with no missing and no unexpected key, and answer the same as `cloze predict`: text-classification and
token-classification by their pipelines; answers by the logits of the model, because transformers 5 has no pipeline for
them any more. Then each model is saved by transformers into WORK and read by `cloze predict`, which must answer the
same as before. Prints a table and exits 1 on any difference above 1e-4.
Written for python 3.11+, torch==2.15.0, transformers==5.24.0.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer, pipeline

TOLERANCE = 1e-4
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Anna gave the white cup to Otto in the garden.",
    "A charming and often affecting journey, unbelievably so!",
    "Café Zürich is in 中文 — don't e-mail me@example.org.",
]
QUESTIONS = [
    ("What broke?", "Anna put the cup on the table. The cup fell to the floor and broke."),
    ("Who has the cat?", "Zoë gave the cat to Ben. Ben took the cat to the garden. " * 12),
]
failures = 0


def line(passed, what, detail):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'}  {what:58}  {detail}")


def cloze(program, directory, *texts):
    command = [program, "predict", "--model", str(directory), "--top", "5", "--json", *texts]
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        raise RuntimeError(result.stderr)
    return json.loads(result.stdout)


def difference_of_classes(directory, program):
    classify = pipeline("text-classification", str(directory), top_k=None)
    worst = 0.0
    for text in TEXTS:
        answer = cloze(program, directory, text)
        for expected in classify([text], truncation=True)[0]:
            got = answer["value"] if "value" in answer else answer["probabilities"][expected["label"]]
            worst = max(worst, abs(got - expected["score"]))
    return worst


def difference_of_tags(directory, program):
    tag = pipeline("token-classification", str(directory), aggregation_strategy="none", ignore_labels=[])
    worst = 0.0
    for text in TEXTS:
        pieces = [piece for piece in tag(text) if not piece["word"].startswith("##")]
        words = cloze(program, directory, text)["words"]
        if [word["label"] for word in words] != [piece["entity"] for piece in pieces]:
            return 1.0
        if [word["start"] for word in words] != [piece["start"] for piece in pieces]:
            return 1.0
        worst = max([worst] + [abs(w["probability"] - float(p["score"])) for w, p in zip(words, pieces)])
    return worst


def difference_of_answers(directory, program, model):
    tokenizer = AutoTokenizer.from_pretrained(directory)
    worst = 0.0
    for question, context in QUESTIONS:
        encoded = tokenizer(question, context, return_offsets_mapping=True, return_tensors="pt")
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            output = model(**encoded)
        inside = torch.tensor([s == 1 for s in encoded.sequence_ids(0)])
        inside[0] = True
        columns = []
        for logits in (output.start_logits[0], output.end_logits[0]):
            columns.append(torch.where(inside, logits, -torch.inf).softmax(-1))
        first, last = columns
        answer = cloze(program, directory, question, context)
        worst = max(worst, abs(answer["no_answer_probability"] - float(first[0] * last[0])))
        spans = torch.triu(first[:, None] * last[None, :]).tril(29)
        spans[0] = 0
        best = spans.max()
        worst = max(worst, abs(answer["answers"][0]["probability"] - float(best)))
        s, e = divmod(int(spans.argmax()), len(first))
        found = answer["answers"][0]
        if not (found["start"] <= offsets[s][0] and offsets[e][1] <= found["end"]):
            return 1.0
    return worst


def difference(directory, program, model):
    name = type(model).__name__
    if name == "BertForSequenceClassification":
        return difference_of_classes(directory, program)
    if name == "BertForTokenClassification":
        return difference_of_tags(directory, program)
    if name == "BertForQuestionAnswering":
        return difference_of_answers(directory, program, model)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--cloze", required=True)
    parser.add_argument("runs", nargs="+", type=Path)
    arguments = parser.parse_args()
    for run in arguments.runs:
        (name,) = AutoConfig.from_pretrained(run).architectures
        model, info = getattr(transformers, name).from_pretrained(run, output_loading_info=True)
        model.eval()
        counts = [len(info[kind]) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")]
        line(not any(counts), f"{run}: {name}.from_pretrained", "{} missing, {} unexpected, {} mismatched".format(*counts))
        worst = difference(run, arguments.cloze, model)
        if worst is not None:
            line(worst <= TOLERANCE, f"{run}: the same answers", f"largest difference {worst:.1e}")
        saved = arguments.work / run.name
        model.save_pretrained(saved)
        AutoTokenizer.from_pretrained(run).save_pretrained(saved)
        worst = difference(saved, arguments.cloze, model)
        if worst is not None:
            line(worst <= TOLERANCE, f"{saved}: written by transformers, read by cloze", f"largest difference {worst:.1e}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

"""Loads a directory written by `cloze pretrain` in Hugging Face transformers and compares answers.

    HF_HUB_OFFLINE=1 python check.py RUN_DIR [--cloze ../../target/release/cloze] [--text TEXT ...]

Without `--cloze` it checks only that everything loads. Prints a table and exits 1 on any difference.
Written for python 3.11+, torch==2.15.0, transformers==5.23.0, tokenizers==0.23.3.
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
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertForMaskedLM,
    BertForPreTraining,
    BertModel,
    BertTokenizerFast,
    pipeline,
)

TOLERANCE = 1e-4
TOP = 5
TEXTS = [
    "The quick brown fox [MASK] over the lazy dog.",
    "The cat sat on the [MASK].",
    "The capital of France is [MASK].",
    "The [MASK] sat on the [MASK].",
    "[MASK] fox saw the dog, and the [MASK] ran away!",
]
PAIRS = [
    ("The quick brown fox jumps over the lazy dog.", "The cat sat on the mat."),
    ("The cat sat on the mat.", "It was warm there."),
    ("She went to the market.", "In 1905 the city had 3,000 inhabitants."),
]
STRINGS = [
    "The quick brown fox jumps over the lazy dog.",
    "  Tabs\tand\u00a0spaces,  \u201cquotes\u201d \u2014 and dashes\u2026 ",
    "Caf\u00e9 Zu\u0308rich na\u00efve \u00c5ngstr\u00f6m",
    "\u4e2d\u6587 and English \u65e5\u672c\u8a9e",
    "don't e-mail me@example.org, $3.50 (50%)",
    "The [MASK] sat [SEP] here.",
    "unbelievableunbelievable zzzqqqxxx 12345",
]


class Table:
    """One line a check; remembers whether all passed."""

    def __init__(self):
        self.failures = 0

    def line(self, passed, what, detail=""):
        self.failures += not passed
        print(f"{'ok  ' if passed else 'FAIL'}  {what:58}  {detail}")


def load(table, model_class, directory, strict):
    """Loads with one class. Strict: every key is used and none is missing. Otherwise: reported."""
    model, info = model_class.from_pretrained(directory, output_loading_info=True)
    counts = {kind: sorted(map(str, info[kind])) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    text = ", ".join(f"{len(names)} {kind.split('_')[0]}" for kind, names in counts.items())
    passed = not any(counts.values()) if strict else not counts["mismatched_keys"]
    table.line(passed, f"{model_class.__name__}.from_pretrained", text)
    for kind, names in counts.items():
        # The heads that this class does not have are no surprise.
        odd = [n for n in names if strict or not (kind == "unexpected_keys" and n.startswith("cls."))]
        if odd and (strict or kind != "unexpected_keys"):
            print(f"          {kind}: {odd}")
    return model.eval()


def run(cloze, *arguments):
    """Runs cloze and reads the JSON objects that it prints, one a line or a single one."""
    result = subprocess.run([cloze, *arguments], capture_output=True, text=True, encoding="utf-8")
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join([str(cloze), *arguments])}: status {result.returncode}: {result.stderr.strip()}")
    try:
        return [json.loads(result.stdout)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in result.stdout.splitlines() if line.strip()]


def compare_fill_mask(table, cloze, directory, model, tokenizer, fill_mask, text):
    """Same masks, same tokens in the same order, same probabilities; and the pipeline agrees."""
    encoded = tokenizer(text, return_tensors="pt")
    positions = (encoded["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
    with torch.no_grad():
        probabilities = model(**encoded).prediction_logits[0].softmax(-1)
    if fill_mask is not None and positions:
        answers = fill_mask(text, top_k=TOP)
        answers = [answers] if len(positions) == 1 else answers
        worst = max(
            abs(answer["score"] - probabilities[position, answer["token"]].item())
            for position, per_mask in zip(positions, answers)
            for answer in per_mask
        )
        first = " / ".join(per_mask[0]["token_str"] for per_mask in answers)
        table.line(worst <= TOLERANCE, f"pipeline: {text[:44]}", f"{first}, largest difference {worst:.1e}")
    if not cloze:
        return
    (answer,) = run(cloze, "fill-mask", "--model", directory, "--top", str(TOP), "--json", text)
    problems = [] if answer["text"] == text else ["text"]
    found = [mask["position"] for mask in answer["masks"]]
    if found != positions:
        problems.append(f"positions {found}, expected {positions}")
    worst = 0.0
    for mask in answer["masks"] if not problems else []:
        here = probabilities[mask["position"]]
        best = here.topk(min(TOP, len(here)))
        if len(mask["predictions"]) != len(best.indices):
            problems.append(f"{len(mask['predictions'])} predictions, expected {len(best.indices)}")
        for rank, prediction in enumerate(mask["predictions"][: len(best.indices)]):
            token_id, wanted_id = prediction["token_id"], best.indices[rank].item()
            if tokenizer.convert_ids_to_tokens(token_id) != prediction["token"]:
                problems.append(f"token {prediction['token']!r} is not number {token_id}")
            worst = max(worst, abs(prediction["probability"] - here[token_id].item()))
            # Two tokens so close that float32 cannot order them may change places.
            if token_id != wanted_id and abs(here[token_id] - here[wanted_id]) > 1e-6:
                wanted = tokenizer.convert_ids_to_tokens(wanted_id)
                problems.append(f"rank {rank + 1} is {prediction['token']!r}, expected {wanted!r}")
    if worst > TOLERANCE:
        problems.append("probabilities")
    tokens = " / ".join(mask["predictions"][0]["token"] for mask in answer["masks"] if mask["predictions"])
    detail = "; ".join(problems) or tokens
    table.line(not problems, f"fill-mask: {text[:44]}", f"{detail}, largest difference {worst:.1e}")


def compare_next_sentence(table, cloze, directory, model, tokenizer, a, b):
    """Same logits and probability of the pair."""
    with torch.no_grad():
        logits = model(**tokenizer(a, b, return_tensors="pt")).seq_relationship_logits[0]
    wanted = logits.softmax(-1)[0].item()
    (answer,) = run(cloze, "next-sentence", "--model", directory, "--json", a, b)
    difference = abs(answer["is_next_probability"] - wanted)
    far = max(abs(x - y) / max(1.0, abs(y)) for x, y in zip(answer["logits"], logits.tolist(), strict=True))
    same = answer["sentence_a"] == a and answer["sentence_b"] == b
    passed = same and difference <= TOLERANCE and far <= TOLERANCE
    detail = f"{answer['is_next_probability']:.4f}, expected {wanted:.4f}, logits differ by {far:.1e}"
    table.line(passed, f"next-sentence: {a[:20]}.. {b[:18]}..", detail)


def compare_tokens(table, cloze, directory, tokenizer, text):
    """Same pieces and ids, without [CLS] and [SEP]."""
    wanted_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    wanted = tokenizer.convert_ids_to_tokens(wanted_ids)
    (answer,) = run(cloze, "tokenize", "--model", directory, "--json", text)
    passed = answer["tokens"] == wanted and answer["input_ids"] == wanted_ids
    detail = f"{len(wanted)} tokens" if passed else f"{answer['tokens']}, expected {wanted}"
    table.line(passed, f"tokenize: {text[:44]!r}", detail)


def attempt(table, what, function, *arguments):
    """A check that raises has failed; the others still run."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001: whatever it is, the directory did not load
        table.line(False, what, f"{type(error).__name__}: {error}")
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", help="a directory written by `cloze pretrain`")
    parser.add_argument("--cloze", help="the cloze binary; without it only loading is checked")
    parser.add_argument("--text", action="append", default=[], help="one more text with [MASK]")
    arguments = parser.parse_args()
    directory, cloze = arguments.run_dir, arguments.cloze
    if not Path(directory, "config.json").is_file():
        parser.error(f"{directory} holds no config.json")
    if cloze and not Path(cloze).is_file():
        parser.error(f"{cloze} is not a file")

    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    table = Table()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, {directory}")

    model = attempt(table, "BertForPreTraining", load, table, BertForPreTraining, directory, True)
    for model_class in (BertForMaskedLM, BertModel):
        attempt(table, model_class.__name__, load, table, model_class, directory, False)
    auto = attempt(table, "AutoModel", AutoModel.from_pretrained, directory)
    if auto is not None:
        table.line(isinstance(auto, BertModel), "AutoModel.from_pretrained", type(auto).__name__)
    tokenizer = None
    for tokenizer_class in (BertTokenizerFast, AutoTokenizer):
        tokenizer = attempt(table, tokenizer_class.__name__, tokenizer_class.from_pretrained, directory)
        if tokenizer is not None:
            specials = [tokenizer.pad_token, tokenizer.unk_token, tokenizer.cls_token, tokenizer.sep_token]
            specials.append(tokenizer.mask_token)
            whole = specials == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            size = model is None or len(tokenizer) == model.config.vocab_size
            detail = f"{type(tokenizer).__name__}, {len(tokenizer)} tokens, lower case {tokenizer.do_lower_case}"
            table.line(whole and size, f"{tokenizer_class.__name__}.from_pretrained", detail)
    if model is None or tokenizer is None:
        sys.exit(1)
    fill_mask = attempt(table, "pipeline", pipeline, "fill-mask", directory)

    for text in TEXTS + arguments.text:
        what = f"fill-mask: {text[:44]}"
        attempt(table, what, compare_fill_mask, table, cloze, directory, model, tokenizer, fill_mask, text)
    if cloze:
        for a, b in PAIRS:
            attempt(table, f"next-sentence: {a[:20]}", compare_next_sentence, table, cloze, directory, model, tokenizer, a, b)
        for text in STRINGS:
            attempt(table, f"tokenize: {text[:44]!r}", compare_tokens, table, cloze, directory, tokenizer, text)
    print("all the same" if table.failures == 0 else f"{table.failures} differences")
    sys.exit(1 if table.failures else 0)


if __name__ == "__main__":
    main()

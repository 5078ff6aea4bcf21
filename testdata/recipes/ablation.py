"""The ablation of `--recipe laptop`: every part alone, and left out. Writes one line of CSV a run.

    python ablation.py --cloze ../../target/release/cloze --data ../../../shared/data/en --work /tmp/ablation \\
        [--tokens 9600000] [--threads 2] [--only NAME ...] [--seeds 1] >> ablation.csv

A run trains tiny (2/128) on wikipedia.train.txt and wikipedia_leads.txt with a vocabulary of 8,192 word pieces, learned
once from both. Then `cloze eval` measures the held-out articles, always in the same way: 128 tokens, 15 % masks.
`cpu_seconds` are those of the training process: on a quiet machine, half of them are the seconds of two cores, whatever
else the machine does now. `--tokens` is the budget of the parts that cost no time; a part that makes a step dearer
pays for it in tokens (COST below, measured side by side).

The budget is in sequences x 128 tokens, so a step of 8 sequences is 1,024 tokens; some 12 % of them are padding, which
is not computed.

Not run by the tests. Written for python 3.11, standard library only.
"""

import argparse
import csv
import json
import pathlib
import resource
import subprocess
import sys
import time

# Every part of the recipe: the options with it, and the options without it.
PARTS = {
    "neighbours": (["--initialization", "mimetic"], ["--initialization", "normal"]),
    "word_vectors": (["--word-embeddings", "ppmi-svd"], ["--word-embeddings", "random"]),
    "output_bias": (["--output-bias", "unigram"], ["--output-bias", "zero"]),
    "masks_30_to_15": (["--masked-lm-prob-start", "0.3"], []),
    "batch_8": (["--train-batch-size", "8"], ["--train-batch-size", "32"]),
    "rate_2e-3": (["--learning-rate", "2e-3"], ["--learning-rate", "1e-4"]),
    "no_dropout": (
        ["--hidden-dropout-prob", "0", "--attention-probs-dropout-prob", "0"],
        ["--hidden-dropout-prob", "0.1", "--attention-probs-dropout-prob", "0.1"],
    ),
    "bias_correction": (["--adam-bias-correction"], []),
    "same_file": (["--random-next", "same-file"], ["--random-next", "any"]),
}
# Tried on top of all parts.
MORE = {
    "muon": ["--optimizer", "muon"],
    "beta_2_0.98": ["--adam-beta2", "0.98"],
    "average_0.999": ["--ema-decay", "0.999"],
    "masks_30": ["--masked-lm-prob", "0.3", "--masked-lm-prob-start", "0.3", "--max-predictions-per-seq", "40"],
    "rate_1e-3": ["--learning-rate", "1e-3"],
    "rate_4e-3": ["--learning-rate", "4e-3"],
    "batch_4": ["--train-batch-size", "4"],
    "batch_16": ["--train-batch-size", "16"],
    "short_first": ["--short-phase-seq-length", "64"],
    "weight_decay_0.1": ["--weight-decay", "0.1"],
}
# Time of a token relative to that of the recipe without the part.
COST = {"masks_30_to_15": 1.10, "masks_30": 1.20, "muon": 1.35}


def variants():
    """(name, options, cost) of every run."""
    everything = [options for with_it, _ in PARTS.values() for options in with_it]
    nothing = [options for _, without in PARTS.values() for options in without]
    cost = COST["masks_30_to_15"]
    yield "all", everything, cost
    yield "none", nothing, 1.0
    runs = []
    for name in PARTS:
        alone, left_out = [], []
        for other, (with_it, without) in PARTS.items():
            alone += with_it if other == name else without
            left_out += without if other == name else with_it
        yield f"without_{name}", left_out, cost / COST.get(name, 1.0)
        runs.append((f"only_{name}", alone, COST.get(name, 1.0)))
    yield from runs
    for name, options in MORE.items():
        names = set(options[::2])
        kept, skip = [], False
        for option in everything:
            if option.startswith("--"):
                skip = option in names
            if not skip:
                kept.append(option)
        yield f"all_and_{name}", kept + options, COST[name] if name == "masks_30" else cost * COST.get(name, 1.0)


def answer(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cloze", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--tokens", type=int, default=9_600_000)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    o = parser.parse_args()
    o.work.mkdir(parents=True, exist_ok=True)
    text = [str(o.data / name) for name in ("wikipedia.train.txt", "wikipedia_leads.txt")]
    vocab = o.work / "vocab.txt"
    if not vocab.exists():
        subprocess.run([o.cloze, "vocab", "--input", *text, "--vocab-size", "8192", "--output", vocab], check=True)
    fields = ["name", "seed", "steps", "tokens", "seconds", "cpu_seconds", "masked_lm_loss", "masked_lm_accuracy"]
    fields += ["next_sentence_loss", "next_sentence_accuracy", "options"]
    out = csv.DictWriter(sys.stdout, fields)
    out.writeheader()
    for name, options, cost in variants():
        if o.only and name not in o.only:
            continue
        batch = int(options[options.index("--train-batch-size") + 1])
        steps = round(o.tokens / cost / (128 * batch))
        for seed in range(1, o.seeds + 1):
            run = o.work / f"{name}-{seed}"
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
            command = [o.cloze, "pretrain", "--recipe", "google", "--input", *text, "--vocab", vocab, "--model", "tiny"]
            command += ["--eval-fraction", "0", "--max-seq-length", "128", "--num-train-steps", steps, "--seed", seed]
            command += ["--threads", o.threads, "--save-checkpoints-steps", "0", "--output-dir", run, "--quiet", *options]
            subprocess.run([str(word) for word in command], check=True)
            seconds, after = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            lines = [json.loads(line) for line in open(run / "metrics.jsonl")]
            held_out = answer(
                [o.cloze, "eval", "--json", "--model", run, "--input", o.data / "wikipedia.heldout.txt", "--threads", o.threads]
            )
            row = {key: held_out[key] for key in fields if key in held_out}
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            row |= {"name": name, "seed": seed, "steps": steps, "seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}
            row |= {"tokens": max(line.get("tokens", 0) for line in lines), "options": " ".join(options)}
            out.writerow(row)
            sys.stdout.flush()


main()

"""The speed of `cloze bench tokenizer` beside the reference's, in one run.

    python bench.py --cloze ../../target/release/cloze --input text.txt --vocab vocab.txt [--cased]
        [--vocab-size 8192] [--rounds 5] [--threads 1]

Not run by the tests. Written for python 3.11+, tokenizers==0.23.3. Encoding: the lines of the text
without special tokens, `encode_batch` against the same lines in cloze. Learning: `train` on the file
against `cloze bench tokenizer`'s. The two take turns, once a round; each figure is the median of the
rounds. With --threads 1 the reference runs with RAYON_NUM_THREADS=1.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("--cloze", required=True)
parser.add_argument("--input", required=True)
parser.add_argument("--vocab", required=True)
parser.add_argument("--cased", action="store_true")
parser.add_argument("--vocab-size", type=int, default=8192)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--no-learning", action="store_true")
options = parser.parse_args()
os.environ["RAYON_NUM_THREADS"] = str(options.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"

from tokenizers import BertWordPieceTokenizer

with open(options.input, encoding="utf8", newline="") as file:
    text = file.read()
lines = text.split("\n")
megabytes = len(text.encode()) / 1e6
tokenizer = BertWordPieceTokenizer(options.vocab, lowercase=not options.cased)

encode, learn, rows = [], [], []
for _ in range(options.rounds):
    start = time.perf_counter()
    tokens = sum(len(e.ids) for e in tokenizer.encode_batch(lines, add_special_tokens=False))
    encode.append(megabytes / (time.perf_counter() - start))
    if not options.no_learning:
        start = time.perf_counter()
        trained = BertWordPieceTokenizer(lowercase=not options.cased)
        trained.train(options.input, vocab_size=options.vocab_size, min_frequency=2, show_progress=False)
        learn.append(megabytes / (time.perf_counter() - start))
    command = [options.cloze, "bench", "tokenizer", "--json", "--threads", str(options.threads)]
    command += ["--input", options.input, "--vocab", options.vocab, "--vocab-size", str(options.vocab_size)]
    command += ["--cased"] if options.cased else []
    rows.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

assert tokens == rows[0]["tokens"], (tokens, rows[0]["tokens"])
for name, reference, key in [
    ("encode", encode, "encode_megabytes_per_second"),
    ("learn", learn, "learn_megabytes_per_second"),
]:
    if reference:
        theirs, ours = statistics.median(reference), statistics.median(row[key] for row in rows)
        print(
            f"{name:6} {options.threads} thread(s): reference {theirs:6.2f} MB/s, "
            f"cloze {ours:7.2f} MB/s, ratio {ours / theirs:5.1f}"
        )

"""Compares `cloze embed` with sentence-transformers and with transformers, and measures speed and memory.

    HF_HUB_OFFLINE=1 python check_embed.py MODEL_DIR TEXTS --cloze ../../target/release/cloze [--speed]

TEXTS holds one text a line. Written for python 3.11+, torch==2.15.0, transformers==5.24.0,
sentence-transformers==6.2.0.

The comparison takes the first 200 texts and one long text. A directory that `cloze finetune embed` wrote must load in
sentence-transformers and give the same vectors and the same cosines; what sentence-transformers then saves must give
the same in cloze. Exits 1 on a difference above 1e-4.

With --speed, all texts go through cloze and transformers in turn, --rounds times: each a process of its own with --threads
threads, from the file to an array (embed), and for the directory of a classifier also from the file to JSON Lines
(predict). transformers takes 32 texts a batch, sorted by length, in float32. Shown are medians: the time of the whole
process; of transformers also without starting Python, importing and loading; processor time, which says more on a busy
machine; peak memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

TOLERANCE = 1e-4
failures = 0


def line(difference, what):
    global failures
    failures += not difference <= TOLERANCE
    print(f"{'ok  ' if difference <= TOLERANCE else 'FAIL'}  {what:60}  largest difference {difference:.1e}")


def clock():
    """Seconds by the clock, and of the processor."""
    return time.perf_counter(), time.process_time()


def since(start):
    return [now - then for now, then in zip(clock(), start)]


def batches(tokenizer, texts, longest):
    """Batches of 32 texts of similar length: their indices and arrays."""
    lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=longest)["input_ids"]]
    order = sorted(range(len(texts)), key=lambda i: lengths[i])
    for first in range(0, len(order), 32):
        batch = order[first : first + 32]
        yield batch, tokenizer(
            [texts[i] for i in batch], padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )


def embed(directory, texts, threads=2):
    """The mean over the tokens of every text; seconds and processor seconds after loading."""
    import numpy as np
    import torch
    from transformers import AutoTokenizer, BertModel

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = BertModel.from_pretrained(directory).eval()
    start = clock()
    vectors = np.empty((len(texts), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for batch, encoded in batches(tokenizer, texts, model.config.max_position_embeddings):
            state = model(**encoded).last_hidden_state
            mask = encoded["attention_mask"][..., None]
            vectors[batch] = ((state * mask).sum(1) / mask.sum(1)).numpy()
    return vectors, since(start)


def predict(directory, texts, threads):
    """The probabilities of every text as JSON Lines on standard output, seconds and processor seconds after loading."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    start = clock()
    answers = [None] * len(texts)
    with torch.inference_mode():
        for batch, encoded in batches(tokenizer, texts, model.config.max_position_embeddings):
            for i, probabilities in zip(batch, model(**encoded).logits.softmax(-1).tolist()):
                answers[i] = probabilities
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    for text, probabilities in zip(texts, answers):
        best = max(range(len(names)), key=lambda i: probabilities[i])
        answer = {"text": text, "label": names[best], "probabilities": dict(zip(names, probabilities))}
        print(json.dumps(answer, ensure_ascii=False))
    return since(start)


def cloze(program, directory, texts, *options):
    import numpy as np

    with tempfile.TemporaryDirectory() as place:
        file, output = Path(place) / "texts.txt", Path(place) / "vectors.npy"
        file.write_text("\n".join(texts) + "\n")
        command = [program, "embed", "--model", directory, "--input", file, "--output", output, *options]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return np.load(output)


def compare(args, texts):
    import numpy as np

    few = texts[:200] + [" ".join(texts[:200])]

    def cosines(vectors):
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors @ vectors.T

    ours = cloze(args.cloze, args.model, few, "--pooling", "mean", "--normalize=false", "--max-seq-length", "100000")
    line(np.abs(ours - embed(args.model, few)[0]).max(), "mean over tokens: transformers")
    if not (Path(args.model) / "modules.json").exists():
        return
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(args.model, device="cpu")
    with tempfile.TemporaryDirectory() as place:
        encoder.save(place)
        for directory, what in [(args.model, "as cloze wrote it"), (place, "saved by sentence-transformers")]:
            ours, theirs = cloze(args.cloze, directory, few), encoder.encode(few)
            line(np.abs(ours - theirs).max(), f"{what}: vectors")
            line(np.abs(cosines(ours) - cosines(theirs)).max(), f"{what}: cosines")
        ours, theirs = cloze(args.cloze, place, few, "--normalize"), encoder.encode(few, normalize_embeddings=True)
        line(np.abs(ours - theirs).max(), "normalized: vectors")


def usage(command, output):
    """Seconds, processor seconds and peak memory in MiB of a process, and what it said."""
    with open(output, "wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        said = process.stderr.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
    assert status == 0, said
    return [time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], said


def speed(args, task):
    ours, theirs, inside = [], [], []
    with tempfile.TemporaryDirectory() as place:
        output = str(Path(place) / ("vectors.npy" if task == "embed" else "answers.jsonl"))
        options = {"embed": ["--output", output], "predict": ["--json"]}[task]
        written = os.devnull if task == "embed" else output
        command = [args.cloze, task, "--model", args.model, "--input", args.texts, "--threads", str(args.threads), *options]
        for _ in range(args.rounds):
            ours.append(usage(command, written)[0])
            reference, said = usage([sys.executable, __file__, *sys.argv[1:], "--reference", task], output)
            theirs.append(reference)
            inside.append([float(number) for number in said.split("seconds ")[1].split()[:2]])
    ours, theirs, inside = ([statistics.median(column) for column in zip(*runs)] for runs in (ours, theirs, inside))
    print(f"{task}, {len(Path(args.texts).read_text().splitlines())} texts, {args.threads} threads, medians of {args.rounds}:")
    rows = [("cloze", *ours), ("transformers", *theirs), ("transformers after loading", *inside, float("nan"))]
    for name, seconds, processor, memory in rows:
        print(f"  {name:27} {seconds:7.2f} s   processor {processor:7.2f} s   {memory:5.0f} MiB")
    for name, seconds, processor, _ in rows[1:]:
        print(f"  {name} / cloze: time {seconds / ours[0]:.2f}, processor time {processor / ours[1]:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--cloze")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reference", choices=["embed", "predict"], help="only the work of transformers")
    args = parser.parse_args()
    texts = Path(args.texts).read_text().splitlines()
    if args.reference:
        if args.reference == "embed":
            vectors, seconds = embed(args.model, texts, args.threads)
            sys.stdout.buffer.write(vectors.tobytes())
        else:
            seconds = predict(args.model, texts, args.threads)
        print("seconds {:.3f} {:.3f}".format(*seconds), file=sys.stderr)
        return
    if not args.speed:
        compare(args, texts)
        sys.exit(1 if failures else 0)
    speed(args, "embed")
    architectures = json.loads((Path(args.model) / "config.json").read_text())["architectures"]
    if architectures == ["BertForSequenceClassification"]:
        speed(args, "predict")


if __name__ == "__main__":
    main()

"""Fine-tunes the same directory on the same examples with cloze and with PyTorch, in turn: accuracy and speed.

    HF_HUB_OFFLINE=1 python side_by_side_finetune.py MODEL_DIR TRAIN.tsv DEV.tsv --cloze ../../target/release/cloze
        [--lines N] [--seeds 1 2 3] [--learning-rate 5e-4] [--epochs 3] [--threads 2] [--json FILE]

TRAIN and DEV are tables with the columns `sentence` and `label` (SST-2 as GLUE has it). Written for python 3.11+,
torch==2.15.0, transformers==5.24.0.

Both sides use one recipe: batch 32, at most 128 tokens, dropout 0.1, BERT's AdamW (no bias correction, epsilon 1e-6,
decay 0.01 but not on biases and LayerNorm), gradients clipped at norm 1, a warm-up of a tenth of the steps, linear
decay, evaluation on DEV after each epoch, the best epoch kept. The head begins with normal numbers of standard
deviation 0.02. PyTorch pads a batch to its longest sentence, and evaluates in batches sorted by length; its optimizer
works on all tensors at once (torch._foreach). What differs is the order of the examples and the masks of dropout, which
come from each side's own generator: the accuracies agree when they lie within the spread of the seeds.

Each run is a process of its own. Time is that of the whole process, and for PyTorch also without start, import and
loading; processor time says more on a busy machine.
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

BATCH, LONGEST, DROPOUT = 32, 128, 0.1


def table(path, limit=None):
    rows = [row.rsplit("\t", 1) for row in Path(path).read_text().splitlines()[1:]]
    return [(text, int(label)) for text, label in rows[:limit]]


def of_pytorch(args, seed):
    """Fine-tunes in PyTorch; prints one JSON object."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    torch.set_num_threads(args.threads)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = BertForSequenceClassification.from_pretrained(
        args.model, num_labels=2, hidden_dropout_prob=DROPOUT, attention_probs_dropout_prob=DROPOUT
    )
    start = time.perf_counter()

    def encode(rows):
        ids = tokenizer([text for text, _ in rows], truncation=True, max_length=LONGEST)["input_ids"]
        return [(sequence, label) for sequence, (_, label) in zip(ids, rows)]

    def batch(examples):
        longest = max(len(ids) for ids, _ in examples)
        input_ids = torch.full((len(examples), longest), tokenizer.pad_token_id)
        attention_mask = torch.zeros(len(examples), longest, dtype=torch.long)
        for i, (ids, _) in enumerate(examples):
            input_ids[i, : len(ids)] = torch.tensor(ids)
            attention_mask[i, : len(ids)] = 1
        labels = torch.tensor([label for _, label in examples])
        return {"input_ids": input_ids, "attention_mask": attention_mask}, labels

    train, dev = encode(table(args.train, args.lines)), encode(table(args.dev))
    dev.sort(key=lambda example: len(example[0]))
    named = list(model.named_parameters())
    parameters = [parameter for _, parameter in named]
    decayed = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    steps_of_epoch = -(-len(train) // BATCH)
    steps = steps_of_epoch * args.epochs
    warmup = steps // 10

    def step_of_adamw(rate):
        gradients = [p.grad for p in parameters]
        torch._foreach_mul_(first, 0.9)
        torch._foreach_add_(first, gradients, alpha=0.1)
        torch._foreach_mul_(second, 0.999)
        torch._foreach_addcmul_(second, gradients, gradients, value=0.001)
        denominators = torch._foreach_sqrt(second)
        torch._foreach_add_(denominators, 1e-6)
        torch._foreach_mul_(decayed, 1 - rate * 0.01)
        torch._foreach_addcdiv_(parameters, first, denominators, value=-rate)

    accuracies, step, tokens = [], 0, 0
    for _ in range(args.epochs):
        model.train()
        order = torch.randperm(len(train)).tolist()
        for begin in range(0, len(order), BATCH):
            inputs, labels = batch([train[i] for i in order[begin : begin + BATCH]])
            loss = torch.nn.functional.cross_entropy(model(**inputs).logits, labels)
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            rate = args.learning_rate * (step / warmup if step < warmup else 1 - step / steps)
            with torch.no_grad():
                step_of_adamw(rate)
            step += 1
            tokens += int(inputs["attention_mask"].sum())
        model.eval()
        right = 0
        with torch.inference_mode():
            for begin in range(0, len(dev), BATCH):
                inputs, labels = batch(dev[begin : begin + BATCH])
                right += int((model(**inputs).logits.argmax(-1) == labels).sum())
        accuracies.append(right / len(dev))
    print(json.dumps({"accuracy": max(accuracies), "inside": time.perf_counter() - start, "tokens": tokens}))


def usage(command):
    """Standard output, seconds, processor seconds and peak memory in MiB of a process."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        said = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        errors.seek(0)
        assert status == 0, errors.read().decode()
    return said, [time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]


def of_cloze(args, seed, place):
    output_dir = Path(place) / f"seed-{seed}"
    train = args.train
    if args.lines:
        train = Path(place) / "train.tsv"
        train.write_text("".join(line + "\n" for line in Path(args.train).read_text().splitlines()[: args.lines + 1]))
    options = {
        "--model": args.model, "--train": train, "--eval": args.dev, "--output-dir": output_dir, "--seed": seed,
        "--learning-rate": args.learning_rate, "--num-train-epochs": args.epochs, "--threads": args.threads,
    }
    command = [args.cloze, "finetune", "classify", "--json", "--quiet"]
    said, used = usage(command + [str(word) for pair in options.items() for word in pair])
    return json.loads(said)["evaluation"]["accuracy"], used


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "train", "dev"):
        parser.add_argument(name)
    parser.add_argument("--cloze")
    parser.add_argument("--lines", type=int, help="examples to learn from, at most")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where all figures go")
    parser.add_argument("--pytorch", type=int, help="only the work of PyTorch, with this seed")
    args = parser.parse_args()
    if args.pytorch is not None:
        return of_pytorch(args, args.pytorch)
    runs = {"cloze": [], "PyTorch": []}
    with tempfile.TemporaryDirectory() as place:
        for seed in args.seeds:
            accuracy, used = of_cloze(args, seed, place)
            runs["cloze"].append([accuracy, *used, used[0]])
            said, used = usage([sys.executable, __file__, *sys.argv[1:], "--pytorch", str(seed)])
            answer = json.loads(said)
            runs["PyTorch"].append([answer["accuracy"], *used, answer["inside"]])
            for side, own in runs.items():
                accuracy, seconds, processor, memory, inside = own[-1]
                print(
                    f"seed {seed}  {side:8} accuracy {100 * accuracy:.2f} %   {seconds:.1f} s ({inside:.1f} s after loading)   "
                    f"processor {processor:.1f} s   {memory:.0f} MiB",
                    flush=True,
                )
    medians = {side: [statistics.median(column) for column in zip(*own)] for side, own in runs.items()}
    for side, own in runs.items():
        accuracies = [100 * run[0] for run in own]
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        print(f"{side:8} accuracy {statistics.mean(accuracies):.2f} % (standard deviation {spread:.2f})")
    ours, theirs = medians["cloze"], medians["PyTorch"]
    print(
        f"PyTorch / cloze: time {theirs[1] / ours[1]:.2f}, without start and loading of PyTorch {theirs[4] / ours[1]:.2f}, "
        f"processor time {theirs[2] / ours[2]:.2f}, peak memory {theirs[3] / ours[3]:.2f}"
    )
    if args.json:
        columns = ("accuracy", "seconds", "processor_seconds", "peak_mib", "seconds_after_loading")
        named = {side: [dict(zip(columns, run)) for run in own] for side, own in runs.items()}
        args.json.write_text(json.dumps(named, indent=1) + "\n")


if __name__ == "__main__":
    main()

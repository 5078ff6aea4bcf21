"""`cloze bench` and PyTorch in turn, in one run, so that only the ratio needs to be believed.

    HF_HUB_OFFLINE=1 python side_by_side.py --cloze ../../target/release/cloze \\
        [--models tiny/8192,tiny/30522,mini/8192,base/30522/8] [--rounds 3] [--threads 2]

A model is SIZE/VOCABULARY, or SIZE/VOCABULARY/SEQUENCES where a step has not 32. PyTorch's step is the one
of pretrain_torch.py: fused attention, the vocabulary head at the masked positions only, dropout, clipping,
AdamW. It is measured as it comes, with an allocator that gives no memory back between steps (glibc's own,
by environment variables), compiled, and compiled with bfloat16 autocast; each in a process of its own. Prints,
for each model, the medians over the rounds, and `cloze` over the best of PyTorch's float32.

Not run by the tests. Written for python 3.11+, torch==2.15.0, transformers==5.23.0.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
# Large blocks come from the heap, and the heap is never trimmed: no page faults after the first steps.
KEEP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "268435456"}
VARIANTS = {
    "as it comes": ([], {}),
    "memory kept": ([], KEEP),
    "compiled, memory kept": (["--compile"], KEEP),
    "bf16, compiled, memory kept": (["--bf16", "--compile"], KEEP),
}


def answer(command, environment):
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode != 0:
        return None
    return json.loads(result.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cloze", required=True)
    parser.add_argument("--models", default="tiny/8192,tiny/30522,mini/8192")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="not all of PyTorch's, separated by commas")
    options = parser.parse_args()
    for model in options.models.split(","):
        size, vocab_size, *rows = model.split("/")
        rows = rows[0] if rows else "32"
        cloze = [
            options.cloze, "bench", "--json", "--model", size, "--vocab-size", vocab_size, "--train-batch-size", rows,
            "--steps", str(options.steps), "--threads", str(options.threads),
        ]
        torch = [
            sys.executable, str(HERE / "pretrain_torch.py"), "--bench", "--json", "--bench-models",
            f"{size}/{vocab_size}", "--train-batch-size", rows, "--bench-steps", str(options.steps),
            "--threads", str(options.threads),
        ]
        variants = {name: VARIANTS[name] for name in VARIANTS if name in options.variants}
        answers = {"cloze": [], **{name: [] for name in variants}}
        for _ in range(options.rounds):
            answers["cloze"].append(answer(cloze, {}))
            for name, (flags, environment) in variants.items():
                answers[name].append(answer(torch + flags, environment))
        speed = {}
        for name, all_answers in answers.items():
            good = [found for found in all_answers if found]
            if not good:
                print(f"{model:12} {name:28} failed", flush=True)
                continue
            speed[name] = statistics.median(found["tokens_per_second"] for found in good)
            memory = max(found["peak_memory_bytes"] for found in good) / 2**30
            share = statistics.median(found.get("peak_fraction", 0) for found in good)
            share = f", {share:.2f} of the FMA peak" if share else ""
            print(f"{model:12} {name:28} {speed[name]:8.0f} tokens/s, {memory:5.2f} GiB{share}", flush=True)
        best = max(rate for name, rate in speed.items() if name != "cloze" and "bf16" not in name)
        print(f"{model:12} cloze / PyTorch's best float32: {speed['cloze'] / best:.2f}", flush=True)


if __name__ == "__main__":
    main()

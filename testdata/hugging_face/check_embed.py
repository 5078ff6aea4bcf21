"""Compares `cloze embed` with sentence-transformers and with transformers, and measures speed and memory.

    HF_HUB_OFFLINE=1 python check_embed.py MODEL_DIR TEXTS --cloze ../../target/release/cloze [--speed]

TEXTS holds one text a line. Written for python 3.11+, torch==2.15.0, transformers==5.24.0,
sentence-transformers==6.2.0. The comparison takes the first 200 texts. With --speed, all texts go through cloze
and transformers in turn: each a process of its own, from the file to an array, 32 texts a batch, sorted by length;
the time without starting Python and importing is shown beside.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def mean_pooling(directory, texts):
    import numpy as np
    import torch
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = BertModel.from_pretrained(directory).eval()
    start = time.perf_counter()
    vectors = np.empty((len(texts), model.config.hidden_size), np.float32)
    lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=512)["input_ids"]]
    order = sorted(range(len(texts)), key=lambda i: lengths[i])
    with torch.inference_mode():
        for first in range(0, len(order), 32):
            batch = order[first : first + 32]
            encoded = tokenizer([texts[i] for i in batch], padding=True, truncation=True, max_length=512, return_tensors="pt")
            state = model(**encoded).last_hidden_state
            mask = encoded["attention_mask"][..., None]
            vectors[batch] = ((state * mask).sum(1) / mask.sum(1)).numpy()
    return vectors, time.perf_counter() - start


def cloze(program, directory, texts, *options):
    import numpy as np

    with tempfile.TemporaryDirectory() as place:
        file, output = Path(place) / "texts.txt", Path(place) / "vectors.npy"
        file.write_text("\n".join(texts) + "\n")
        subprocess.run([program, "embed", "--model", directory, "--input", file, "--output", output, *options], check=True)
        return np.load(output)


def usage(command):
    """Seconds and peak memory in MiB of a process."""
    start = time.perf_counter()
    pid = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = pid.stderr.read().decode()
    _, status, used = os.wait4(pid.pid, 0)
    assert status == 0, said
    return time.perf_counter() - start, used.ru_maxrss / 1024, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--cloze")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--transformers", action="store_true", help="only the work of transformers")
    args = parser.parse_args()
    texts = Path(args.texts).read_text().splitlines()
    if args.transformers:
        _, seconds = mean_pooling(args.model, texts)
        print(f"seconds {seconds:.2f}", file=sys.stderr)
        return
    import numpy as np

    few = texts[:200]
    ours = cloze(args.cloze, args.model, few)
    theirs, _ = mean_pooling(args.model, few)
    print(f"mean over tokens, transformers: largest difference {np.abs(ours - theirs).max():.2e}")
    try:
        from sentence_transformers import SentenceTransformer

        encoder = SentenceTransformer(args.model, device="cpu")
        theirs = encoder.encode(few, normalize_embeddings=True)
        ours = cloze(args.cloze, args.model, few, "--normalize")
        print(f"normalized, sentence-transformers: largest difference {np.abs(ours - theirs).max():.2e}")
    except ImportError:
        print("sentence-transformers is not installed")
    if args.speed:
        with tempfile.NamedTemporaryFile(suffix=".npy") as output:
            for turn in range(3):
                seconds, memory, _ = usage([args.cloze, "embed", "--model", args.model, "--input", args.texts, "--output", output.name])
                whole, more, said = usage([sys.executable, __file__, args.model, args.texts, "--transformers"])
                inside = float(said.split("seconds ")[1].split()[0])
                print(
                    f"cloze {seconds:.2f} s, {memory:.0f} MiB; transformers {whole:.2f} s ({inside:.2f} s without start and "
                    f"import), {more:.0f} MiB; ratio {inside / seconds:.2f} ({whole / seconds:.2f})"
                )


if __name__ == "__main__":
    main()

"""Mean attention to the previous and to the next token, by layer and head, of saved BERT models.

    cloze instances --model DIR --input HELDOUT --output held_out.jsonl
    python attention.py held_out.jsonl DIR [DIR ...]

Prints one line a head: model, layer, head, mean attention from a token to the one before and to the one after it, over
all tokens that have both, of the first 100 instances. Uniform attention over n tokens gives 1/n.

Not run by the tests. Written for python 3.11+, numpy, safetensors.
"""

import json
import math
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file

INSTANCES = 100
ERF = np.vectorize(math.erf)


def layer_norm(x, w, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]


def measure(directory, instances):
    """[layers, heads, 2]: mean attention to the previous and the next token."""
    w = {name: value.astype("f8") for name, value in load_file(directory / "model.safetensors").items()}
    config = json.loads((directory / "config.json").read_text())
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    sums, count = np.zeros((layers, heads, 2)), 0
    for instance in instances:
        ids, types = np.array(instance["input_ids"]), np.array(instance["token_type_ids"])
        n, e = len(ids), "bert.embeddings."
        x = w[e + "word_embeddings.weight"][ids] + w[e + "token_type_embeddings.weight"][types]
        x = layer_norm(x + w[e + "position_embeddings.weight"][:n], w, e + "LayerNorm")
        middle = np.arange(1, n - 1)
        count += len(middle)
        for layer in range(layers):
            at = f"bert.encoder.layer.{layer}."
            dense = lambda name, x: x @ w[at + name + ".weight"].T + w[at + name + ".bias"]
            split = lambda x: x.reshape(n, heads, -1).transpose(1, 0, 2)
            q, k, v = (split(dense("attention.self." + part, x)) for part in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            share = scores / scores.sum(-1, keepdims=True)
            sums[layer, :, 0] += share[:, middle, middle - 1].sum(-1)
            sums[layer, :, 1] += share[:, middle, middle + 1].sum(-1)
            context = (share @ v).transpose(1, 0, 2).reshape(n, -1)
            x = layer_norm(x + dense("attention.output.dense", context), w, at + "attention.output.LayerNorm")
            hidden = dense("intermediate.dense", x)
            hidden = 0.5 * hidden * (1 + ERF(hidden / math.sqrt(2)))
            x = layer_norm(x + dense("output.dense", hidden), w, at + "output.LayerNorm")
    return sums / count


def main():
    with open(sys.argv[1]) as file:
        instances = [json.loads(line) for _, line in zip(range(INSTANCES), file)]
    print("model,layer,head,previous,next")
    for directory in map(pathlib.Path, sys.argv[2:]):
        for layer, heads in enumerate(measure(directory, instances)):
            for head, (previous, following) in enumerate(heads):
                print(f"{directory.name},{layer},{head},{previous:.3f},{following:.3f}")


main()

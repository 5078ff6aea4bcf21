"""Records the parameters and the answers of transformers' BERT classes, for the tests of heads.

    HF_HUB_OFFLINE=1 python make_heads.py

rebuilds heads.json beside this script. Made with

    python 3.11, torch==2.15.0, transformers==5.24.0, numpy==2.4.6

Each class is one model of 2 layers and hidden size 12. Its weights are a formula of the parameter's
name and the element's index (`weight` below; tests/heads.rs has the same formula), so that no
weights are stored. The answers are computed in float64.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from transformers import BertConfig

HERE = Path(__file__).resolve().parent
CONFIG = {
    "hidden_size": 12,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "vocab_size": 21,
}
# The class, its number of labels where it is free, and the outputs that are recorded.
CLASSES = [
    ("BertForPreTraining", None, ["prediction_logits", "seq_relationship_logits"]),
    ("BertForMaskedLM", None, ["logits"]),
    ("BertForSequenceClassification", 3, ["logits"]),
    ("BertForTokenClassification", 5, ["logits"]),
    ("BertForQuestionAnswering", None, ["start_logits", "end_logits"]),
    ("BertModel", None, ["last_hidden_state", "pooler_output"]),
]
# Two sequences, the second one padded.
INPUT_IDS = [[2, 5, 7, 9, 3, 11, 13, 3], [2, 6, 4, 3, 8, 3, 0, 0]]
TOKEN_TYPE_IDS = [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 0, 0]]
ATTENTION_MASK = [[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0]]


def with_prefix(name, class_name):
    """The name in a checkpoint of a class with a head; BertModel alone has no prefix `bert.`."""
    return f"bert.{name}" if class_name == "BertModel" else name


def weight(name, elements):
    """The element i is 0.6 · (h / 65536 − 0.5) with h from the name's bytes and i, all in integers."""
    start = sum((i + 1) * byte for i, byte in enumerate(name.encode()))
    h = ((start + np.arange(elements, dtype=np.uint64)) * np.uint64(2654435761)) % np.uint64(1 << 32)
    return 0.6 * ((h >> np.uint64(16)).astype(np.float64) / 65536 - 0.5)


def record(class_name, num_labels, outputs):
    labels = {} if num_labels is None else {"num_labels": num_labels}
    config = BertConfig(**CONFIG, **labels, attn_implementation="eager")
    model = getattr(transformers, class_name)(config).double().eval()
    shapes = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            name = with_prefix(name, class_name)
            shapes[name] = list(parameter.shape)
            values = weight(name, parameter.numel())
            if name.endswith("LayerNorm.weight"):
                values = 1.0 + values
            # Rounded to float32, which is what a checkpoint holds.
            values = torch.from_numpy(values.astype(np.float32)).double()
            parameter.copy_(values.reshape(parameter.shape))
        answer = model(
            input_ids=torch.tensor(INPUT_IDS),
            token_type_ids=torch.tensor(TOKEN_TYPE_IDS),
            attention_mask=torch.tensor(ATTENTION_MASK),
        )
    answers = {key: [round(float(x), 9) for x in answer[key].flatten()] for key in outputs}
    return {"num_labels": num_labels, "parameters": shapes, "outputs": answers}


def main():
    torch.set_num_threads(1)
    recorded = {
        "transformers": transformers.__version__,
        "config": CONFIG,
        "input_ids": INPUT_IDS,
        "token_type_ids": TOKEN_TYPE_IDS,
        "attention_mask": ATTENTION_MASK,
        "classes": {name: record(name, labels, outputs) for name, labels, outputs in CLASSES},
    }
    text = ",\n".join(
        f" {json.dumps(key)}: {json.dumps(value)}" for key, value in recorded.items() if key != "classes"
    )
    classes = ",\n".join(
        f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in recorded["classes"].items()
    )
    (HERE / "heads.json").write_text(f'{{\n{text},\n "classes": {{\n{classes}\n }}\n}}\n')


if __name__ == "__main__":
    main()

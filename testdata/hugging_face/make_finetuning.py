"""Records losses, gradients and ten optimizer steps of transformers' fine-tuning classes, for
tests/finetuning_parity.rs.

    HF_HUB_OFFLINE=1 python make_finetuning.py

rebuilds finetuning.json beside this script. Made with

    python 3.11, torch==2.15.0, transformers==5.24.0, numpy==2.4.6

Models and weights are those of make_heads.py. Dropout is off, and the two sequences have no padding, because
BertForQuestionAnswering normalizes over padding too. A gradient is recorded as its norm, its product with a direction
(the weights of the same shape under the name "direction.NAME") and its first elements. The steps are BERT's AdamW:
no bias correction, epsilon 1e-6, decay 0.01 except for biases and LayerNorm, gradients clipped at norm 1, learning
rate 1e-2 with a warm-up of 2 steps and linear decay over 10. Everything is computed in float64.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from transformers import BertConfig

from make_heads import CONFIG, weight

HERE = Path(__file__).resolve().parent
INPUT_IDS = [[2, 5, 7, 9, 3, 11, 13, 3], [2, 6, 4, 3, 8, 12, 10, 3]]
TOKEN_TYPE_IDS = [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]]
CASES = {
    "classes": ("BertForSequenceClassification", {"num_labels": 3, "problem_type": "single_label_classification"},
                {"labels": [2, 0]}),
    "number": ("BertForSequenceClassification", {"num_labels": 1, "problem_type": "regression"},
               {"labels": [2.5, -1.0]}),
    "tags": ("BertForTokenClassification", {"num_labels": 5},
             {"labels": [[-100, 1, -100, 4, -100, 0, 2, -100], [-100, 3, 3, -100, 2, -100, -100, -100]]}),
    "span": ("BertForQuestionAnswering", {}, {"start_positions": [5, 0], "end_positions": [6, 0]}),
}
STEPS, WARMUP, RATE = 10, 2, 1e-2


def direction(name, tensor):
    return torch.tensor(weight("direction." + name, tensor.numel()).reshape(tensor.shape))


def summary(named):
    return {
        name: {
            "norm": float(tensor.norm()),
            "product": float((tensor * direction(name, tensor)).sum()),
            "first": tensor.flatten()[:4].tolist(),
        }
        for name, tensor in named
    }


def build(class_name, settings):
    config = BertConfig(**CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                        attn_implementation="eager", **settings)
    model = getattr(transformers, class_name)(config).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = weight(name, parameter.numel())
            if name.endswith("LayerNorm.weight"):
                values = values + 1
            # As f32, like the weights that the test makes.
            parameter.copy_(torch.tensor(values.astype(np.float32).astype(np.float64)).reshape(parameter.shape))
    return model.train()


def run(class_name, settings, labels):
    model = build(class_name, settings)
    inputs = {"input_ids": torch.tensor(INPUT_IDS), "token_type_ids": torch.tensor(TOKEN_TYPE_IDS)}
    kind = torch.float64 if settings.get("problem_type") == "regression" else torch.int64
    inputs |= {name: torch.tensor(value, dtype=kind) for name, value in labels.items()}
    recorded = {"labels": labels, "losses": []}
    moments = {name: [torch.zeros_like(p), torch.zeros_like(p)] for name, p in model.named_parameters()}
    for step in range(STEPS):
        model.zero_grad()
        output = model(**inputs)
        output.loss.backward()
        recorded["losses"].append(float(output.loss))
        named = [(name, p.grad) for name, p in model.named_parameters()]
        if step == 0:
            logits = [output[name].flatten().tolist() for name in ("logits", "start_logits", "end_logits") if name in output]
            recorded["logits"] = logits
            recorded["gradients"] = summary(named)
        norm = torch.sqrt(sum((g * g).sum() for _, g in named))
        factor = min(1.0, 1.0 / float(norm))
        rate = RATE * step / WARMUP if step < WARMUP else RATE * (1 - step / STEPS)
        with torch.no_grad():
            for name, p in model.named_parameters():
                m, v = moments[name]
                g = p.grad * factor
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                decay = 0.0 if name.endswith("bias") or "LayerNorm" in name else 0.01
                p.sub_(rate * (m / (v.sqrt() + 1e-6) + decay * p))
    recorded["parameters"] = summary((name, p.detach()) for name, p in model.named_parameters())
    return recorded


recorded = {
    "config": CONFIG, "input_ids": INPUT_IDS, "token_type_ids": TOKEN_TYPE_IDS,
    "cases": {name: run(*case) for name, case in CASES.items()},
}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


(HERE / "finetuning.json").write_text(json.dumps(rounded(recorded)) + "\n")

"""Makes the reference fixtures of tests/parity.rs: the outputs of Hugging Face's BERT.

    HF_HUB_OFFLINE=1 python make.py

rebuilds every file beside this script (README.md describes them). Made with

    python 3.11+, torch==2.15.0, transformers==5.23.0, safetensors==0.8.0, numpy==2.4.6

on a CPU with one thread. Weights and batches come from numpy's PCG64 with fixed seeds. The script computes
everything in float64 from the stored float32 weights and rounds once. It computes the same in float32, to
measure the distance between two correct programs (distances.json).
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining

HERE = Path(__file__).resolve().parent
PINNED = {
    "torch": ("2.15.0", torch.__version__.split("+")[0]),
    "transformers": ("5.23.0", transformers.__version__),
    "safetensors": ("0.8.0", safetensors.__version__),
    "numpy": ("2.4.6", np.__version__),
}

# Odd sizes on purpose: no power of two, no multiple of a vector's width.
CONFIG = {
    "architectures": ["BertForPreTraining"],
    "attention_probs_dropout_prob": 0.0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "hidden_size": 60,
    "initializer_range": 0.02,
    "intermediate_size": 92,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 40,
    "model_type": "bert",
    "num_attention_heads": 5,
    "num_hidden_layers": 3,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 131,
}
PAD, UNK, CLS, SEP, MASK = range(5)
# One row is full and one very short: [CLS] a [SEP] b [SEP].
LENGTHS = [17, 5, 11, 14]
MASKED = [4, 1, 2, 3]
SEQ_LENGTH = max(LENGTHS)
MAX_PREDICTIONS = max(MASKED)

# Ten steps of training, DESIGN §4.
TRAIN = {
    "learning_rate": 1.2e-2,
    "num_warmup_steps": 3,
    "num_train_steps": 10,
    "max_grad_norm": 1.0,
    "weight_decay": 0.01,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-6,
}
NO_DECAY = ("LayerNorm", "bias")
# Whole tensors kept after the last step, one of each kind; of the others only the norm.
KEPT = [
    "bert.embeddings.word_embeddings.weight",
    "bert.embeddings.LayerNorm.weight",
    "bert.encoder.layer.1.attention.self.query.weight",
    "bert.encoder.layer.2.output.dense.bias",
    "bert.pooler.dense.bias",
    "cls.predictions.bias",
    "cls.seq_relationship.weight",
]


def random_weights():
    """Weights of which none is what a fresh model has, so that every path shows in the answers."""
    random = np.random.default_rng(20181011)
    model = BertForPreTraining(BertConfig(**CONFIG))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = random.standard_normal(tuple(parameter.shape))
            if name.endswith("LayerNorm.weight"):
                draw = 1.0 + 0.2 * draw
            elif "self.query.weight" in name or "self.key.weight" in name:
                draw = 0.2 * draw  # attention that is not flat
            else:
                draw = 0.1 * draw
            parameter.copy_(torch.from_numpy(draw.astype(np.float32)))
    return model


def random_batch(random, lengths, masked):
    """One padded batch in the form of Google's instances. No [PAD] inside a text (see README)."""
    rows = len(lengths)
    batch = {
        "input_ids": np.zeros((rows, SEQ_LENGTH), np.int64),
        "token_type_ids": np.zeros((rows, SEQ_LENGTH), np.int64),
        "attention_mask": np.zeros((rows, SEQ_LENGTH), np.int64),
        "masked_lm_positions": np.zeros((rows, MAX_PREDICTIONS), np.int64),
        "masked_lm_ids": np.zeros((rows, MAX_PREDICTIONS), np.int64),
        "masked_lm_weights": np.zeros((rows, MAX_PREDICTIONS), np.float32),
        "next_sentence_labels": random.integers(0, 2, rows),
    }
    for row, (length, count) in enumerate(zip(lengths, masked)):
        ids = random.integers(MASK + 1, CONFIG["vocab_size"], length)
        middle = int(random.integers(2, length - 2))  # the first [SEP]
        ids[0], ids[middle], ids[length - 1] = CLS, SEP, SEP
        candidates = [i for i in range(length) if ids[i] > MASK]
        positions = np.sort(random.choice(candidates, count, replace=False))
        batch["masked_lm_positions"][row, :count] = positions
        batch["masked_lm_ids"][row, :count] = ids[positions]
        batch["masked_lm_weights"][row, :count] = 1.0
        for position in positions:
            draw = random.random()
            if draw < 0.8:
                ids[position] = MASK
            elif draw < 0.9:
                ids[position] = random.integers(MASK + 1, CONFIG["vocab_size"])
        batch["input_ids"][row, :length] = ids
        batch["token_type_ids"][row, middle + 1 : length] = 1
        batch["attention_mask"][row, :length] = 1
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in batch.items()}


def reference(weights, dtype):
    """The model as Hugging Face computes it, with the plainest attention, in `dtype`."""
    model = BertForPreTraining(BertConfig(**CONFIG, attn_implementation="eager"))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert set(missing) <= {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}, missing
    assert not unexpected, unexpected
    model.tie_weights()
    return model.to(dtype).eval()


def losses(model, batch, output_hidden_states=False):
    """masked-LM loss (mean over all masked positions) and next-sentence loss (mean over rows)."""
    answer = model(
        input_ids=batch["input_ids"],
        token_type_ids=batch["token_type_ids"],
        attention_mask=batch["attention_mask"],
        output_hidden_states=output_hidden_states,
    )
    row, slot = torch.nonzero(batch["masked_lm_weights"], as_tuple=True)
    at_masked = answer.prediction_logits[row, batch["masked_lm_positions"][row, slot]]
    masked_lm_loss = cross_entropy(at_masked, batch["masked_lm_ids"][row, slot])
    next_sentence_loss = cross_entropy(answer.seq_relationship_logits, batch["next_sentence_labels"])
    return masked_lm_loss, next_sentence_loss, answer


def forward_and_backward(weights, batch, dtype):
    """Everything that expected.safetensors holds, in `dtype`."""
    model = reference(weights, dtype)
    masked_lm_loss, next_sentence_loss, answer = losses(model, batch, output_hidden_states=True)
    (masked_lm_loss + next_sentence_loss).backward()
    out = {f"hidden_states.{i}": h for i, h in enumerate(answer.hidden_states)}
    out["pooler_output"] = model.bert.pooler(answer.hidden_states[-1])
    out["prediction_logits"] = answer.prediction_logits
    # Every slot, also the empty ones, which show position 0 ([CLS]), as in Google's gather_indexes.
    slots = batch["masked_lm_positions"][:, :, None].expand(-1, -1, CONFIG["vocab_size"])
    out["masked_lm_logits"] = answer.prediction_logits.gather(1, slots)
    out["seq_relationship_logits"] = answer.seq_relationship_logits
    out["masked_lm_loss"] = masked_lm_loss
    out["next_sentence_loss"] = next_sentence_loss
    for name, parameter in model.named_parameters():
        out[f"grad.{name}"] = parameter.grad
    return {name: tensor.detach().contiguous() for name, tensor in out.items()}


def learning_rate(step):
    """Google's: linear warm-up from 0, then linear decay counted from step 0."""
    if step < TRAIN["num_warmup_steps"]:
        return TRAIN["learning_rate"] * step / TRAIN["num_warmup_steps"]
    return TRAIN["learning_rate"] * (1.0 - step / TRAIN["num_train_steps"])


def decays(name):
    """Weight decay spares biases and LayerNorm."""
    return not any(part in name for part in NO_DECAY)


class BertAdam:
    """Google's AdamWeightDecayOptimizer: no bias correction, epsilon outside the root."""

    def __init__(self, model):
        self.named = list(model.named_parameters())
        self.m = [torch.zeros_like(p) for _, p in self.named]
        self.v = [torch.zeros_like(p) for _, p in self.named]

    @torch.no_grad()
    def step(self, rate):
        b1, b2 = TRAIN["beta_1"], TRAIN["beta_2"]
        for (name, p), m, v in zip(self.named, self.m, self.v):
            m.copy_(b1 * m + (1.0 - b1) * p.grad)
            v.copy_(b2 * v + (1.0 - b2) * p.grad * p.grad)
            update = m / (v.sqrt() + TRAIN["epsilon"])
            if decays(name):
                update = update + TRAIN["weight_decay"] * p
            p -= rate * update


class CorrectedAdamW:
    """torch.optim.AdamW: with bias correction; epsilon outside the root, after the correction."""

    def __init__(self, model):
        named = list(model.named_parameters())
        groups = [
            {"params": [p for n, p in named if decays(n)], "weight_decay": TRAIN["weight_decay"]},
            {"params": [p for n, p in named if not decays(n)], "weight_decay": 0.0},
        ]
        betas = (TRAIN["beta_1"], TRAIN["beta_2"])
        self.adam = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=TRAIN["epsilon"], foreach=False)

    def step(self, rate):
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()


def train(weights, batches, optimizer_class, dtype):
    """Ten steps. Returns one record a step and the final parameters."""
    model = reference(weights, dtype)
    optimizer = optimizer_class(model)
    steps = []
    for step, batch in enumerate(batches):
        model.zero_grad(set_to_none=False)
        masked_lm_loss, next_sentence_loss, _ = losses(model, batch)
        loss = masked_lm_loss + next_sentence_loss
        loss.backward()
        gradients = [p.grad for p in model.parameters()]
        norm = torch.sqrt(sum((g.double() ** 2).sum() for g in gradients)).item()
        # tf.clip_by_global_norm: exactly max / norm. (torch.nn.utils.clip_grad_norm_ divides by
        # norm + 1e-6 instead, a relative difference of 1e-6 / norm.)
        if norm > TRAIN["max_grad_norm"]:
            for gradient in gradients:
                gradient.mul_(TRAIN["max_grad_norm"] / norm)
        rate = learning_rate(step)
        optimizer.step(rate)
        steps.append({
            "step": step,
            "learning_rate": rate,
            "loss": loss.item(),
            "masked_lm_loss": masked_lm_loss.item(),
            "next_sentence_loss": next_sentence_loss.item(),
            "grad_norm": norm,
        })
    return steps, {name: p.detach() for name, p in model.named_parameters()}


def train_batches():
    """Ten different batches. In all but the second nine masked words of ten are number 77 (one of
    ten is 78) and every pair is a true one, which is learned at once: so some gradients are clipped
    and some are not, and the losses stay well above zero."""
    random = np.random.default_rng(20190524)
    batches = [random_batch(random, LENGTHS, MASKED) for _ in range(TRAIN["num_train_steps"])]
    for step, batch in enumerate(batches):
        if step != 1:
            there = batch["masked_lm_weights"] > 0
            rare = random.random(int(there.sum())) < 0.1
            batch["masked_lm_ids"][there] = torch.from_numpy(77 + rare.astype(np.int64))
            batch["next_sentence_labels"].zero_()
    return batches


def distance(tensor, truth):
    """How far float32 is from float64, as tests/parity.rs measures it."""
    difference = (tensor.double() - truth.double())
    largest = truth.double().abs().max().item()
    norm = truth.double().norm().item()
    return {
        "max_difference_over_max": difference.abs().max().item() / largest if largest else 0.0,
        "norm_of_difference_over_norm": difference.norm().item() / norm if norm else 0.0,
        "norm": norm,
    }


def as_f32(tensors):
    """Rounded once, from float64."""
    return {name: tensor.to(torch.float32).contiguous() for name, tensor in tensors.items()}


def rounded(value):
    """Three digits are enough for a distance."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.3g}")


def mistakes(weights, batch, truth, batches, steps):
    """How far plausible mistakes would lie from the truth: a fixture that cannot see them is none.
    Printed by `python make.py --mistakes` beside the rest."""
    def shifted(change):
        saved = dict(CONFIG), dict(TRAIN), NO_DECAY, {k: v.clone() for k, v in batch.items()}
        change()
        wrong = forward_and_backward(weights, batch, torch.float64)
        wrong_steps, final = train(weights, batches, BertAdam, torch.float64)
        CONFIG.clear(), CONFIG.update(saved[0]), TRAIN.clear(), TRAIN.update(saved[1])
        globals()["NO_DECAY"] = saved[2]
        batch.update(saved[3])
        return wrong, wrong_steps

    changes = {
        "tanh GELU": lambda: CONFIG.update(hidden_act="gelu_new"),
        "LayerNorm eps 1e-5": lambda: CONFIG.update(layer_norm_eps=1e-5),
        "three heads of 20": lambda: CONFIG.update(num_attention_heads=3),
        "no attention mask": lambda: batch["attention_mask"].fill_(1),
        "no segments": lambda: batch["token_type_ids"].zero_(),
        "decay on everything": lambda: globals().update(NO_DECAY=()),
        "no decay": lambda: TRAIN.update(weight_decay=0.0),
        "epsilon 1e-8": lambda: TRAIN.update(epsilon=1e-8),
        "no clipping": lambda: TRAIN.update(max_grad_norm=1e9),
        "one step less of warm-up": lambda: TRAIN.update(num_warmup_steps=2),
    }
    for label, change in changes.items():
        wrong, wrong_steps = shifted(change)
        last = f"hidden_states.{CONFIG['num_hidden_layers']}"
        hidden = distance(wrong[last], truth[last])["max_difference_over_max"]
        gradient = max(
            distance(wrong[name], truth[name])["norm_of_difference_over_norm"]
            for name in truth if name.startswith("grad.") and not name.endswith("key.bias")
        )
        loss = max(abs(a["loss"] - b["loss"]) for a, b in zip(wrong_steps, steps))
        print(f"{label:26} hidden {hidden:.1e}  worst gradient {gradient:.1e}  loss over ten steps {loss:.1e}")


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def main():
    for package, (wanted, found) in PINNED.items():
        if wanted != found:
            print(f"warning: made with {package} {wanted}, this is {found}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    random_weights().save_pretrained(HERE)
    write_json(HERE / "config.json", CONFIG)
    (HERE / "generation_config.json").unlink(missing_ok=True)
    weights = load_file(HERE / "model.safetensors")

    batch = random_batch(np.random.default_rng(20170612), LENGTHS, MASKED)
    batch["next_sentence_labels"] = torch.tensor([0, 1, 1, 0])
    save_file(batch, HERE / "batch.safetensors")
    truth = forward_and_backward(weights, batch, torch.float64)
    save_file(as_f32(truth), HERE / "expected.safetensors")
    single = forward_and_backward(weights, batch, torch.float32)
    distances = {"expected": {name: distance(single[name], truth[name]) for name in truth}}

    batches = train_batches()
    stacked = {name: torch.stack([b[name] for b in batches]) for name in batches[0]}
    sequences = {}
    for label, optimizer in [("bert", BertAdam), ("bias_corrected", CorrectedAdamW)]:
        steps, final = train(weights, batches, optimizer, torch.float64)
        steps_32, final_32 = train(weights, batches, optimizer, torch.float32)
        sequences[label] = {
            "steps": steps,
            "final_norm": {name: p.norm().item() for name, p in final.items()},
        }
        for name in KEPT:
            stacked[f"{label}.final.{name}"] = final[name].to(torch.float32).contiguous()
        distances[label] = {
            "loss_per_step": [abs(a["loss"] - b["loss"]) for a, b in zip(steps, steps_32)],
            "grad_norm_per_step": [
                abs(a["grad_norm"] - b["grad_norm"]) / a["grad_norm"] for a, b in zip(steps, steps_32)
            ],
            "final": {name: distance(final_32[name], final[name]) for name in final},
        }
    save_file(stacked, HERE / "optimizer.safetensors")
    write_json(HERE / "optimizer.json", {"settings": TRAIN, "no_decay": NO_DECAY, "sequences": sequences})
    write_json(HERE / "distances.json", rounded(distances))
    for path in HERE.glob("*.safetensors"):
        path.chmod(0o644)
    for label, sequence in sequences.items():
        for record in sequence["steps"]:
            print(label, " ".join(f"{k}={v:.6g}" for k, v in record.items()))
    if "--mistakes" in sys.argv:
        mistakes(weights, batch, truth, batches, sequences["bert"]["steps"])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Goes on with the pretraining of a cloze run in PyTorch.

    cloze instances --input TEXT... --vocab RUN/vocab.txt --max-seq-length 128 --output instances.jsonl
    python continue_in_pytorch.py RUN instances.jsonl OUT --steps 1000 --batch-size 32 --learning-rate 1e-4

RUN is a run directory of `cloze pretrain`, or any directory of a BertForPreTraining. OUT is a directory that
transformers and cloze read. The loss is the same as in cloze: the mean cross-entropy over
all masked positions of the batch, plus the mean cross-entropy of the next sentence over the pairs. Runs on a GPU when there is one.

Tested with Python 3.11, torch 2.15, transformers 5.24.
"""

import argparse
import json
import pathlib
import random
import shutil

import torch
from transformers import BertForPreTraining


def batch_of(instances, ids, pad_id):
    """Instances as tensors padded to the longest. A label of -100 counts for no loss."""
    length = max(len(instance["input_ids"]) for instance in instances)

    def padded(name, fill):
        return torch.tensor([i[name] + [fill] * (length - len(i[name])) for i in instances])

    labels = torch.full((len(instances), length), -100)
    for row, instance in enumerate(instances):
        masked = [ids[token] for token in instance["masked_lm_labels"]]
        labels[row, instance["masked_lm_positions"]] = torch.tensor(masked)
    is_random = [i["is_random_next"] for i in instances]
    return {
        "input_ids": padded("input_ids", pad_id),
        "token_type_ids": padded("token_type_ids", 0),
        "attention_mask": torch.tensor(
            [[1] * len(i["input_ids"]) + [0] * (length - len(i["input_ids"])) for i in instances]
        ),
        "labels": labels,
        "next_sentence_label": torch.tensor([-100 if r is None else int(r) for r in is_random]),
    }


def loss_of(model, batch):
    """The sum of the two mean losses; without pairs, the first alone."""
    next_sentence = batch.pop("next_sentence_label")
    labels = batch.pop("labels")
    answer = model(**batch)
    cross_entropy = torch.nn.functional.cross_entropy
    loss = cross_entropy(answer.prediction_logits.flatten(0, 1), labels.flatten())
    if (next_sentence >= 0).any():
        loss = loss + cross_entropy(answer.seq_relationship_logits, next_sentence)
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("instances", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--warmup-steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=100)
    given = parser.parse_args()

    torch.manual_seed(given.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = BertForPreTraining.from_pretrained(given.run).to(device).train()
    with open(given.instances, encoding="utf-8") as lines:
        instances = [json.loads(line) for line in lines]
    with open(given.run / "vocab.txt", encoding="utf-8") as lines:
        ids = {token.rstrip("\n"): id for id, token in enumerate(lines)}
    # As BERT: no decay of biases and LayerNorm, gradient norm at most 1, linear decay.
    decays = {True: [], False: []}
    for name, parameter in model.named_parameters():
        decays["LayerNorm" not in name and "bias" not in name].append(parameter)
    groups = [{"params": p, "weight_decay": 0.01 * decay} for decay, p in decays.items()]
    optimizer = torch.optim.AdamW(groups, lr=given.learning_rate, eps=1e-6)
    warmup = max(1, given.warmup_steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: s / warmup if s < given.warmup_steps else max(0.0, 1 - s / given.steps),
    )

    shuffled = random.Random(given.seed)
    order, losses = [], []
    for step in range(1, given.steps + 1):
        if len(order) < given.batch_size:
            order = shuffled.sample(range(len(instances)), len(instances))
        chosen, order = order[: given.batch_size], order[given.batch_size :]
        batch = batch_of([instances[i] for i in chosen], ids, model.config.pad_token_id)
        loss = loss_of(model, {name: tensor.to(device) for name, tensor in batch.items()})
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % given.log_every == 0 or step == given.steps:
            print(json.dumps({"step": step, "loss": sum(losses) / len(losses)}), flush=True)
            losses = []

    model.save_pretrained(given.output)
    # The tokenizer stays as it is.
    for name in ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]:
        if (given.run / name).exists():
            shutil.copy(given.run / name, given.output / name)


if __name__ == "__main__":
    main()

"""The recipe of `cloze pretrain` in PyTorch, to lay learning curves and speed side by side.

    cloze instances --input text.txt --vocab vocab.txt --output instances.jsonl
    HF_HUB_OFFLINE=1 python pretrain_torch.py --instances instances.jsonl --vocab vocab.txt \\
        --model tiny --num-train-steps 2000 --num-warmup-steps 200 --train-batch-size 32 \\
        --learning-rate 5e-4 [--eval-instances heldout.jsonl] [--output-dir DIR]
    HF_HUB_OFFLINE=1 python pretrain_torch.py --bench --threads 2 [--compile] [--bf16] [--json]

Not run by the tests. Written for python 3.11+, torch==2.15.0, transformers==5.23.0.

Instances are JSON Lines as `cloze instances` writes them (input_ids, token_type_ids,
is_random_next, masked_lm_positions, masked_lm_labels or masked_lm_ids); they are read in the file's
order, from the start again when they end. One step is what cloze calls one: forward and backward
with dropout, the masked-LM head only at the masked positions, clipping, AdamW, and the counts of
the metrics. AdamW is BERT's (no bias correction) unless `--bias-correction`.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining

# Turc et al. (2019): layers, hidden size; heads of 64, intermediate size four times the hidden one.
SIZES = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "medium": (8, 512), "base": (12, 768)}


def make_model(size, vocab_size, dropout=0.1, max_position_embeddings=512):
    """A fresh model as DESIGN §4 wants it; attention by PyTorch's fused kernel."""
    layers, hidden = SIZES[size]
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden,
        max_position_embeddings=max_position_embeddings,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    model = BertForPreTraining(config)
    with torch.no_grad():  # truncated at two standard deviations, as Google's
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                torch.nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)
    return model


def forward(model, batch):
    """Both losses and both counts of right answers; the vocabulary head sees masked rows only."""
    hidden = model.bert(
        input_ids=batch["input_ids"],
        token_type_ids=batch["token_type_ids"],
        attention_mask=batch["attention_mask"],
    )
    at_masked = hidden.last_hidden_state.flatten(0, 1)[batch["masked_rows"]]
    logits = model.cls.predictions(at_masked)
    next_logits = model.cls.seq_relationship(hidden.pooler_output)
    masked_lm_loss = cross_entropy(logits, batch["masked_lm_ids"])
    next_sentence_loss = cross_entropy(next_logits, batch["next_sentence_labels"])
    masked_right = (logits.detach().argmax(-1) == batch["masked_lm_ids"]).sum()
    next_right = (next_logits.detach().argmax(-1) == batch["next_sentence_labels"]).sum()
    return masked_lm_loss, next_sentence_loss, masked_right, next_right


class BertAdam(torch.optim.Optimizer):
    """Google's AdamWeightDecayOptimizer, one call per operation over all tensors of a group."""

    def __init__(self, groups, lr=0.0, betas=(0.9, 0.999), eps=1e-6):
        super().__init__(groups, dict(lr=lr, betas=betas, eps=eps, weight_decay=0.0))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            params = group["params"]
            grads = [p.grad for p in params]
            for p in params:
                if not self.state[p]:
                    self.state[p] = {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}
            m = [self.state[p]["m"] for p in params]
            v = [self.state[p]["v"] for p in params]
            torch._foreach_lerp_(m, grads, 1.0 - b1)
            torch._foreach_mul_(v, b2)
            torch._foreach_addcmul_(v, grads, grads, 1.0 - b2)
            root = torch._foreach_sqrt(v)
            torch._foreach_add_(root, group["eps"])
            torch._foreach_mul_(params, 1.0 - group["lr"] * group["weight_decay"])
            torch._foreach_addcdiv_(params, m, root, -group["lr"])


def make_optimizer(model, weight_decay, bias_correction):
    """Decay spares biases and LayerNorm."""
    spared = ("LayerNorm", "bias")
    named = list(model.named_parameters())
    groups = [
        {"params": [p for n, p in named if not any(s in n for s in spared)], "weight_decay": weight_decay},
        {"params": [p for n, p in named if any(s in n for s in spared)], "weight_decay": 0.0},
    ]
    if bias_correction:
        return torch.optim.AdamW(groups, lr=0.0, eps=1e-6)
    return BertAdam(groups)


def train_step(model, optimizer, batch, rate, max_grad_norm):
    """One full step; its losses are tensors, so that nothing waits for them."""
    optimizer.zero_grad(set_to_none=True)
    answers = forward(model, batch)
    (answers[0] + answers[1]).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return (*answers, norm)


def collate(instances, max_seq_length):
    """Pads to `max_seq_length`, as cloze does."""
    rows = len(instances)
    batch = {
        name: torch.zeros(rows, max_seq_length, dtype=torch.long)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    masked_rows, masked_ids = [], []
    for row, instance in enumerate(instances):
        length = len(instance["input_ids"])
        batch["input_ids"][row, :length] = torch.tensor(instance["input_ids"])
        batch["token_type_ids"][row, :length] = torch.tensor(instance["token_type_ids"])
        batch["attention_mask"][row, :length] = 1
        positions = instance["masked_lm_positions"]
        labels = instance["masked_lm_ids"]
        pairs = [(p, i) for p, i in zip(positions, labels, strict=True)]
        masked_rows += [row * max_seq_length + p for p, _ in pairs]
        masked_ids += [i for _, i in pairs]
    batch["masked_rows"] = torch.tensor(masked_rows)
    batch["masked_lm_ids"] = torch.tensor(masked_ids)
    batch["next_sentence_labels"] = torch.tensor([int(i["is_random_next"]) for i in instances])
    return batch


def read_instances(path, vocab):
    """JSON Lines; labels given as tokens are looked up in the vocabulary."""
    instances = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            instance = json.loads(line)
            if "masked_lm_ids" not in instance:
                labels = instance["masked_lm_labels"]
                instance["masked_lm_ids"] = [vocab[x] if isinstance(x, str) else x for x in labels]
            instances.append(instance)
    return instances


def evaluate(model, instances, options):
    """Means over all masked tokens and all pairs, dropout off."""
    model.eval()
    sums = [0.0] * 6
    with torch.no_grad():
        for start in range(0, len(instances), options.train_batch_size):
            part = instances[start : start + options.train_batch_size]
            batch = collate(part, options.max_seq_length)
            masked, pairs = len(batch["masked_lm_ids"]), len(part)
            loss, next_loss, right, next_right = (x.item() for x in forward(model, batch))
            for i, x in enumerate([loss * masked, right, next_loss * pairs, next_right, masked, pairs]):
                sums[i] += x
    model.train()
    return {
        "eval_masked_lm_loss": sums[0] / sums[4],
        "eval_masked_lm_accuracy": sums[1] / sums[4],
        "eval_next_sentence_loss": sums[2] / sums[5],
        "eval_next_sentence_accuracy": sums[3] / sums[5],
    }


def pretrain(options):
    """Trains on the instances and prints one JSON object a log step."""
    with open(options.vocab, encoding="utf-8") as lines:
        vocab = {line.rstrip("\n"): i for i, line in enumerate(lines)}
    instances = read_instances(options.instances, vocab)
    held_out = read_instances(options.eval_instances, vocab) if options.eval_instances else []
    model = make_model(options.model, len(vocab), options.dropout).train()
    optimizer = make_optimizer(model, options.weight_decay, options.bias_correction)
    size, steps = options.train_batch_size, options.num_train_steps
    began, tokens = time.perf_counter(), 0
    for step in range(steps):
        part = [instances[(step * size + i) % len(instances)] for i in range(size)]
        batch = collate(part, options.max_seq_length)
        if step < options.num_warmup_steps:
            rate = options.learning_rate * step / options.num_warmup_steps
        else:
            rate = options.learning_rate * (1.0 - step / steps)
        loss, next_loss, right, next_right, norm = train_step(model, optimizer, batch, rate, options.max_grad_norm)
        tokens += int(batch["attention_mask"].sum())
        if (step + 1) % options.log_every == 0 or step + 1 == steps:
            print(json.dumps({
                "step": step + 1,
                "loss": round((loss + next_loss).item(), 5),
                "masked_lm_loss": round(loss.item(), 5),
                "masked_lm_accuracy": round(right.item() / len(batch["masked_lm_ids"]), 4),
                "next_sentence_loss": round(next_loss.item(), 5),
                "next_sentence_accuracy": round(next_right.item() / size, 4),
                "learning_rate": rate,
                "grad_norm": round(norm.item(), 4),
                "tokens": tokens,
                "tokens_per_second": round(tokens / (time.perf_counter() - began)),
            }), flush=True)
        if held_out and ((step + 1) % options.eval_every == 0 or step + 1 == steps):
            paused = time.perf_counter()
            print(json.dumps({"step": step + 1, **evaluate(model, held_out, options)}), flush=True)
            began += time.perf_counter() - paused
    if options.output_dir:
        model.save_pretrained(options.output_dir)


def bench(options):
    """Full steps on random data: rows of 128, 20 masked positions, dropout on."""
    rows, length, masked = options.train_batch_size, 128, 20
    if not options.json:
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {rows} x {length}, {masked} masked a row")
    for name in options.bench_models.split(","):
        size, vocab_size = name.split("/")
        torch.manual_seed(options.seed)
        model = make_model(size, int(vocab_size)).train()
        optimizer = make_optimizer(model, options.weight_decay, options.bias_correction)
        instances = [
            {
                "input_ids": torch.randint(5, int(vocab_size), (length,)).tolist(),
                "token_type_ids": [0] * (length // 2) + [1] * (length // 2),
                "is_random_next": row % 2 == 0,
                "masked_lm_positions": (torch.randperm(length - 1)[:masked] + 1).sort().values.tolist(),
                "masked_lm_ids": torch.randint(5, int(vocab_size), (masked,)).tolist(),
            }
            for row in range(rows)
        ]
        batch = collate(instances, length)
        times = []
        if options.compile:
            model.forward = torch.compile(model.forward)
            model.bert.forward = torch.compile(model.bert.forward)
        for _ in range(options.bench_steps + 3):
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                train_step(model, optimizer, batch, 1e-4, options.max_grad_norm)
            times.append(time.perf_counter() - began)
        median = statistics.median(times[3:])
        if options.json:
            with open("/proc/self/status") as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
            print(json.dumps({
                "model": size, "vocab_size": int(vocab_size), "step_ms_median": median * 1e3,
                "tokens_per_second": rows * length / median, "peak_memory_bytes": 1024 * peak,
            }), flush=True)
            continue
        print(
            f"{name:12} median {median * 1e3:7.1f} ms, fastest {min(times[3:]) * 1e3:7.1f} ms a step,"
            f" {rows * length / median:8.0f} tokens/s (median of {options.bench_steps})",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances")
    parser.add_argument("--eval-instances")
    parser.add_argument("--vocab")
    parser.add_argument("--model", choices=SIZES, default="tiny")
    parser.add_argument("--output-dir")
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--train-batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--num-train-steps", type=int, default=2000)
    parser.add_argument("--num-warmup-steps", type=int, default=200)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--max-grad-norm", type=float, default=1.0)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--bias-correction", action="store_true")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--eval-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=12345)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--bench-models", default="tiny/8192,tiny/30522,mini/8192")
    parser.add_argument("--bench-steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="torch.compile the model (needs a C++ compiler)")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--json", action="store_true", help="the bench as a JSON object a model")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.bench:
        bench(options)
    elif options.instances and options.vocab:
        pretrain(options)
    else:
        parser.error("give --instances and --vocab, or --bench")


if __name__ == "__main__":
    main()

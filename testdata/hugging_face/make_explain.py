"""Records what `explain` computes, with transformers: embeddings, attention, predictions, gradients, one step.

    HF_HUB_OFFLINE=1 python make_explain.py

rebuilds explain.json beside this script, from the directory `gamma_beta` there. Made with

    python 3.11, torch==2.15.0, transformers==5.24.0

One pair in float64, masked as `cloze explain` masks it with its default seed; the test checks that it does. The step
is AdamW's as in Google's optimization.py: no bias correction, the norm of the gradient clipped at 1, no decay of
biases and LayerNorm.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import BertForPreTraining, BertTokenizerFast

HERE = Path(__file__).resolve().parent
TEXT, NEXT = "The quick fox ran.", "a cat sat on the mats."
# Position, what the model reads there: the draw of cloze.
HIDDEN = [(11, 4), (14, 4)]
LEARNING_RATE = 1e-2


def part(name):
    if name.startswith("bert.encoder.layer."):
        layer, rest = name.removeprefix("bert.encoder.layer.").split(".", 1)
        kind = "LayerNorm" if "LayerNorm" in rest else "attention" if rest.startswith("attention.") else "feed-forward"
        return f"layer {int(layer) + 1} {kind}"
    for prefix, part in [
        ("bert.embeddings.word", "word embeddings"),
        ("bert.embeddings.position", "position embeddings"),
        ("bert.embeddings.token_type", "segment embeddings"),
        ("bert.embeddings.", "embeddings LayerNorm"),
        ("cls.predictions.", "masked-LM head"),
    ]:
        if name.startswith(prefix):
            return part
    return "next-sentence head"


def main():
    torch.set_num_threads(1)
    directory = HERE / "gamma_beta"
    model = BertForPreTraining.from_pretrained(directory, attn_implementation="eager").double().eval()
    encoding = BertTokenizerFast.from_pretrained(directory)(TEXT, NEXT, return_tensors="pt")
    given = encoding["input_ids"]
    positions = [position for position, _ in HIDDEN]
    right = given[0, positions]
    masked = given.clone()
    masked[0, positions] = torch.tensor([read for _, read in HIDDEN])
    inputs = {"input_ids": masked, "token_type_ids": encoding["token_type_ids"]}

    def losses():
        out = model(**inputs, output_attentions=True, output_hidden_states=True)
        words = torch.log_softmax(out.prediction_logits[0, positions], -1)
        pair = torch.log_softmax(out.seq_relationship_logits[0], -1)
        masked_lm = -words[range(len(positions)), right].mean()
        return out, words, pair, masked_lm, -pair[0]

    out, words, pair, masked_lm, next_sentence = losses()
    (masked_lm + next_sentence).backward()
    embeddings = model.bert.embeddings
    vectors = [
        embeddings.word_embeddings.weight[masked[0]],
        embeddings.position_embeddings.weight[: masked.shape[1]].clone(),  # the step below changes the weights in place
        embeddings.token_type_embeddings.weight[encoding["token_type_ids"][0]],
    ]
    vectors += [sum(vectors), out.hidden_states[0][0]]
    parameters = dict(model.named_parameters())  # tied weights once
    norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters.values()))
    squares = {}
    for name, p in parameters.items():
        squares[part(name)] = squares.get(part(name), 0) + (p.grad**2).sum().item()
    with torch.no_grad():
        plain = model(input_ids=given, token_type_ids=encoding["token_type_ids"]).seq_relationship_logits[0]
        for name, p in parameters.items():
            g = p.grad * min(1.0, 1.0 / norm)
            update = 0.1 * g / ((0.001 * g * g).sqrt() + 1e-6)
            if not (name.endswith("bias") or "LayerNorm" in name):
                update = update + 0.01 * p
            p -= LEARNING_RATE * update
        _, words_after, pair_after, masked_lm_after, next_sentence_after = losses()
    recorded = {
        "text": TEXT,
        "next": NEXT,
        "learning_rate": LEARNING_RATE,
        "input_ids": masked[0].tolist(),
        "norms": [vector.norm(dim=-1).tolist() for vector in vectors],
        "attention": [layer[0].tolist() for layer in out.attentions],
        "predictions": words.exp().tolist(),
        "is_next_probability": plain.softmax(-1)[0].item(),
        "masked_is_next_probability": pair[0].exp().item(),
        "masked_lm_loss": masked_lm.item(),
        "next_sentence_loss": next_sentence.item(),
        "gradient_norm": norm.item(),
        "parts": {name: square**0.5 for name, square in squares.items()},
        "after": {
            "masked_lm_loss": masked_lm_after.item(),
            "next_sentence_loss": next_sentence_after.item(),
            "words": words_after[range(len(positions)), right].exp().tolist(),
            "is_next": pair_after[0].exp().item(),
        },
    }
    rounded = json.loads(json.dumps(recorded), parse_float=lambda x: float(f"{float(x):.9g}"))
    (HERE / "explain.json").write_text(json.dumps(rounded) + "\n")


if __name__ == "__main__":
    main()

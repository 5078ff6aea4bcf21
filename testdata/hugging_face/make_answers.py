"""Records what transformers answers in the two tasks of pretraining, for the tests of tasks.

    HF_HUB_OFFLINE=1 python make_answers.py

rebuilds answers.json beside this script, from the directories `epsilon` and `gamma_beta` there. Made with

    python 3.11, torch==2.15.0, transformers==5.24.0

Text goes through transformers' tokenizer, the model computes in float64.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import BertForPreTraining, BertTokenizer

HERE = Path(__file__).resolve().parent
TEXTS = ["the cat [MASK] on the mat.", "[MASK] quick fox [MASK]."]
SENTENCES = ("the cat sat on the mat.", "a quick fox ran.")


def main():
    torch.set_num_threads(1)
    recorded = {}
    for name in ["epsilon", "gamma_beta"]:
        model = BertForPreTraining.from_pretrained(HERE / name, attn_implementation="eager").double().eval()
        tokenizer = BertTokenizer.from_pretrained(HERE / name)
        fill_mask, next_sentence = [], []
        with torch.no_grad():
            for text in TEXTS:
                encoded = tokenizer(text, return_tensors="pt")
                logits = model(**encoded).prediction_logits[0]
                positions = (encoded["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
                masks = [{"position": p, "probabilities": logits[p].softmax(-1).tolist()} for p in positions]
                fill_mask.append({"text": text, "masks": masks})
            for a, b in [SENTENCES, SENTENCES[::-1]]:
                logits = model(**tokenizer(a, b, return_tensors="pt")).seq_relationship_logits[0]
                next_sentence.append(
                    {"a": a, "b": b, "logits": logits.tolist(), "is_next_probability": logits.softmax(-1)[0].item()}
                )
        recorded[name] = {"fill_mask": fill_mask, "next_sentence": next_sentence}
    (HERE / "answers.json").write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()

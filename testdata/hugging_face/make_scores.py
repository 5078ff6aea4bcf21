"""Records pseudo-log-likelihoods and embeddings computed with transformers, for the tests of `score` and `embed`.

    HF_HUB_OFFLINE=1 python make_scores.py

rebuilds scores.json beside this script, from the directory `gamma_beta` there. Made with

    python 3.11, torch==2.15.0, transformers==5.24.0

A hundred sentences of known words, words of several pieces and unknown words. One forward pass for each token,
in float64. `original` masks the token alone (Salazar et al., 2020), `within_word` also the later pieces of its
word (Kauf & Ivanova, 2023), where `word_ids()` of the tokenizer says what a word is. `mean` and `cls` are the
last hidden state of the first ten sentences, pooled.
"""

import json
import os
import random
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import BertForPreTraining, BertTokenizerFast

HERE = Path(__file__).resolve().parent
WORDS = "the a cat dog fox mat sat ran on over quick lazy . , cats dogs foxss mats cuckoo".split()


def score(model, tokenizer, text, within_word):
    encoding = tokenizer(text, return_tensors="pt")
    ids, words = encoding["input_ids"][0], encoding.word_ids(0)
    scores = []
    for position in range(1, len(ids) - 1):
        masked = ids.clone()
        masked[position] = tokenizer.mask_token_id
        for later in range(position + 1, len(ids) - 1):
            if within_word and words[later] == words[position]:
                masked[later] = tokenizer.mask_token_id
        logits = model(input_ids=masked[None]).prediction_logits[0, position]
        scores.append(torch.log_softmax(logits, -1)[ids[position]].item())
    return scores


def main():
    torch.set_num_threads(1)
    drawn = random.Random(1)
    model = BertForPreTraining.from_pretrained(HERE / "gamma_beta", attn_implementation="eager").double().eval()
    tokenizer = BertTokenizerFast.from_pretrained(HERE / "gamma_beta")
    recorded = []
    with torch.no_grad():
        for number in range(100):
            text = " ".join(drawn.choice(WORDS) for _ in range(1 + number % 7))
            entry = {
                "text": text,
                "original": score(model, tokenizer, text, False),
                "within_word": score(model, tokenizer, text, True),
            }
            if number < 10:
                state = model.bert(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
                entry |= {"mean": state.mean(0).tolist(), "cls": state[0].tolist()}
            recorded.append(entry)
    lines = ",\n".join(json.dumps(entry) for entry in recorded)
    (HERE / "scores.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

"""Makes small BERT directories like those of other programs, for the tests of `--init`.

    HF_HUB_OFFLINE=1 python make.py

rebuilds the directories beside this script (README.md describes them). Made with

    python 3.11+, torch==2.15.0, transformers==5.23.0, safetensors==0.8.0, numpy==2.4.6

Each holds config.json, model.safetensors, vocab.txt and expected.json: the outputs for one input, computed
in float64 from the stored weights. The script also loads each directory with transformers, and the
outputs must agree.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel

HERE = Path(__file__).resolve().parent
VOCAB = """[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog fox mat sat ran on over quick lazy . , ##s The""".split()
CONFIG = {
    "hidden_act": "gelu",
    "hidden_size": 8,
    "intermediate_size": 12,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 16,
    "num_attention_heads": 2,
    "type_vocab_size": 2,
    "vocab_size": len(VOCAB),
}
TEXT_A = "the cat [MASK] on the mat .".split()
TEXT_B = "a quick fox ran .".split()


def random_model(model_class, layers, seed, **settings):
    """Weights of which none is what a fresh model has."""
    random = np.random.default_rng(seed)
    model = model_class(BertConfig(**{**CONFIG, **settings}, num_hidden_layers=layers))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = 0.3 * random.standard_normal(tuple(parameter.shape))
            if name.endswith("LayerNorm.weight"):
                draw = 1.0 + draw
            parameter.copy_(torch.from_numpy(draw.astype(np.float32)))
    return model


def answers(directory, model_class):
    """What transformers, having loaded `directory`, answers in float64."""
    model, info = model_class.from_pretrained(directory, output_loading_info=True, attn_implementation="eager")
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    model = model.double().eval()
    tokens = ["[CLS]", *TEXT_A, "[SEP]", *TEXT_B, "[SEP]"]
    input_ids = [VOCAB.index(token) for token in tokens]
    token_type_ids = [0] * (len(TEXT_A) + 2) + [1] * (len(TEXT_B) + 1)
    position = tokens.index("[MASK]")
    with torch.no_grad():
        out = model(
            input_ids=torch.tensor([input_ids]),
            token_type_ids=torch.tensor([token_type_ids]),
            output_hidden_states=True,
        )
    expected = {
        "tokens": tokens,
        "input_ids": input_ids,
        "token_type_ids": token_type_ids,
        "first_hidden_row": out.hidden_states[-1][0, 0].tolist(),
        "mask_position": position,
    }
    if model_class is not BertModel:
        logits = out.logits if model_class is BertForMaskedLM else out.prediction_logits
        expected["mask_logits"] = logits[0, position].tolist()
    if model_class is BertModel:
        expected["pooler_output"] = out.pooler_output[0].tolist()
    if model_class is BertForPreTraining:
        expected["seq_relationship_logits"] = out.seq_relationship_logits[0].tolist()
    return expected


def finish(directory, model_class, config=None, cased=False):
    """Adds vocab.txt, config.json if another is wanted, and expected.json."""
    (directory / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    (directory / "generation_config.json").unlink(missing_ok=True)
    if config:
        (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if cased:
        tokenizer = {"do_lower_case": False, "model_max_length": 16, "tokenizer_class": "BertTokenizer"}
        (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
    (directory / "model.safetensors").chmod(0o644)
    stored = load_file(directory / "model.safetensors")
    expected = {"lower_case": not cased, "tensors": sorted(stored), **answers(directory, model_class)}
    (directory / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def main():
    torch.set_num_threads(1)

    # The encoder alone, names without `bert.`.
    random_model(BertModel, 1, 1).save_pretrained(HERE / "bare")
    finish(HERE / "bare", BertModel)

    # The masked-LM head and neither pooler nor next-sentence head; cased.
    random_model(BertForMaskedLM, 2, 2).save_pretrained(HERE / "masked_lm")
    finish(HERE / "masked_lm", BertForMaskedLM, cased=True)

    # As the first PyTorch checkpoints: gamma and beta, the decoder spelt out, a stored position_ids.
    directory = HERE / "gamma_beta"
    model = random_model(BertForPreTraining, 2, 3)
    model.save_pretrained(directory)
    tensors = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in load_file(directory / "model.safetensors").items()
    }
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    tensors["bert.embeddings.position_ids"] = torch.arange(CONFIG["max_position_embeddings"])[None]
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    old_config = {
        "architectures": ["BertForMaskedLM"],
        "attention_probs_dropout_prob": 0.1,
        "directionality": "bidi",
        "gradient_checkpointing": False,
        "hidden_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "model_type": "bert",
        "num_hidden_layers": 2,
        "pad_token_id": 0,
        "pooler_fc_size": 768,
        "position_embedding_type": "absolute",
        "transformers_version": "4.6.0.dev0",
        **CONFIG,
    }
    finish(directory, BertForPreTraining, config=old_config)

    # An epsilon of LayerNorm that changes every value.
    random_model(BertForPreTraining, 2, 5, layer_norm_eps=1e-3).save_pretrained(HERE / "epsilon")
    finish(HERE / "epsilon", BertForPreTraining)

    # Half the bytes, both ways.
    for name, dtype in [("float16", torch.float16), ("bfloat16", torch.bfloat16)]:
        random_model(BertForPreTraining, 1, 4).to(dtype).save_pretrained(HERE / name)
        finish(HERE / name, BertForPreTraining)


if __name__ == "__main__":
    main()

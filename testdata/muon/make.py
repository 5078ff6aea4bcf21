"""Steps of Muon, computed in float64, for tests/muon.rs.

    python make.py          writes muon.json beside this file

The formulas are those of torch.optim.Muon with adjust_lr_fn="match_rms_adamw", written out in float64, because PyTorch
iterates in bfloat16. The script checks that PyTorch itself agrees as well as bfloat16 allows.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0.
"""

import json
import pathlib
import platform

import numpy as np
import torch

LEARNING_RATE, WEIGHT_DECAY, MOMENTUM, STEPS = 0.02, 0.1, 0.95, 3
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(update):
    x = update.T if update.shape[0] > update.shape[1] else update
    x = x / max(np.linalg.norm(x), 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if update.shape[0] > update.shape[1] else x


def main():
    draw = np.random.default_rng(11)
    cases = []
    for rows, cols in [(1, 1), (1, 5), (4, 4), (3, 8), (8, 3), (12, 7)]:
        values = lambda scale: (draw.standard_normal((rows, cols)) * scale).astype("f4")
        parameters, gradients = values(0.1), [values(10.0**-step) for step in range(STEPS)]
        p, m = parameters.astype("f8"), np.zeros((rows, cols))
        theirs = torch.nn.Parameter(torch.tensor(parameters))
        optimizer = torch.optim.Muon(
            [theirs], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM, nesterov=True,
            ns_steps=5, ns_coefficients=COEFFICIENTS, adjust_lr_fn="match_rms_adamw",
        )
        for gradient in gradients:
            g = gradient.astype("f8")
            m = MOMENTUM * m + (1 - MOMENTUM) * g
            u = MOMENTUM * m + (1 - MOMENTUM) * g
            scale = 0.2 * max(rows, cols) ** 0.5
            p = p - LEARNING_RATE * WEIGHT_DECAY * p - LEARNING_RATE * scale * orthogonal(u)
            theirs.grad = torch.tensor(gradient)
            optimizer.step()
        # Three updates of size 0.02·0.2·√max, each with an error of a few percent in bfloat16.
        worst = np.abs(theirs.detach().numpy() - p).max() / (LEARNING_RATE * scale)
        print(f"{rows}×{cols}: PyTorch differs by {worst:.4f} of an update")
        assert worst < 0.1
        ours = optimizer.state[theirs]["momentum_buffer"].numpy()
        assert np.abs(ours - m).max() < 1e-7
        cases.append({
            "shape": [rows, cols],
            "parameters": parameters.ravel().astype("f8").tolist(),
            "gradients": [gradient.ravel().astype("f8").tolist() for gradient in gradients],
            "momentum": m.ravel().tolist(),
            "updated": p.ravel().tolist(),
        })
    print(platform.python_version(), np.__version__, torch.__version__)
    out = {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "cases": cases}
    path = pathlib.Path(__file__).with_name("muon.json")
    path.write_text(json.dumps(out) + "\n")


main()

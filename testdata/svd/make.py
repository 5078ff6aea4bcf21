"""Makes expected.json: a matrix, its singular values and left singular vectors by numpy (LAPACK, float64).

numpy 2.4.6 (Python 3.11.7). Run: python make.py
"""
import json
import pathlib

import numpy as np

draw = np.random.default_rng(7)
m, n, rank = 40, 30, 6
# Singular values fall slowly, as those of words do; multiples of 1/64 are exact as float32.
matrix = draw.standard_normal((m, n)) * np.geomspace(4.0, 0.25, n) @ draw.standard_normal((n, n))
matrix = np.round(matrix * 64) / 64
u, s, _ = np.linalg.svd(matrix)
pathlib.Path(__file__).with_name("expected.json").write_text(
    json.dumps(
        {
            "numpy": np.__version__,
            "matrix": matrix.tolist(),
            "singular_values": s[:rank].tolist(),
            "left_singular_vectors": u[:, :rank].T.tolist(),
        }
    )
    + "\n"
)

#!/usr/bin/env python3
"""Prints tests/data/golden_minilm.json: all-MiniLM-L6-v2 computed with numpy alone, from the equations of BERT
(Devlin et al. 2019: post-norm layers, exact GELU), independent of LibTorch.

    pip install numpy safetensors tokenizers
    python golden_minilm.py ../../../.deps/text > data/golden_minilm.json
"""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

SENTENCES = ["push the red button, then the blue one", "stack the two green blocks"]
LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
TOKENS, VALUES = 4, 8


def main():
    folder = Path(sys.argv[1])
    # In double precision, so that the golden is exact to f32.
    weights = {name: x.astype(np.float64) for name, x in load_file(folder / "model.safetensors").items() if x.dtype == np.float32}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def linear(name, x):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return scaled * weights[name + ".weight"] + weights[name + ".bias"]

    def encode(ids):
        n = len(ids)
        x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][:n]
        x = norm("embeddings.LayerNorm", x + weights["embeddings.token_type_embeddings.weight"][0])
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            q, k, v = (
                linear(at + "attention.self." + name, x).reshape(n, HEADS, WIDTH // HEADS).transpose(1, 0, 2)
                for name in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH / HEADS)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            y = (scores @ v).transpose(1, 0, 2).reshape(n, WIDTH)
            x = norm(at + "attention.output.LayerNorm", x + linear(at + "attention.output.dense", y))
            y = linear(at + "intermediate.dense", x)
            y = y * 0.5 * (1 + np.vectorize(math.erf)(y / math.sqrt(2)))
            x = norm(at + "output.LayerNorm", x + linear(at + "output.dense", y))
        return x

    sentences = []
    for text in SENTENCES:
        ids = tokenizer.encode(text).ids
        values = encode(ids)[:TOKENS, :VALUES]
        sentences.append({"text": text, "ids": ids, "values": [[round(float(v), 7) for v in row] for row in values]})
    made_with = {name: version(name) for name in ("numpy", "safetensors", "tokenizers")}
    print(json.dumps({"made_with": made_with, "sentences": sentences}, indent=1))


if __name__ == "__main__":
    main()

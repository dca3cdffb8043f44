"""The network that tells a person's expected OKS from its features: two layers, in NumPy.

Float64 and a fixed order throughout: on one machine a training gives the same bits every time.
"""

from __future__ import annotations

import numpy as np

HIDDEN = 16
EPOCHS, BATCH, RATE = 60, 256, 0.01
PRIOR = 4.0  # how firmly weights are believed to be small: many people to learn from outweigh it
_BETAS, _TINY = (0.9, 0.999), 1e-8
_LEAST = 1e-3  # of a score, and of its distance to 1

Weights = dict[str, np.ndarray]


def train(features: np.ndarray, scores: np.ndarray, oks: np.ndarray, seed: int) -> Weights:
    """Return the weights of a network trained from scratch.

    features: (P, F); scores: (P,) so far; oks: (P,) in [0, 1], what it learns to tell

    What it adds to the log odds of the score so far is learnt by half the squared error, with a
    penalty of PRIOR * |weights|^2 / P: few people change little. Adam (Kingma and Ba, ICLR 2015),
    with a rate that falls to 0 as a cosine. Features are standardised first; of one that never
    changes nothing is learnt.
    """
    random = np.random.RandomState(seed)
    deviation = features.std(axis=0)
    fixed = {"mean": features.mean(axis=0),
             "factor": np.where(deviation > 1e-9, 1 / np.maximum(deviation, 1e-9), 0)}
    inputs, before = _inputs(fixed, features, scores)
    size = inputs.shape[1]
    weights = {"hidden.weight": random.randn(size, HIDDEN) / np.sqrt(size),
               "hidden.bias": np.zeros(HIDDEN),
               "last.weight": random.randn(HIDDEN) / np.sqrt(HIDDEN) * 0.1,
               "line": np.array([1.0, 0.0])}
    moments = {key: [np.zeros_like(value), np.zeros_like(value)] for key, value in weights.items()}
    steps, step = EPOCHS * -(-len(inputs) // BATCH), 0
    for _ in range(EPOCHS):
        order = random.permutation(len(inputs))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            rate = RATE * (1 + np.cos(np.pi * step / steps)) / 2
            step += 1
            gradients = _gradients(weights, inputs[batch], before[batch], oks[batch])
            for key, gradient in gradients.items():
                if key.endswith(".weight"):
                    gradient += 2 * PRIOR / len(inputs) * weights[key]
                _update(weights[key], gradient, moments[key], rate, step)
    return {**fixed, **weights}


def predict(weights: Weights, features: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return (P,) expected OKS, between 0 and 1, of (P, F) features and (P,) scores so far."""
    return _forward(weights, *_inputs(weights, features, scores))[1]


def _inputs(
    fixed: Weights, features: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised features, and scores as log odds."""
    scores = np.clip(scores, _LEAST, 1 - _LEAST)
    return (features - fixed["mean"]) * fixed["factor"], np.log(scores / (1 - scores))


def _forward(
    weights: Weights, inputs: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.tanh(inputs @ weights["hidden.weight"] + weights["hidden.bias"])
    slope, offset = weights["line"]
    logits = slope * before + offset + hidden @ weights["last.weight"]
    return hidden, 1 / (1 + np.exp(-logits))


def _gradients(
    weights: Weights, inputs: np.ndarray, before: np.ndarray, oks: np.ndarray
) -> Weights:
    hidden, told = _forward(weights, inputs, before)
    logits = (told - oks) * told * (1 - told) / len(oks)
    back = logits[:, None] * weights["last.weight"] * (1 - hidden**2)
    return {"hidden.weight": inputs.T @ back, "hidden.bias": back.sum(axis=0),
            "last.weight": hidden.T @ logits, "line": np.array([logits @ before, logits.sum()])}


def _update(weight: np.ndarray, gradient: np.ndarray, moments: list[np.ndarray], rate: float,
            step: int) -> None:
    for moment, beta, value in zip(moments, _BETAS, (gradient, gradient**2), strict=True):
        moment += (1 - beta) * (value - moment)
    first, second = (m / (1 - beta**step) for m, beta in zip(moments, _BETAS, strict=True))
    weight -= rate * first / (np.sqrt(second) + _TINY)

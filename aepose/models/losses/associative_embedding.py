"""Push and pull losses of tags.

Newell, Huang, Deng: Associative Embedding (NIPS 2017), eq. 1 and the 'max' variant.
"""

from __future__ import annotations

from typing import Literal

import torch

PushType = Literal["exp", "max"]


def associative_embedding_loss(
    tags: torch.Tensor,
    tag_index: torch.Tensor,
    tag_valid: torch.Tensor,
    push_type: PushType = "exp",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return push (N,) and pull (N,), one pair per picture.

    tags: (N, C, H, W); tag_index: (N, M, K) int64 into the flattened C*H*W tags; tag_valid:
    (N, M, K) bool. With t_p the mean tag of a person, over the n people with a keypoint:
    pull = mean over people of the mean of (tag - t_p)^2 over the person's keypoints;
    push = sum over ordered pairs of a penalty of |t_p - t_q|, halved, over n (n - 1); the penalty
    is exp(-d^2) for 'exp' and max(0, 1 - d) for 'max'. Push is 0 for n < 2, both are 0 for n = 0.
    """
    pictures, people, keypoints = tag_index.shape
    # With one tag map for all keypoints, index k*H*W + y*W + x means y*W + x.
    index = tag_index.flatten(1) % tags[0].numel()
    gathered = tags.flatten(1).gather(1, index)
    gathered = gathered.view(pictures, people, keypoints)
    valid = tag_valid.to(tags.dtype)
    count = valid.sum(dim=2)
    present = count > 0
    means = (gathered * valid).sum(dim=2) / count.clamp(min=1)
    spread = ((gathered - means[:, :, None]).square() * valid).sum(dim=2) / count.clamp(min=1)
    number = present.sum(dim=1).to(tags.dtype)
    pull = spread.sum(dim=1) / number.clamp(min=1)

    gap = means[:, :, None] - means[:, None, :]
    penalty = torch.exp(-gap.square()) if push_type == "exp" else (1 - gap.abs()).clamp(min=0)
    others = ~torch.eye(people, dtype=torch.bool, device=tags.device)
    pairs = present[:, :, None] & present[:, None, :] & others
    push = (penalty * pairs).sum(dim=(1, 2)) * 0.5 / (number * (number - 1)).clamp(min=1)
    return push, pull

"""Push and pull losses of tags.

Newell, Huang, Deng: Associative Embedding (NIPS 2017), eq. 1 and the 'max' variant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

PushType = Literal["exp", "max"]


@dataclass
class PersonTags:
    """The tags under the keypoints of each person; N pictures, M people, K keypoints.

    tags: (N, M, K); valid: (N, M, K) 1 where there is a keypoint, else 0
    count: (N, M) keypoints of each person; means: (N, M) mean tag of each person, 0 without any
    """

    tags: torch.Tensor
    valid: torch.Tensor
    count: torch.Tensor
    means: torch.Tensor

    @classmethod
    def gather(
        cls, tags: torch.Tensor, tag_index: torch.Tensor, tag_valid: torch.Tensor
    ) -> PersonTags:
        """Read (N, C, H, W) tags at (N, M, K) int64 indices into the flattened C*H*W.

        tag_valid: (N, M, K) bool. With one tag map for all keypoints (C = 1) the index
        k*H*W + y*W + x means y*W + x.
        """
        index = tag_index.flatten(1) % tags[0].numel()
        gathered = tags.flatten(1).gather(1, index).view(tag_index.shape)
        valid = tag_valid.to(tags.dtype)
        count = valid.sum(dim=2)
        return cls(gathered, valid, count, (gathered * valid).sum(dim=2) / count.clamp(min=1))

    @property
    def number(self) -> torch.Tensor:
        """(N,) people with a keypoint."""
        return (self.count > 0).sum(dim=1).to(self.tags.dtype)

    @property
    def pairs(self) -> torch.Tensor:
        """(N, M, M) bool: two different people, both with a keypoint."""
        present = self.count > 0
        others = ~torch.eye(present.shape[1], dtype=torch.bool, device=present.device)
        return present[:, :, None] & present[:, None, :] & others

    def mean_of_people(self, values: torch.Tensor) -> torch.Tensor:
        """(N,) mean over people of the mean over their keypoints of ``values`` (N, M, K)."""
        mean = (values * self.valid).sum(dim=2) / self.count.clamp(min=1)
        return mean.sum(dim=1) / self.number.clamp(min=1)


def push_and_pull(
    people: PersonTags, push_type: PushType = "exp"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return push (N,) and pull (N,), one pair per picture.

    With t_p the mean tag of a person, over the n people with a keypoint:
    pull = mean over people of the mean of (tag - t_p)^2 over the person's keypoints;
    push = sum over ordered pairs of a penalty of |t_p - t_q|, halved, over n (n - 1); the penalty
    is exp(-d^2) for 'exp' and max(0, 1 - d) for 'max'. Push is 0 for n < 2, both are 0 for n = 0.
    """
    pull = people.mean_of_people((people.tags - people.means[:, :, None]).square())
    gap = people.means[:, :, None] - people.means[:, None, :]
    # Just where the penalty ends, relu has no gradient; that of clamp depends on PyTorch's version.
    penalty = torch.exp(-gap.square()) if push_type == "exp" else (1 - gap.abs()).relu()
    number = people.number
    push = (penalty * people.pairs).sum(dim=(1, 2)) * 0.5 / (number * (number - 1)).clamp(min=1)
    return push, pull


@torch.no_grad()
def tag_statistics(people: PersonTags) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what grouping lives by, each (): how far tags spread, and how near people come.

    spread: mean deviation of a tag from its person's mean, over the people of all pictures
    gap: smallest distance of two people's means in a picture, averaged over the pictures with two
        people or more; 0 if there is none. Grouping needs spread << gap, and gap above 1.
    """
    deviation = people.mean_of_people((people.tags - people.means[:, :, None]).abs())
    number = people.number
    spread = (deviation * number).sum() / number.sum().clamp(min=1)
    distance = (people.means[:, :, None] - people.means[:, None, :]).abs()
    smallest = distance.masked_fill(~people.pairs, torch.inf).amin(dim=(1, 2))
    crowded = number > 1
    return spread, torch.where(crowded, smallest, 0.0).sum() / crowded.sum().clamp(min=1)

"""Validation after an epoch: every measure, and the loss in its parts, at the network's own size.

Needs a network and a store. `derm evaluate` measures at each image's own size, so its Dice differs a little.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from derm.data.store import ImageStore
from derm.measure.classification import classification_measures
from derm.measure.masks import MaskCount, count_masks, mask_measures, merge_measures
from derm.model.network import LesionNet
from derm.predict.batch import answers
from derm.train.config import TrainConfig
from derm.train.losses import Truth, joint_loss


def validate(
    net: LesionNet, store: ImageStore, rows: NDArray[np.int64], classes: NDArray[np.int64], config: TrainConfig
) -> dict[str, Any]:
    """Measure `net` on images `rows`, int64 (k,), of classes `classes`, int64 (k,): `merge_measures` and the losses.

    The loss is the training loss without class weights and focus and with logits as they are, so that runs can be
    compared. Float32, whatever training uses. The outline's is None where no image has a mask, and counts nothing then.
    """
    config = replace(config, focal=0.0)
    device = next(net.parameters()).device
    probabilities, counts, known = [], [], store.has_mask[rows]
    mask_sum, class_sum, done = 0.0, 0.0, 0
    for part, answer in answers(net, store.images, rows):
        size = len(part)
        masks = torch.from_numpy(store.masks[part])[:, None]
        labels = torch.from_numpy(classes[done : done + size])
        truth = Truth(masks.float().to(device), torch.from_numpy(store.has_mask[part]).to(device), labels.to(device))
        losses = joint_loss(answer, truth, config, None)
        mask_sum += float(truth.has_mask.sum()) * losses.mask.item()
        class_sum += size * losses.diagnosis.item()
        probabilities.append(answer.class_logits.double().softmax(1).cpu().numpy())
        counts.append(count_masks((answer.mask_logits[:, 0] > 0).cpu().numpy(), masks[:, 0].numpy() > 0))
        done += size
    joined = MaskCount(*(np.concatenate(parts)[known] for parts in zip(*counts, strict=True)))
    measures = merge_measures(
        classification_measures(classes, np.concatenate(probabilities)),
        mask_measures(joined, classes[known]) if known.any() else None,
    )
    mask_loss, class_loss = (mask_sum / int(known.sum()) if known.any() else None), class_sum / done
    loss = config.mask_weight * (mask_loss or 0.0) + config.class_weight * class_loss
    return {"loss": loss, "mask_loss": mask_loss, "class_loss": class_loss, **measures}

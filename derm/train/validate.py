"""Validation after an epoch: every measure, and the loss in its parts, at the network's own size.

Needs a network and a store. `derm evaluate` measures at each image's own size, so its Dice differs a little.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from derm.data.store import ImageStore
from derm.diagnoses import CODES
from derm.language.speech import say
from derm.metrics.masks import MaskCount, count_masks, mask_measures, merge_measures
from derm.metrics.registry import classification_measures
from derm.model.network import LesionNet
from derm.predict.batch import answers
from derm.train.config import TrainConfig
from derm.train.losses import Truth, joint_loss
from derm.train.world import ALONE, World

BY_SOURCE = ("accuracy", "balanced_accuracy", "macro_auc", "dice")
"""What validation says of each source, beside its images and the AUCs of melanoma and of malignant against benign."""


def validate(
    net: LesionNet,
    store: ImageStore,
    rows: NDArray[np.int64],
    classes: NDArray[np.int64],
    config: TrainConfig,
    sources: NDArray[np.str_] | None = None,
    world: World = ALONE,
) -> dict[str, Any]:
    """Measure `net` on images `rows`, int64 (k,), of classes `classes`, int64 (k,): `merge_measures` and the losses.

    classes: beyond the seven where the label is open; such an image is measured by its outline alone. sources: text
    (k,), where there are several: then `by_source` holds each one's headline figures, and source_auc the mean of their
    macro AUCs; without them source_auc is the macro AUC.

    The loss is the training loss without class weights and focus and with logits as they are, so that runs can be
    compared. Float32, whatever training uses. The outline's is None where no image has a mask, and counts nothing then.
    world: each of its processes asks about its part of the images, and all know the measures.
    Raises RunFault where the loss or a probability is not finite.
    """
    config = replace(config, focal=0.0)
    device = next(net.parameters()).device
    found: list[NDArray[np.float64]] = [np.empty((0, len(CODES) + len(MaskCount._fields)))]
    known, own = store.has_mask[rows], world.part(len(rows))
    mask_sum, class_sum, labelled, done = 0.0, 0.0, 0, own.start
    for part, answer in answers(net, store.images, rows[own]):
        size = len(part)
        masks = torch.from_numpy(store.masks[part])[:, None]
        labels = torch.from_numpy(classes[done : done + size])
        closed = labels < len(CODES)
        allowed = F.one_hot(labels.clamp(max=len(CODES) - 1), len(CODES)).bool() | ~closed[:, None]
        truth = Truth(
            masks.float().to(device), torch.from_numpy(store.has_mask[part]).to(device), labels.to(device),
            allowed=None if closed.all() else allowed.to(device),
        )  # fmt: skip
        losses = joint_loss(answer, truth, config, None)
        mask_sum += float(truth.has_mask.sum()) * losses.mask.item()
        class_sum += int(closed.sum()) * losses.diagnosis.item()
        labelled += int(closed.sum())
        probabilities = answer.class_logits.double().softmax(1).cpu().numpy()
        counts = count_masks((answer.mask_logits[:, 0] > 0).cpu().numpy(), masks[:, 0].numpy() > 0)
        found.append(np.column_stack([probabilities, *counts]))
        done += size
    every = world.gather(np.concatenate(found), len(rows))
    all_probabilities, joined = every[:, : len(CODES)], MaskCount(*every[:, len(CODES) :].T.astype(np.int64))
    sums = world.total(torch.tensor([mask_sum, class_sum, labelled], dtype=torch.float64))
    mask_sum, class_sum, labelled = sums[0].item(), sums[1].item(), int(sums[2].item())

    mask_loss, class_loss = (mask_sum / int(known.sum()) if known.any() else None), class_sum / max(1, labelled)
    loss = config.mask_weight * (mask_loss or 0.0) + config.class_weight * class_loss
    if not (math.isfinite(loss) and np.isfinite(all_probabilities).all()):
        raise world.fault(
            say(
                "The loss of validation is {loss}, or diagnoses are no numbers: lower the learning rate ({rate:.1e}) "
                "and start a new run; the last checkpoint is from before.",
                loss=loss,
                rate=config.learning_rate,
            )
        )

    def measure(of: NDArray[np.bool_]) -> dict[str, Any]:
        closed, outlined = of & (classes < len(CODES)), of & known
        return merge_measures(
            classification_measures(classes[closed], all_probabilities[closed]),
            mask_measures(MaskCount(*(column[outlined] for column in joined)), classes[outlined])
            if outlined.any()
            else None,
        )

    measures = measure(np.ones(len(rows), dtype=np.bool_))
    if sources is None:
        measures["source_auc"] = measures["macro_auc"]
    else:
        measures["by_source"] = {str(name): headline_of(measure(sources == name)) for name in np.unique(sources)}
        aucs = [own["macro_auc"] for own in measures["by_source"].values() if own["macro_auc"] is not None]
        measures["source_auc"] = float(np.mean(aucs)) if aucs else None
    return {"loss": loss, "mask_loss": mask_loss, "class_loss": class_loss, **measures}


def headline_of(measures: dict[str, Any]) -> dict[str, Any]:
    """The figures of one source among all that were measured of it."""
    return {
        **{name: measures[name] for name in BY_SOURCE},
        "melanoma_auc": measures["per_class"]["mel"]["auc"],
        "malignant_auc": measures["malignant"]["auc"],
    }

"""What is evaluated: a model, held-out items, and what several measures need of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError
from vaekit.evaluation.settings import CODE_ITEMS, FEATURE_ITEMS, LATENT_ITEMS, EvaluationSettings
from vaekit.fitting.trained import TrainedModel, as_classes, as_items, batches_of
from vaekit.metrics.feature_extractors import (
    Features,
    classifier_features,
    efficientnet_features,
    raw_features,
    reduced_features,
)
from vaekit.metrics.latents import Health, latent_health
from vaekit.models.vae import VAE
from vaekit.randomness import make_generator, seeded
from vaekit.training.config import Items
from vaekit.types import Batch

# Most items that each part looks at. With the default networks on images of 28 x 28 the whole
# evaluation then takes half a minute on one core.


_ITEMS_SEEN = 40_000  # a classifier sees so many items, each from 5 to 50 times
_MOST_FOR_COMPONENTS = 1000  # EfficientNet takes 17 ms an image


def choose_features(name: str, x: Tensor, labels: NDArray[Any] | None, seed: int) -> Features:
    """Learn features from real items, which are compared with none.

    Args:
        name: One of `FEATURE_NAMES`.
        x: Items as the networks see them.
        labels: Their classes, where known.
        seed: Of the classifier.

    Raises:
        DataError: A classifier without labels; items or labels that do not suffice for one, or
            are no images that EfficientNet reads.
        MissingExtraError: EfficientNet is not installed.
    """
    check_labeled(name, labels)
    if name == "efficientnet":
        return reduced_features(efficientnet_features(), x[:_MOST_FOR_COMPONENTS])
    if labels is None or name == "raw":
        return raw_features(x)
    classes = torch.from_numpy(np.unique(labels, return_inverse=True)[1])
    epochs = min(50, max(5, _ITEMS_SEEN // len(x)))
    return classifier_features(x, classes, epochs=epochs, seed=seed)


def check_labeled(name: str, labels: NDArray[Any] | None) -> None:
    """Refuse a classifier's features where there is nothing to classify.

    Raises:
        DataError: A classifier without labels.
    """
    if name == "classifier" and labels is None:
        raise DataError("features 'classifier' need labels, one class per item. Pass them.")


_LEAST_ITEMS = 10


@dataclass(frozen=True, eq=False)
class EvaluationContext:
    """A trained model and held-out items in random order.

    Attributes:
        trained: The model.
        items: All items, shuffled by the seed, so that the first of them are a random choice.
        settings: The options.
        labels: The class of each item in that order; ``None`` where classes are not known.
        factors: What made each item, whole numbers of shape (items, factors), or ``None``.
        given: Features to compare samples by, in place of learned ones.
        training: What samples are compared with of the items that the model learned from, in the
            form of `Domain.evaluation_reference`, or ``None``.
        unread: Held-out molecules that were left out, since their tokens or length were not known.
    """

    trained: TrainedModel
    items: Items
    settings: EvaluationSettings
    labels: NDArray[Any] | None = None
    factors: NDArray[Any] | None = None
    given: Features | None = None
    training: Any = None
    unread: int = 0

    @classmethod
    def of(
        cls,
        trained: TrainedModel,
        raw: Any,
        context: Any,
        labels: Any,
        factors: Any,
        settings: EvaluationSettings,
        features: Features | None = None,
        training: Any = None,
    ) -> Self:
        """Check data and shuffle them; see `evaluate`."""
        # With a context no item may be left out: its rows would be others' then.
        raw, unread = (raw, 0) if context is not None else trained.domain.readable(raw)
        items = as_items(trained.domain, trained.context, raw, context)
        count = len(items)
        if count < _LEAST_ITEMS:
            raise DataError(
                f"an evaluation needs at least {_LEAST_ITEMS} items; got {count}. Pass more, and "
                "some hundreds for figures that mean something."
            )
        order = torch.randperm(count, generator=make_generator(settings.seed))
        named, made_of = as_classes(labels, count), _factors(factors, count)
        check_labeled(settings.features, named)
        return cls(
            trained,
            items.subset(order),
            settings,
            None if named is None else named[order.numpy()],
            None if made_of is None else made_of[order.numpy()],
            features,
            None if training is None else trained.domain.evaluation_reference(training),
            unread,
        )

    @property
    def vae(self) -> VAE:
        """The model; see `TrainedModel.vae`."""
        return self.trained.vae

    @property
    def has_latents(self) -> bool:
        """Whether the model encodes."""
        return isinstance(self.trained.model, VAE)

    @property
    def are_images(self) -> bool:
        """Whether items are images, which the networks see from 0 to 1."""
        return self.trained.domain.draws_images

    def generator(self) -> torch.Generator:
        """Return a source of randomness, the same at every call."""
        return make_generator(self.settings.seed)

    def some(self, most: int, start: int = 0) -> Items:
        """At most so many items, from a place on."""
        return self.items.subset(torch.arange(start, min(start + most, len(self.items))))

    def batches(self, most: int) -> Iterator[Batch]:
        """Return the first items, at most so many, on the model's device."""
        return batches_of(self.some(most), self.trained.device)

    def x(self, items: Items) -> Tensor:
        """Return items as the networks see them, all at once."""
        return torch.cat([batch.x for batch in batches_of(items, torch.device("cpu"))])

    @property
    def compared(self) -> int:
        """How many items are in each of the two real halves, and in each set of samples."""
        return min(self.settings.samples, (len(self.items) - len(self.learned_from)) // 2)

    @property
    def reference(self) -> Items:
        """Real items that samples are compared with."""
        return self.some(self.compared)

    @property
    def others(self) -> Items:
        """As many real items, none of which is in the reference."""
        return self.some(self.compared, start=self.compared)

    @property
    def learned_from(self) -> Items:
        """Real items for the features to learn from, none of which is compared."""
        count = 0 if self.given else min(FEATURE_ITEMS, 2 * len(self.items) // 5)
        return self.some(count, start=len(self.items) - count)

    @cached_property
    def features(self) -> Features:
        """What samples are compared by."""
        if self.given is not None:
            return self.given
        items = self.learned_from
        labels = None if self.labels is None else self.labels[-len(items) :]
        return choose_features(self.settings.features, self.x(items), labels, self.settings.seed)

    @cached_property
    def reference_features(self) -> Tensor:
        """Features of the reference."""
        return self.features(self.x(self.reference))

    @cached_property
    def health(self) -> Health:
        """The state of the latents."""
        with seeded(self.settings.seed):
            return latent_health(self.vae, self.batches(LATENT_ITEMS))

    @cached_property
    @torch.no_grad()
    def codes(self) -> Tensor:
        """What the first items are encoded as, shape (items, latent)."""
        batches = self.batches(CODE_ITEMS)
        return torch.cat([self.vae.encode(b.x, b.context) for b in batches]).cpu()

    @cached_property
    @torch.no_grad()
    def code_numbers(self) -> Tensor:
        """The codes of the first items by number, shape (items, tokens), for models with codes."""
        latent, batches = self.vae.latent, self.batches(CODE_ITEMS)
        with seeded(self.settings.seed):
            return torch.cat([latent.flatten(self.vae.infer(b)) for b in batches]).long().cpu()

    @torch.no_grad()
    def reconstructed(self, items: Items) -> Tensor:
        """Return items encoded and decoded, as the networks see them."""
        batches = batches_of(items, self.trained.device)
        pairs = [(self.vae.encode(b.x, b.context), b.context) for b in batches]
        return torch.cat([self._shown(z, context) for z, context in pairs])

    def sampled(self, items: Items) -> Tensor:
        """As many samples as items, each in the context of one of them."""
        generator, model = self.generator(), self.trained.model
        batches = batches_of(items, self.trained.device)
        parts = [model.sample(len(b.x), b.context, generator=generator) for b in batches]
        return self._visible(torch.cat(parts))

    @cached_property
    def reference_samples(self) -> Tensor:
        """As many samples as there are in the reference, in its contexts; drawn once."""
        return self.sampled(self.reference)

    @torch.no_grad()
    def drawn_from_prior(self, items: Items) -> Tensor:
        """Return the same, from the model's own prior instead of the one fitted after training."""
        vae, batches = self.vae, batches_of(items, self.trained.device)
        with seeded(self.settings.seed):
            parts = [
                self._visible(vae.make(vae.generate(len(b.x), b.context, fitted=False), b.context))
                for b in batches
            ]
        return torch.cat(parts)

    def _shown(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self._visible(self.vae.show(z, context))

    def _visible(self, x: Tensor) -> Tensor:
        """Return items as they are looked at."""
        return self.trained.domain.clip(x.cpu())


def _factors(factors: Any, count: int) -> NDArray[Any] | None:
    """Return one row of whole numbers per item."""
    if factors is None:
        return None
    array = np.asarray(factors)
    if array.ndim != 2 or len(array) != count or array.dtype.kind not in "biu":
        raise DataError(
            f"factors must be whole numbers, one row for each of the {count} items and one column "
            f"per factor; got dtype {array.dtype} and shape {array.shape}. Number their values."
        )
    return array.astype(np.int64)

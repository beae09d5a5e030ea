"""A trained model together with what it knows of the data: raw items in, raw items out."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.domains.hooks import UsableItems
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.fitting.interpolation import Decode, interpolate_latents
from vaekit.fitting.prior import get_prior, refit_prior
from vaekit.memory import check_memory
from vaekit.models.vae import VAE, Model
from vaekit.networks.context import ContextReader, NoReader
from vaekit.priors.base import FittedPrior, check_rerank
from vaekit.priors.density import Vamp
from vaekit.randomness import make_generator, seeded
from vaekit.seeds import check_seed
from vaekit.streams.files import Stream
from vaekit.training.config import Items, TrainingSet
from vaekit.types import AS_LEARNED, Batch, SamplingOptions

_ROUNDS = 50
_MOST_DRAWS = 1_000_000


def check_sample(domain: Domain, n: Any) -> None:
    """Refuse what is no count of items, and more of them than fit in memory.

    Raises:
        SpecError: Says which.
    """
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise SpecError(f"n must be a whole number of at least 1; got {n!r}.")
    wanted = 8 * int(n) * domain.num_features
    check_memory(f"n={n} items", wanted, "Ask for fewer at a time.", SpecError)


def distinct_items(domain: Domain, n: int, draw: Callable[[Tensor], Tensor]) -> Any:
    """Decode items; rows of tables that repeat what must be unique are drawn again.

    Args:
        domain: Of the items.
        n: How many are wanted.
        draw: Makes those at some places, of 0 … n - 1, as the networks see them.

    Raises:
        DataError: There are hardly as many different rows as are wanted.
    """
    x = draw(torch.arange(n))
    items = domain.decode(x)
    for _ in range(_ROUNDS):
        positions = torch.from_numpy(np.flatnonzero(domain.repeated(items)))
        if not len(positions):
            return items
        x[positions] = draw(positions)
        items = domain.decode(x)
    raise DataError(
        f"{n} rows must be unique in what the constraints name, and {len(positions)} of them still "
        f"repeat others after being drawn {_ROUNDS} times. Ask for fewer rows."
    )


def check_vectors(vae: VAE, what: str, remedy: str) -> None:
    """Refuse models whose latents are no real vectors.

    Args:
        vae: The model.
        what: What needs them, ``"a direction"`` for one.
        remedy: What to do instead, in a sentence.

    Raises:
        CompositionError: Latents that are codes, or lie on a sphere or in a ball.
    """
    if vae.latent.num_codes or not vae.latent.keeps_density:
        kind = "codes" if vae.latent.num_codes else "points of a curved space"
        raise CompositionError(
            f"{what} needs latents that are real vectors; this model's are {kind}. {remedy}"
        )


Make = Callable[[int, Tensor | None, SamplingOptions], Tensor]
"""How many items, a row of context for each, and how they are drawn -> items."""

_CHUNK = 256
_ROWS_OF_TABLES = 4096  # made cell by cell, and each call costs
_WAYS_AT_ONCE = 16  # whose decoded points are held with their gradients


@dataclass(frozen=True)
class TrainedModel:
    """What every task works on. All methods run without gradients, in bounded memory.

    Attributes:
        model: The trained model.
        domain: What was learned about the data.
        context: What was learned about the context; ``None`` for unconditional models.
    """

    model: Model
    domain: Domain
    context: Context | None = None

    @property
    def vae(self) -> VAE:
        """The model, if it has latents.

        Raises:
            CompositionError: It has none.
        """
        if not isinstance(self.model, VAE):
            raise CompositionError(
                f"this needs a model with latents; {type(self.model).__name__} has none."
            )
        return self.model

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def batches(self, raw: Any, context: Any = None) -> Iterator[Batch]:
        """Check and encode raw items."""
        return batches_of(as_items(self.domain, self.context, raw, context), self.device)

    def inputs(self, raw: Any, context: Any = None) -> Iterator[Batch]:
        """As `batches`, for encoding alone."""
        items = as_items(self.domain, self.context, raw, context, is_input=True)
        return batches_of(items, self.device)

    def rows(self, context: Any, count: int) -> Tensor | None:
        """Check a context; one label or property stands for all rows.

        Raises:
            DataError: Given to an unconditional model, missing for a conditional one, or unknown.
        """
        prepared = _prepared(self.context, context, count)
        return None if prepared is None else prepared.to(self.device)

    def one_row(self, context: Any) -> Tensor | None:
        """Check a context that is to stand for all items, shape (1, context).

        Raises:
            DataError: As of `rows`, or more than one.
        """
        prepared = _prepared(self.context, context, None)
        if prepared is not None and len(prepared) != 1:
            raise DataError(
                f"one context must stand for all items; got {len(prepared)} rows. Pass one label, "
                "or one row of properties."
            )
        return None if prepared is None else prepared.to(self.device)

    @torch.no_grad()
    def encode(self, raw: Any, context: Any = None, strict: bool = True) -> Tensor:
        """Posterior means, shape (n, latent).

        Args:
            raw: Items.
            context: Their labels or properties, if the model is conditional.
            strict: Whether an item that cannot be read is an error; else its row is NaN, and one
                warning counts such items. Of molecules alone; other kinds are always strict.
        """
        batches, found = self._readable_inputs(raw, context, strict)
        z = _joined(self.vae.encode(b.x, b.context) for b in batches)
        if found is None or found.is_whole:
            return z
        spread = z.new_full((found.count, *z.shape[1:]), torch.nan)
        spread[torch.as_tensor(found.positions, device=z.device)] = z
        return spread

    def _readable_inputs(
        self, raw: Any, context: Any, strict: bool
    ) -> tuple[Iterator[Batch], UsableItems | None]:
        """Return inputs of the items that can be read, and which these are.

        Raises:
            DataError: None can be read.
        """
        found = None if strict else self.domain.usable(raw)
        if found is None or found.is_whole:
            return self.inputs(raw if found is None else found.items, context), found
        if not found.positions:
            raise DataError(f"there must be an item that can be read; {found.words}.")
        warnings.warn(
            f"no result for {found.count - len(found.positions)} of {found.count} items: "
            f"{found.words}. strict=True makes this an error.",
            stacklevel=5,
        )
        return batches_of(self._items_of(found, context), self.device), found

    def _items_of(self, found: UsableItems, context: Any) -> Items:
        """Return the items that can be read, each with its own context."""
        rows, domain = self.domain.prepare_input(found.items), self.domain
        prepared = _prepared(self.context, context, found.count)
        some = None if prepared is None else prepared[torch.as_tensor(found.positions)]
        return Items(rows, domain.encode, some, domain.observed(rows), domain.lengths(rows))

    def usable_batches(self, found: UsableItems, context: Any = None) -> Iterator[Batch]:
        """Return inputs of the items that can be read; arguments as of `encode_usable`."""
        return batches_of(self._items_of(found, context), self.device)

    @torch.no_grad()
    def encode_usable(
        self, found: UsableItems, context: Any = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return posterior means of the items that can be read, and the context of each.

        Args:
            found: Of `Domain.usable`.
            context: Labels or properties of all items that were given, if the model is conditional.
        """
        items = self._items_of(found, context)
        z = torch.cat([self.vae.encode(b.x, b.context) for b in batches_of(items, self.device)])
        return z, None if items.context is None else items.context.to(self.device)

    @torch.no_grad()
    def decode(self, z: Any, context: Any = None) -> Any:
        """Return items for latents of shape (n, latent).

        Raises:
            DataError: Latents of another shape, or not finite.
        """
        z = torch.as_tensor(np.asarray(z, dtype=np.float32), device=self.device)
        size = self.vae.latent_dim
        if z.dim() != 2 or z.shape[1] != size or not len(z):
            raise DataError(f"latents must have shape (n, {size}); got {tuple(z.shape)}.")
        if not torch.isfinite(z).all():
            raise DataError("latents must be finite; got NaN or infinity.")
        return self._show(z, self.rows(context, len(z)))

    @torch.no_grad()
    def reconstruct(self, raw: Any, context: Any = None, strict: bool = True) -> Any:
        """Encode and decode; of items that cannot be read ``None``, see `encode`."""
        batches, found = self._readable_inputs(raw, context, strict)
        vae = self.vae
        x = [vae.show(vae.encode(b.x, b.context), b.context) for b in batches]
        decoded = self.domain.decode(torch.cat(x))
        if found is None or found.is_whole:
            return decoded
        shown = dict(zip(found.positions, decoded, strict=True))
        return [shown.get(place) for place in range(found.count)]

    @torch.no_grad()
    def sample(
        self,
        n: int,
        context: Any,
        seed: int | None,
        prior: str,
        options: SamplingOptions = AS_LEARNED,
    ) -> Any:
        """Generate items; see `Autoencoder.sample`."""
        check_sample(self.domain, n)
        seed = None if seed is None else check_seed(seed)
        if prior not in ("fitted", "model"):
            raise SpecError(f"prior must be 'fitted' or 'model'; got {prior!r}.")
        rows = self.rows(context, int(n))
        if not isinstance(self.model, VAE):  # there is one way to sample only
            generator = make_generator(seed)

            def make(n: int, some: Tensor | None, how: SamplingOptions) -> Tensor:
                return self._sampled(n, some, generator, how)

            return self.domain.decode(self._drawn(torch.arange(int(n)), rows, options, make))

        def make_from_latents(n: int, some: Tensor | None, how: SamplingOptions) -> Tensor:
            z = self.vae.generate(n, some, fitted=prior == "fitted", options=how)
            return self.vae.finished(self._decoded(z, some, drawn=True), how)

        def draw(positions: Tensor) -> Tensor:
            return self._drawn(positions, rows, options, make_from_latents)

        with seeded(seed):
            return distinct_items(self.domain, int(n), draw)

    def _drawn(
        self, positions: Tensor, rows: Tensor | None, options: SamplingOptions, make: Make
    ) -> Tensor:
        """Return items at some places; of several candidates for each the one that fits best."""
        some, how = None if rows is None else rows[positions], options.at(positions)
        scorer, count = self.model.scorer, options.rerank
        if count == 1 or scorer is None:  # of codes the prior may choose
            return make(len(positions), some, how)
        context, how = check_rerank(some), replace(how, rerank=1)
        parts = []
        for index in torch.arange(len(positions)).split(max(1, _CHUNK // count)):
            each = index.repeat_interleave(count).to(context.device)
            x = make(len(each), context[each], how.at(each))
            scores = scorer(x, context[each]).view(-1, count)
            parts.append(x.unflatten(0, scores.shape)[torch.arange(len(index)), scores.argmax(1)])
        return torch.cat(parts)

    def _sampled(
        self, n: int, rows: Tensor | None, generator: torch.Generator, options: SamplingOptions
    ) -> Tensor:
        """Return items of a model without latents, a part at a time."""
        parts = [
            self._some(len(i), None if rows is None else rows[i], generator, options.at(i))
            for i in torch.arange(n).split(_CHUNK)
        ]
        return torch.cat(parts)

    def _some(
        self, n: int, rows: Tensor | None, generator: torch.Generator, options: SamplingOptions
    ) -> Tensor:
        if options == AS_LEARNED:  # a model of others may know of no options
            return self.model.sample(n, rows, generator=generator)
        return self.model.sample(n, rows, generator=generator, options=options)

    def prior_reader(self) -> ContextReader | None:
        """Return what reads the context for a prior that is to learn it by itself.

        So it is where the model leaves the context to its prior, and of captions.
        """
        leaves_it = isinstance(self.vae.reader, NoReader)
        if self.context is None or not (leaves_it or self.context.captions is not None):
            return None
        return self.context.reader()

    def log_prob(self, raw: Any, context: Any, draws: int, seed: int) -> Tensor:
        """Importance-weighted log p(x), nats per item.

        Raises:
            CompositionError: The model has no density.
        """
        missing = {"density", "normalised"} - self.vae.provides
        if missing:
            why = "latents are points" if "density" in missing else "likelihood is no density"
            raise CompositionError(
                f"score_samples needs a model with a density; this one's {why}. Use preset 'vae', "
                "or compare X with reconstruct(X)."
            )
        if not (isinstance(draws, int | np.integer) and 1 <= draws <= _MOST_DRAWS):
            raise SpecError(
                f"draws must be a whole number from 1 to {_MOST_DRAWS}; got {draws!r}. Take 64."
            )
        seed = check_seed(seed)
        generator = make_generator(seed)
        batches = self.batches(raw, context)
        return torch.cat([self._log_prob(batch, draws, generator) for batch in batches])

    def _log_prob(self, batch: Batch, draws: int, generator: torch.Generator) -> Tensor:
        found = self.vae.log_prob(
            batch.x, batch.context, observed=batch.observed, draws=draws, generator=generator
        )
        cost = self.domain.unknown_cost(batch.observed)
        return found if cost is None else found - cost.to(found)

    def interpolate(self, a: Any, b: Any, steps: int, path: str, context: Any) -> Any:
        """Return items on the way from each a to its b, shape (n, steps, ...)."""
        x = self.decoded_ways(a, b, steps, path, context)
        shown = self.domain.decode(x.flatten(0, 1))
        if isinstance(shown, np.ndarray | Tensor):
            return shown.reshape(*x.shape[:2], *shown.shape[1:])
        return shown  # a data frame has no third axis: its rows are the ways, one after another

    @torch.no_grad()
    def decoded_ways(self, a: Any, b: Any, steps: int, path: str, context: Any) -> Tensor:
        """Return the same as the networks see it, shape (n, steps, *event).

        Raises:
            DataError: Not as many items in b as in a.
            SpecError: Unknown path or too few steps.
            CompositionError: A geodesic of latents that are no real vectors.
        """
        start, end = self.encode(a, context), self.encode(b, context)
        wanted = 8 * len(start) * int(steps) * self.domain.num_features
        check_memory(f"steps={steps}", wanted, "Take fewer steps or ways.", SpecError)
        if len(start) != len(end):
            raise DataError(f"a and b must have as many items; got {len(start)} and {len(end)}.")
        rows = self.rows(context, len(start))
        z = self._ways(start, end, steps, path, rows)
        x = self._decoded(z.flatten(0, 1), _repeated(rows, steps))
        return x.reshape(*z.shape[:2], *x.shape[1:])

    def _ways(self, a: Tensor, b: Tensor, steps: int, path: str, rows: Tensor | None) -> Tensor:
        if path != "geodesic":
            return interpolate_latents(a, b, steps, path)
        check_vectors(self.vae, "path 'geodesic'", "Use path 'linear'.")
        positions = torch.arange(len(a), device=a.device).split(_WAYS_AT_ONCE)
        parts = [
            interpolate_latents(a[i], b[i], steps, path, self._mean(rows, i)) for i in positions
        ]
        return torch.cat(parts)

    def _mean(self, rows: Tensor | None, positions: Tensor) -> Decode:
        """The decoder in the context of some ways, for as many points of each as it is given."""
        some = None if rows is None else rows[positions]

        def decode(z: Tensor) -> Tensor:
            return self.vae.show(z, _repeated(some, len(z) // len(positions)))

        return decode

    def refit_prior(
        self, prior: str | FittedPrior | Vamp, raw: Any, context: Any, seed: int
    ) -> None:
        """Fit a prior to the latents of these items; see `Autoencoder.refit_prior`."""
        if isinstance(prior, str):
            reader = self.prior_reader()
            prior = get_prior(prior, self.vae, self.domain.event_shape, reader)
        generator = make_generator(seed)
        refit_prior(self.vae, self.inputs(raw, context), prior, generator=generator)

    def _show(self, z: Tensor, rows: Tensor | None) -> Any:
        return self.domain.decode(self._decoded(z, rows))

    @torch.no_grad()
    def _decoded(self, z: Tensor, rows: Tensor | None, drawn: bool = False) -> Tensor:
        show = self.vae.make if drawn else self.vae.show
        chunk = _ROWS_OF_TABLES if drawn and self.vae.likelihood.drawn else _CHUNK
        positions = torch.arange(len(z), device=z.device).split(chunk)
        return torch.cat([show(z[i], None if rows is None else rows[i]) for i in positions])


def as_items(
    domain: Domain,
    learned: Context | None,
    raw: Any,
    context: Any,
    is_input: bool = False,
    all_captions: bool = False,
) -> Items:
    """Raw data and context, checked, as a training set; or for encoding alone."""
    if isinstance(raw, Stream):
        np.asarray(raw)  # which says what to pass
    context = resolve_context(domain, raw, context)
    rows = domain.prepare_input(raw) if is_input else domain.prepare(raw)
    prepared = _prepared(learned, context, len(rows))
    if all_captions and learned is not None and context is not None and prepared is not None:
        prepared = prepare_context(learned, context, len(rows), prepared)
    return Items(rows, domain.encode, prepared, domain.observed(rows), domain.lengths(rows))


def prepare_context(
    learned: Context, context: Any, count: int, prepared: Tensor | None = None
) -> Tensor:
    """Return rows of context for training; of several captions of an item each a row.

    Args:
        learned: What was learned of the context.
        context: One for each item.
        count: Items.
        prepared: What `Context.prepare` makes of it, where that is there already.
    """
    first = learned.prepare(context, count) if prepared is None else prepared
    if learned.captions is None:
        return first
    every = learned.prepare_all(context)
    one_each = every.ndim < 3 or every.shape[1] == 1 or len(every) == 1
    return first if one_each else every


def resolve_context(domain: Domain, raw: Any, context: Any, must: bool = False) -> Any:
    """Return a context, where it is a column's name the column that lies beside the items.

    Args:
        domain: Of the items.
        raw: The items, or a path to them.
        context: What the user gave.
        must: Whether one word must be a column's name; else it may be a label of all items.
    """
    if not isinstance(context, str):
        return context
    found = domain.read_metadata_columns(raw, context.split(","), must)
    return context if found is None else found


def batches_of(items: TrainingSet, device: torch.device) -> Iterator[Batch]:
    """Yield a set cut into encoded batches, one in memory at a time."""
    for index in torch.arange(len(items)).split(_CHUNK):
        yield items.batch(index, device)


_AT_ONCE = 64


def _joined(parts: Iterator[Tensor]) -> Tensor:
    """Return parts one behind the other; of many small ones some are joined at a time.

    Small ones lie apart in memory, which stays taken when they are let go.
    """
    joined: list[Tensor] = []
    while some := list(itertools.islice(parts, _AT_ONCE)):
        joined.append(torch.cat(some))
    return torch.cat(joined) if len(joined) > 1 else joined[0]


def _prepared(learned: Context | None, context: Any, count: int | None) -> Tensor | None:
    if learned is None and context is not None:
        raise DataError(
            "this model was fitted without a context and takes none; leave context= out, or fit "
            "again with it."
        )
    if learned is None:
        return None
    if context is None:
        return learned.missing(1 if count is None else count)
    return learned.prepare(context, count)


def _repeated(rows: Tensor | None, times: int) -> Tensor | None:
    return None if rows is None else rows.repeat_interleave(times, dim=0)


def as_classes(labels: Any, count: int) -> NDArray[Any] | None:
    """Return one whole number or text per item, shape (count,); ``None`` stays ``None``.

    Raises:
        DataError: Of another shape or kind.

    Example:
        >>> as_classes([["cat"], ["dog"]], 2).tolist()
        ['cat', 'dog']
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    array = array.astype(str) if array.dtype.kind == "O" else array
    if array.shape != (count,) or array.dtype.kind not in "biuUS":
        raise DataError(
            f"labels must be one class per item, whole numbers or text of shape ({count},); got "
            f"dtype {array.dtype} and shape {array.shape}. Pass one for each item."
        )
    return array

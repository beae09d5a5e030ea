"""The measures of an evaluation, each a function of what is evaluated."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaekit.errors import CompositionError, DataError, VaekitError
from vaekit.evaluation.settings import LATENT_ITEMS, LIKELIHOOD_ITEMS, RECONSTRUCTION_ITEMS
from vaekit.evaluation.subject import EvaluationContext
from vaekit.fitting.trained import TrainedModel
from vaekit.likelihoods.elementwise import Bernoulli, Categorical, DiscretizedLogistic
from vaekit.likelihoods.tokens import Tokens
from vaekit.metrics.clusters import codebook_usage
from vaekit.metrics.disentangled import disentanglement
from vaekit.metrics.latents import latent_information
from vaekit.metrics.likelihoods import (
    Estimate,
    annealed_log_likelihood,
    bits_per_dim,
    elbo_estimate,
    log_likelihood,
)
from vaekit.metrics.reconstructions import Smoothness, reconstruction_quality, smoothness
from vaekit.metrics.sample_quality import frechet_distance, prdc, sharpness_ratio
from vaekit.models.vae import VAE
from vaekit.randomness import seeded


@dataclass(frozen=True)
class ReportRow:
    """A number with what it needs to be understood, or the reason why there is none.

    Attributes:
        measure: What was measured.
        value: The number; ``None`` where there is none, and then `note` says why.
        unit: Of the value and its error; empty for shares and ratios.
        standard_error: Of a mean over items; ``None`` where it is not known.
        items: How many items it was measured on.
        source: Whose samples, where a measure is taken of several.
        note: How to read the number, or why there is none.
        parts: What the value is made of, for instance one number per latent.
        group: Filled in by `Measure`.

    Example:
        >>> ReportRow("ELBO", -90.0, "nats", standard_error=0.5, items=1000).interval
        (-90.9799..., -89.0200...)
    """

    measure: str
    value: float | None
    unit: str = ""
    standard_error: float | None = None
    items: int | None = None
    source: str = ""
    note: str = ""
    parts: tuple[float, ...] | None = None
    group: str = ""

    @classmethod
    def of(cls, measure: str, estimate: Estimate, note: str = "") -> "ReportRow":
        """Return a mean over items, in nats, with its standard error."""
        error, items = estimate.standard_error, estimate.items
        return cls(measure, estimate.mean, "nats", error, items, note=note)

    @property
    def name(self) -> str:
        """Measure and source in one."""
        return f"{self.measure}, {self.source}" if self.source else self.measure

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval; ``None`` without a standard error."""
        if self.value is None or self.standard_error is None:
            return None
        return Estimate(self.value, self.standard_error, self.items or 0).interval()

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; numbers that JSON cannot say become ``None``."""
        values = {key: _plain(value) for key, value in asdict(self).items()}
        return values | {"interval": _plain(self.interval)}


@dataclass(frozen=True)
class Measure:
    """A function that makes some rows of one group.

    Attributes:
        group: Which part of the evaluation the rows belong to.
        name: What is measured, for progress and refusals.
        of: Makes the rows; an error of this package is a refusal.
    """

    group: str
    name: str
    of: Callable[[EvaluationContext], list[ReportRow]]

    def rows(self, subject: EvaluationContext) -> list[ReportRow]:
        """The rows; one with the reason where the model or the data do not allow the measure."""
        try:
            rows = self.of(subject)
        except VaekitError as refusal:
            rows = [ReportRow(self.name, None, note=str(refusal))]
        return [replace(row, group=self.group) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_NAMES = {
    "mutual_information_gap": "mutual information gap",
    "disentanglement": "DCI disentanglement",
    "completeness": "DCI completeness",
    "informativeness": "DCI informativeness",
    "sap": "SAP",
    "modularity": "modularity",
    "factor_vae": "FactorVAE score",
}


def scores(subject: EvaluationContext) -> list[ReportRow]:
    """Return all scores of the posterior means."""
    if subject.factors is None:
        raise DataError("needs the factors that made the items, one row per item (--factors).")
    codes = subject.codes
    factors = torch.from_numpy(subject.factors[: len(codes)])
    found = asdict(disentanglement(codes, factors, subject.settings.seed))
    return [ReportRow(name, found[key], items=len(codes)) for key, name in _NAMES.items()]


def health(subject: EvaluationContext) -> list[ReportRow]:
    """KL per latent, active units, and the log density of encoded items under both priors."""
    health = subject.health
    size, items = len(health.mean_variance), health.items
    priors = {"model prior": health.prior_log_density, "fitted prior": health.fitted_log_density}
    return [
        _kl(health.kl_per_latent, items),
        ReportRow(
            "active units", health.active_units, f"of {size}", items=items, note=_warning(subject)
        ),
        *(_under(subject, name, density) for name, density in priors.items()),
    ]


def information(subject: EvaluationContext) -> list[ReportRow]:
    """Return the mean KL taken apart."""
    with seeded(subject.settings.seed):
        found = latent_information(subject.vae, subject.batches(LATENT_ITEMS))
    most = f"at most log(items), {math.log(found.items):.1f}; an underestimate near it"
    marginals = found.kl_per_latent
    misfit = None if marginals is None else sum(marginals)
    values = {
        "mean KL of posteriors to the prior": (found.rate, "the sum of the next two"),
        "mutual information of items and latents": (found.mutual_information, most),
        "KL of the aggregate posterior to the prior": (found.aggregate_kl, "the prior's misfit"),
        "of it total correlation": (found.total_correlation, ""),
        "of it KL of single latents, summed": (misfit, ""),
    }
    rows = [_information(name, *value, found.items) for name, value in values.items()]
    return [*rows[:-1], replace(rows[-1], parts=marginals)]


def code_usage(subject: EvaluationContext) -> list[ReportRow]:
    """Return how much of a codebook the items use."""
    count = subject.vae.latent.num_codes
    if not count:
        raise CompositionError("the latents of this model are real numbers, not codes.")
    usage = codebook_usage(subject.code_numbers, count)
    tokens, items = len(usage.used_per_token), usage.items
    note = f"{count} codes, {tokens} per item; all places together"
    return [
        ReportRow("codes used", usage.used, items=items, note=note, parts=usage.used_per_token),
        ReportRow(
            "perplexity of codes",
            usage.perplexity,
            f"of {count}",
            items=items,
            parts=usage.perplexity_per_token,
        ),
    ]


def _information(name: str, value: float | None, note: str, items: int) -> ReportRow:
    if value is None:
        return ReportRow(
            name, None, note="needs Gaussian posteriors, and a prior with single latents"
        )
    return ReportRow(name, value, "nats", items=items, note=note)


def _kl(kl: tuple[float, ...] | None, items: int) -> ReportRow:
    name = "KL of latents to the prior, summed"
    if kl is None:
        return ReportRow(name, None, note="needs Gaussian posteriors in flat space")
    return ReportRow(
        name, sum(kl), "nats", items=items, note="each latent's in evaluation.json", parts=kl
    )


def _warning(subject: EvaluationContext) -> str:
    """What the health says, for posteriors that may collapse; codes have a measure of their own."""
    return "" if subject.vae.latent.num_codes else subject.health.warning or ""


def _under(subject: EvaluationContext, prior: str, density: float | None) -> ReportRow:
    name = f"log density of encoded items, {prior}"
    if density is None:
        why = "none was fitted, or its density does not compare with the model's"
        return ReportRow(name, None, note=why)
    note = "log-probability of their codes" if subject.vae.latent.num_codes else ""
    return ReportRow(name, density, "nats", items=subject.health.items, note=note)


_ELBO_DRAWS = 8
_LEVELS = 256


def elbo(subject: EvaluationContext) -> list[ReportRow]:
    """Return the evidence lower bound with weight 1 on the KL."""
    vae = _with_density(subject)
    draws, batches = min(_ELBO_DRAWS, subject.settings.draws), subject.batches(LIKELIHOOD_ITEMS)
    bound = elbo_estimate(vae, batches, draws=draws, generator=subject.generator())
    return [ReportRow.of("ELBO", bound, note=_nature(subject))]


def importance_bound(subject: EvaluationContext) -> list[ReportRow]:
    """Return the importance-weighted bound, and what it is in bits per value."""
    bound, draws = _bound(subject, LIKELIHOOD_ITEMS), subject.settings.draws
    row = ReportRow.of(f"IWAE-{draws} bound", bound, note=_nature(subject))
    return [row, _in_bits(subject, row)]


def annealed(subject: EvaluationContext) -> list[ReportRow]:
    """Annealed importance sampling on a few items, beside the bound on the same items."""
    vae, settings = _with_density(subject), subject.settings
    name = "annealed importance sampling"
    if not settings.annealed:
        return [ReportRow(name, None, note="off by default; ask for some items (--annealed 20)")]
    generator = subject.generator()
    values = [
        annealed_log_likelihood(vae, batch, steps=settings.annealing_steps, generator=generator)
        for batch in subject.batches(settings.annealed)
    ]
    beside = ReportRow.of(
        f"IWAE-{settings.draws} bound, same items", _bound(subject, settings.annealed)
    )
    return [ReportRow.of(name, Estimate.of(torch.cat(values).cpu()), note=_nature(subject)), beside]


def _bound(subject: EvaluationContext, items: int) -> Estimate:
    draws, batches = subject.settings.draws, subject.batches(items)
    vae = _with_density(subject)
    return log_likelihood(vae, batches, draws=draws, generator=subject.generator())


def _with_density(subject: EvaluationContext) -> VAE:
    """Return the model, if log p(x) has a meaning."""
    vae = subject.vae
    if "density" not in vae.provides:
        raise CompositionError(
            "this model's latents are points, without the density that a bound of log p(x) needs."
        )
    if "normalised" not in vae.provides:
        raise CompositionError(
            f"{type(vae.likelihood).__name__} is an energy and no density, so there is no log p(x)."
        )
    return vae


def _in_bits(subject: EvaluationContext, row: ReportRow) -> ReportRow:
    """Return the same bound in bits for each value of an item; its error shrinks alike."""
    assert row.value is not None
    assert row.standard_error is not None
    values, levels = subject.trained.domain.num_features, _levels(subject)
    error = bits_per_dim(-row.standard_error, values, levels=1)
    value = bits_per_dim(row.value, values, levels)
    return replace(
        row,
        measure="bits per dimension",
        value=value,
        unit="bits",
        standard_error=error,
        note=_explained(subject),
    )


def _is_discrete(subject: EvaluationContext) -> bool:
    return isinstance(
        subject.vae.likelihood, Bernoulli | Categorical | DiscretizedLogistic | Tokens
    )


def _levels(subject: EvaluationContext) -> int:
    """How many levels were scaled to 0 ... 1, if densities of them are to become probabilities."""
    return _LEVELS if subject.are_images and not _is_discrete(subject) else 1


def _nature(subject: EvaluationContext) -> str:
    """Return what is to be known about log p(x) under this likelihood."""
    if isinstance(subject.vae.likelihood, Bernoulli) and not _are_binary(subject):
        return "no density (Bernoulli on grey values): compare with the same likelihood only"
    return "log-probability" if _is_discrete(subject) else "log density"


def _explained(subject: EvaluationContext) -> str:
    """Return how log p(x) was turned into bits."""
    nature = _nature(subject)
    if _is_discrete(subject):
        return nature
    if subject.are_images:
        return f"{nature} of {_LEVELS} levels from 0 to 1, to which no noise was added"
    return f"{nature} of the scaled columns: compare at the same scaling only; may be negative"


def _are_binary(subject: EvaluationContext) -> bool:
    return all(_is_binary(batch.x) for batch in subject.batches(LIKELIHOOD_ITEMS))


def _is_binary(x: Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())


def reconstruction(subject: EvaluationContext) -> list[ReportRow]:
    """Squared error, and for images their similarity."""
    items = subject.some(RECONSTRUCTION_ITEMS)
    quality = reconstruction_quality(subject.x(items), subject.reconstructed(items))
    scale = "values from 0 to 1" if subject.are_images else "columns as scaled for the networks"
    similarities = {"PSNR": quality.psnr, "SSIM": quality.ssim, "MS-SSIM": quality.ms_ssim}
    return [
        ReportRow("squared error per value", quality.mse, items=quality.items, note=scale),
        *(_similarity(name, value, quality.items) for name, value in similarities.items()),
    ]


def _similarity(name: str, value: float | None, items: int) -> ReportRow:
    if value is None:
        return ReportRow(name, None, note="of images only")
    note = "infinite: some image is given back exactly" if value == float("inf") else ""
    return ReportRow(name, value, "dB" if name == "PSNR" else "", items=items, note=note)


SOURCES: dict[str, Callable[[EvaluationContext], Tensor]] = {
    "samples": lambda subject: subject.reference_samples,
    "model prior": lambda subject: subject.drawn_from_prior(subject.reference),
    "reconstructions": lambda subject: subject.reconstructed(subject.others),
    "real items": lambda subject: subject.x(subject.others),
}
"""What is compared with the reference: what ``sample`` gives (of a VAE, from its fitted prior); the
same from the model's own prior, so that the gap shows; reconstructions; other real items. Those are
the floor, what a perfect model would reach. Reconstructions are of the others, not of the
reference, lest each be its item's neighbour."""


def describe_features(subject: EvaluationContext) -> list[ReportRow]:
    """Return what samples are compared by, and how many."""
    features, n, learned = subject.features, subject.compared, len(subject.learned_from)
    source = f"learnt from {learned} other items" if learned else "given"
    note = f"{features.name}, {source}; {n} samples with {n} real items"
    if features.accuracy is None:
        return [ReportRow("features", None, items=n, note=note)]
    return [
        ReportRow("accuracy of the features' classifier", features.accuracy, items=n, note=note)
    ]


def compare(subject: EvaluationContext, source: str) -> list[ReportRow]:
    """Return all figures of one kind of samples.

    Args:
        subject: What is evaluated.
        source: A key of `SOURCES`.
    """
    x = SOURCES[source](subject)
    mapped = subject.features(x)
    figures = (
        Measure("", "Frechet distance", lambda subject: _frechet(subject, mapped)),
        Measure("", "precision, recall, density, coverage", lambda s: _neighbors(s, mapped)),
        Measure("", "sharpness", lambda subject: _sharpness(subject, x)),
    )
    rows = [row for figure in figures for row in figure.rows(subject)]
    return [replace(row, source=source) for row in rows]


def _frechet(subject: EvaluationContext, mapped: Tensor) -> list[ReportRow]:
    distance = frechet_distance(subject.reference_features, mapped)
    return [_compared(subject, "Frechet distance", distance)]


def _neighbors(subject: EvaluationContext, mapped: Tensor) -> list[ReportRow]:
    figures = asdict(prdc(subject.reference_features, mapped, subject.settings.k))
    return [_compared(subject, name, value) for name, value in figures.items()]


def _compared(subject: EvaluationContext, name: str, value: float) -> ReportRow:
    """Figures compare only on the same features, so each names them."""
    return ReportRow(name, value, items=subject.compared, note=subject.features.name)


def _sharpness(subject: EvaluationContext, x: Tensor) -> list[ReportRow]:
    if not subject.are_images:
        raise DataError("sharpness is of images only.")
    return [ReportRow("sharpness", sharpness_ratio(subject.x(subject.reference), x), items=len(x))]


def interpolation_smoothness(
    trained: TrainedModel,
    a: Any,
    b: Any,
    *,
    steps: int = 51,
    path: str = "linear",
    context: Any = None,
) -> Smoothness:
    """Measure decoded ways between pairs of items; best of items that the model has not seen.

    Distances are those of items as the networks see them: 0 to 1 for images, standardised for
    tables.

    Args:
        trained: The model.
        a: Items where the ways begin, at least two.
        b: As many items, where they end.
        steps: Points on each way, both ends included.
        path: ``"linear"``, ``"spherical"`` or ``"geodesic"``.
        context: Labels or properties, one for each way.

    Raises:
        DataError: Not as many items in b as in a, fewer than two, or ends that decode alike.
        SpecError: Unknown path or too few steps.
        CompositionError: The model has no latents.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> images = digits().images
        >>> model = Autoencoder(latent_dim=4, max_epochs=3, progress=False).fit(images)
        >>> found = interpolation_smoothness(model.trained_, images[:9], images[9:18])
        >>> found.length.mean >= 1, found.length.items
        (True, 9)
    """
    return smoothness(trained.decoded_ways(a, b, steps, path, context))

"""The state of the latents: what they know, and how well the priors fit them."""

import math
from dataclasses import replace

from vaekit.errors import CompositionError
from vaekit.metrics import codebook_usage, latent_information
from vaekit.randomness import seeded
from vaekit.tasks.evaluation.rows import Row
from vaekit.tasks.evaluation.settings import LATENT_ITEMS
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["code_usage", "health", "information"]


def health(subject: Subject) -> list[Row]:
    """KL per latent, active units, and the log density of encoded items under both priors."""
    health = subject.health
    size, items = len(health.mean_variance), health.items
    priors = {"model prior": health.prior_log_density, "fitted prior": health.fitted_log_density}
    return [
        _kl(health.kl_per_latent, items),
        Row("active units", health.active_units, f"of {size}", items=items, note=_warning(subject)),
        *(_under(subject, name, density) for name, density in priors.items()),
    ]


def information(subject: Subject) -> list[Row]:
    """The mean KL taken apart."""
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


def code_usage(subject: Subject) -> list[Row]:
    """How much of a codebook the items use."""
    count = subject.vae.latent.num_codes
    if not count:
        raise CompositionError("the latents of this model are real numbers, not codes.")
    usage = codebook_usage(subject.code_numbers, count)
    tokens, items = len(usage.used_per_token), usage.items
    note = f"{count} codes, {tokens} per item; all places together"
    return [
        Row("codes used", usage.used, items=items, note=note, parts=usage.used_per_token),
        Row(
            "perplexity of codes",
            usage.perplexity,
            f"of {count}",
            items=items,
            parts=usage.perplexity_per_token,
        ),
    ]


def _information(name: str, value: float | None, note: str, items: int) -> Row:
    if value is None:
        return Row(name, None, note="needs Gaussian posteriors, and a prior with single latents")
    return Row(name, value, "nats", items=items, note=note)


def _kl(kl: tuple[float, ...] | None, items: int) -> Row:
    name = "KL of latents to the prior, summed"
    if kl is None:
        return Row(name, None, note="needs Gaussian posteriors in flat space")
    return Row(
        name, sum(kl), "nats", items=items, note="each latent's in evaluation.json", parts=kl
    )


def _warning(subject: Subject) -> str:
    """What the health says, for posteriors that may collapse; codes have a measure of their own."""
    return "" if subject.vae.latent.num_codes else subject.health.warning or ""


def _under(subject: Subject, prior: str, density: float | None) -> Row:
    name = f"log density of encoded items, {prior}"
    if density is None:
        why = "none was fitted, or its density does not compare with the model's"
        return Row(name, None, note=why)
    note = "log-probability of their codes" if subject.vae.latent.num_codes else ""
    return Row(name, density, "nats", items=subject.health.items, note=note)

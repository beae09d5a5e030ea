"""Ways from noise to data, and solvers along them, by name."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaekit.errors import SpecError, unknown_name

Path = Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
"""Times from 0 (noise) to 1 (data) -> share of the data, share of the noise, and their rates."""


def _straight(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a straight line from a draw of noise to an item (Lipman et al. 2023, eq. 20-23)."""
    return t, 1 - t, torch.ones_like(t), -torch.ones_like(t)


def _diffusion(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a quarter of a circle, on which the variance of standardised data stays 1.

    This is the variance-preserving diffusion with the cosine schedule (Nichol & Dhariwal 2021,
    eq. 17, without its offset).
    """
    angle, rate = math.pi / 2 * t, math.pi / 2
    return angle.sin(), angle.cos(), rate * angle.cos(), -rate * angle.sin()


PATHS: dict[str, Path] = {"diffusion": _diffusion, "straight": _straight}
"""Paths by name."""


def find_path(name: str) -> Path:
    """Return the path of that name.

    Raises:
        SpecError: No path has it.

    Example:
        >>> [share.item() for share in find_path("straight")(torch.tensor(0.25))[:2]]
        [0.25, 0.75]
    """
    if name not in PATHS:
        raise unknown_name("path", name, PATHS)
    return PATHS[name]


TIMES: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda u: u,
    "logit_normal": lambda u: torch.special.ndtri(u).sigmoid(),
}
"""Quantile functions of the times to learn from, by name; ``"logit_normal"`` looks most at the
middle of the way, where the velocity is hardest to tell (Esser et al. 2024, section 3.1)."""


def draw_times(name: str, like: Tensor) -> Tensor:
    """Return a time for each row of a tensor, shape (rows, 1), from the global random stream.

    One from each of as many equally likely intervals, so that a loss over them varies less.

    Raises:
        SpecError: Unknown times.

    Example:
        >>> draw_times("logit_normal", torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    if name not in TIMES:
        raise unknown_name("times", name, TIMES)
    positions = torch.arange(len(like), device=like.device) + torch.rand(
        len(like), device=like.device
    )
    return TIMES[name](positions / len(like)).clamp(_EDGE, 1 - _EDGE).unsqueeze(-1)


Field = Callable[[Tensor, Tensor], Tensor]
"""Points (batch, *event) and a time, a number without axes -> their velocities."""

Between = Callable[[Tensor, Tensor], Tensor]
"""Points that a step has reached, and the time there -> the points to go on from."""

_EDGE = 1e-4


def solve(
    name: str,
    field: Field,
    path: Path,
    x: Tensor,
    times: Tensor,
    between: Between | None = None,
) -> Tensor:
    """Follow a velocity field.

    Args:
        name: Of the solver; see `SOLVERS`.
        field: The mean velocity of points on the way.
        path: The way; see `vaekit.distributions.solvers`.
        x: Points at the first time, shape (batch, *event).
        times: Rising from 0 (noise) to 1 (data) at most; a step from each to the next.
        between: What to do with the points after each step.

    Raises:
        SpecError: No solver has that name.

    Example:
        >>> from vaekit.distributions.solvers import find_path
        >>> to_three = lambda x, t: (3.0 - x) / (1 - t)  # of data that are all 3
        >>> times = torch.linspace(0, 1, 4)
        >>> solve("euler", to_three, find_path("straight"), torch.zeros(1), times)
        tensor([3.])
    """
    step = find_solver(name)
    before: Ends | None = None
    for now, later in itertools.pairwise(times):
        # Nothing is left of the way; what is traced goes all of it, in times that have no values.
        if not torch.compiler.is_exporting() and later <= now:
            continue
        x, before = step(field, path, x, now, later, before)
        if between is not None:
            x = between(x, later)
    return x


Ends = tuple[Tensor, Tensor, Tensor]
"""The data and the noise that were expected at a time, and that time."""

Step = Callable[[Field, Path, Tensor, Tensor, Tensor, Ends | None], tuple[Tensor, Ends | None]]


def expected_ends(path: Path, x: Tensor, v: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return the data and the noise that a point and its velocity stand for.

    Args:
        path: The way.
        x: Points.
        v: Their velocities.
        t: The time.
    """
    a, s, da, ds = path(t)
    turn = a * ds - s * da  # never 0: both can be told from x and v
    return (ds * x - s * v) / turn, (a * v - da * x) / turn


def _euler(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """One velocity a step."""
    return x + (later - now) * field(x, now), None


def _heun(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """Two velocities a step, of which the mean is taken (Karras et al. 2022, algorithm 1)."""
    first = field(x, now)
    second = field(x + (later - now) * first, later)
    return x + (later - now) * (first + second) / 2, None


def _ddim(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """Data and noise as expected now, mixed as later (Song et al. 2021, eq. 12 with sigma 0)."""
    item, noise = expected_ends(path, x, field(x, now), now)
    a, s, _, _ = path(later)
    return a * item + s * noise, None


def _dpm(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """As `_ddim`, the data extended from two steps (Lu et al. 2022, DPM-Solver++, algorithm 2)."""
    item, noise = expected_ends(path, x, field(x, now), now)
    ends = (item, noise, now)
    (a, s, _, _), (next_a, next_s, _, _) = path(now), path(later)
    if before is not None and later < 1 - _EDGE:  # in the last step there is no next ratio
        gone, ahead = _log_ratio(path, now) - _log_ratio(path, before[2]), _log_ratio(path, later)
        item = item + (ahead - _log_ratio(path, now)) / gone / 2 * (item - before[0])
    return next_s / s * x + (next_a - next_s * a / s) * item, ends


def _log_ratio(path: Path, t: Tensor) -> Tensor:
    a, s, _, _ = path(t.clamp(_EDGE, 1 - _EDGE))
    return (a / s).log()


def _multistep(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """As `_ddim`, both ends extended to the middle of the step, in time."""
    ends = torch.stack(expected_ends(path, x, field(x, now), now))
    middle = ends
    if before is not None:
        ahead = (later - now) / (now - before[2]) / 2
        middle = ends + ahead * (ends - torch.stack(before[:2]))
    (a, s, _, _), (next_a, next_s, _, _) = path(now), path(later)
    x = x + (next_a - a) * middle[0] + (next_s - s) * middle[1]
    return x, (ends[0], ends[1], now)


def _runge_kutta(
    field: Field, path: Path, x: Tensor, now: Tensor, later: Tensor, before: Ends | None
) -> tuple[Tensor, Ends | None]:
    """Four velocities a step: the classical method of fourth order."""
    h = later - now
    a = field(x, now)
    b = field(x + h / 2 * a, now + h / 2)
    c = field(x + h / 2 * b, now + h / 2)
    d = field(x + h * c, later)
    return x + h / 6 * (a + 2 * b + 2 * c + d), None


SOLVERS: dict[str, Step] = {
    "ddim": _ddim,
    "dpm++2m": _dpm,
    "euler": _euler,
    "heun": _heun,
    "multistep": _multistep,
    "rk4": _runge_kutta,
}
"""Solvers by name. ``"heun"`` calls the network twice a step, ``"rk4"`` four times."""


STEERING = frozenset({"guidance", "negative", "steps", "solver", "start", "strength", "mask"})
"""Names of the `SamplingOptions` that whatever follows a velocity field knows."""


def begin_from(
    noise: Tensor,
    times: Tensor,
    path: Path,
    known: Tensor | None,
    strength: float,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Between | None]:
    """Return the points and times to begin with, and what keeps known places as they are.

    Args:
        noise: Shape (batch, *event).
        times: Those from noise to data.
        path: The way between.
        known: Items to begin from; ``None`` begins from noise.
        strength: The share of the way that is gone, from 0 to 1.
        mask: Where items are made anew, 1, and where they stay, 0; ``None`` for everywhere.

    Raises:
        SpecError: A strength outside [0, 1], or a mask or strength without items.

    Source: Meng et al. 2022, "SDEdit", algorithm 1; Lugmayr et al. 2022, "RePaint", eq. 8.
    """
    if not 0 <= strength <= 1:
        raise SpecError(f"strength must be from 0 to 1; got {strength}.")
    if known is None:
        if mask is not None or strength != 1:
            raise SpecError("strength and mask need items to begin from; pass init=.")
        return noise, times, None
    first = 1 - strength
    times = first + strength * times  # as many steps, on what is left of the way
    a, s, _, _ = path(times[0])
    if mask is None:
        return a * known + s * noise, times, None

    def keep(x: Tensor, t: Tensor) -> Tensor:
        a, s, _, _ = path(t)
        return torch.where(mask > 0, x, a * known + s * noise)

    return keep(a * known + s * noise, times[0]), times, keep


def find_solver(name: str) -> Step:
    """Return the solver of that name.

    Raises:
        SpecError: No solver has it.
    """
    if name not in SOLVERS:
        raise unknown_name("solver", name, SOLVERS)
    return SOLVERS[name]

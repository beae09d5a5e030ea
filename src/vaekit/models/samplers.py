"""Models without an encoder: diffusion, flow matching and the generator of a GAN."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from vaekit.bounds import Iterations
from vaekit.distributions.solvers import STEERING, begin_from, find_path, solve
from vaekit.errors import SpecError
from vaekit.likelihoods.base import Likelihood
from vaekit.models.vae import Model, checked_context, refuse_options, vector_of
from vaekit.networks.context import ContextReader, NetworkContext, conditioning_from, guided_field
from vaekit.networks.scorers import TagScorer
from vaekit.randomness import seeded
from vaekit.types import AS_LEARNED, SamplingOptions

_RISE = 2.0  # power of the share of the steps at which times rise from noise to items


class Diffusion(Model):
    """A velocity field that carries noise at time 0 to items at time 1.

    On the way x(t) = a(t) item + s(t) noise, and a network learns the mean velocity of x. From
    position and velocity follow the item and the noise that it expects, and with them each step
    of the sampler: like DDIM, but of second order, as what two calls of the network expected is
    extended to the middle of the step. Steps are shorter near the noise, where little is settled
    and much changes.

    Args:
        network: (x, time, context) -> velocity; x (batch, *event), time (batch, 1).
        shape: Shape of one item.
        path: ``"diffusion"`` (DDPM with a cosine schedule, the network says v) or
            ``"straight"`` (flow matching).
        steps: Calls of the network per sample; more are finer and slower.
        context_dim: Size of the context; 0 for an unconditional model.
        reader: What reads the context, of that size; the network is told what it says. ``None``
            tells it the context as it is.
        scorer: What tells how well items fit a caption.

    Source: Ho et al. 2020, "Denoising diffusion probabilistic models"; Song et al. 2021,
    "Denoising diffusion implicit models", eq. 12 with sigma 0; Lu et al. 2022, "DPM-Solver++",
    section 4.2 (second order by two calls; there in the logarithm of the ratio of item to noise,
    here in time); Salimans & Ho 2022, "Progressive
    distillation", appendix D (v); Lipman et al. 2023, "Flow matching for generative modeling".

    Example:
        >>> from vaekit import networks
        >>> model = Diffusion(networks.DenoisingMLP((4,), (8,)), (4,), steps=5)
        >>> model.sample(3).shape
        torch.Size([3, 4])
    """

    location: Tensor
    scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        shape: Sequence[int],
        path: str = "diffusion",
        steps: Iterations = 20,
        context_dim: int = 0,
        reader: ContextReader | None = None,
        scorer: TagScorer | None = None,
    ) -> None:
        super().__init__(scorer)
        if steps < 1:
            raise SpecError(f"steps must be at least 1; got {steps}.")
        find_path(path)
        self.network = network
        self.shape = tuple(shape)
        self.path = path
        self.steps = steps
        self.context_dim = context_dim
        self.reader = reader
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    @property
    def provides(self) -> frozenset[str]:
        """A velocity field."""
        return frozenset({"velocity"})

    def standardize(self, x: Shaped[Tensor, "batch *event"]) -> Float[Tensor, "batch *event"]:
        """Return items with mean 0 and deviation 1, as the network sees them."""
        return (x - self.location) / self.scale

    def start_from(self, x: Shaped[Tensor, "batch *event"]) -> None:
        """Take mean and deviation from some items."""
        self.location, self.scale = x.mean(), x.std().clamp_min(1e-6)

    def velocity(
        self,
        x: Float[Tensor, "batch *event"],
        t: Float[Tensor, "batch 1"],
        context: Tensor | None = None,
    ) -> Float[Tensor, "batch *event"]:
        """Return the mean velocity at standardised points and times.

        It is that of data from N(0, I), plus what the network adds; the network sees points, and
        adds velocities, of variance 1. So it need not learn to pass on fine detail unchanged.
        """
        context = checked_context(context, self.context_dim)
        return self._velocity(x, t, conditioning_from(self.reader, context, self.network))

    def _velocity(self, x: Tensor, t: Tensor, told: NetworkContext) -> Tensor:
        a, s, da, ds = (v.view(-1, *[1] * (x.dim() - 1)) for v in find_path(self.path)(t))
        variance = a.square() + s.square()
        added: Tensor = self.network(x / variance.sqrt(), t, told)
        turn = (a * ds - s * da).abs()
        return (a * da + s * ds) / variance * x + turn / variance.sqrt() * added.float()

    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        steps: int | None = None,
        options: SamplingOptions = AS_LEARNED,
    ) -> Tensor:
        """Generate items.

        Args:
            n: How many.
            context: One row per item, for conditional models.
            generator: Source of randomness; ``None`` uses fresh entropy.
            steps: In place of the model's own, and of those of the options.
            options: How they are drawn.
        """
        refuse_options(options, STEERING, "diffusion models")
        context = checked_context(context, self.context_dim)
        path = find_path(self.path)
        with seeded(generator), torch.no_grad():
            field = guided_field(self._velocity, self.reader, context, self.network, options)
            x = torch.randn(n, *self.shape, device=self.location.device)
            times = torch.linspace(
                0, 1, (steps or options.steps or self.steps) + 1, device=x.device
            )
            times = times**_RISE
            known = None if options.start is None else self.standardize(options.start)
            x, times, keep = begin_from(x, times, path, known, options.strength, options.mask)
            x = solve(options.solver or "multistep", field, path, x, times, keep)
            made = x * self.scale + self.location
            if options.mask is None or options.start is None:
                return made
            return torch.where(options.mask > 0, made, options.start)


class GAN(Model):
    """Decodes noise into items; what a decoder is without an encoder.

    Its critic belongs to the objective and is left behind after training. There is no encoding,
    no reconstruction and no density: it only samples.

    Args:
        decoder: z, with the context appended, (batch, latent + context) -> features
            (batch, channels, *event).
        likelihood: How the features become items: its mean or mode is what is shown.
        latent_dim: Size of the noise.
        context_dim: Size of the context; 0 for an unconditional model.
        reader: What reads the context, of that size; the decoder is told its vector. ``None``
            tells it the context as it is.
        scorer: What tells how well items fit a caption.

    Source: Goodfellow et al. 2014, "Generative adversarial nets".

    Example:
        >>> from vaekit import likelihoods, networks
        >>> decoder = networks.MLPDecoder(2, (8,), (1, 4))
        >>> GAN(decoder, likelihoods.Bernoulli(), 2).sample(3).shape
        torch.Size([3, 4])
    """

    def __init__(
        self,
        decoder: nn.Module,
        likelihood: Likelihood,
        latent_dim: int,
        context_dim: int = 0,
        reader: ContextReader | None = None,
        scorer: TagScorer | None = None,
    ) -> None:
        super().__init__(scorer)
        self.decoder = decoder
        self.likelihood = likelihood
        self.latent_dim = latent_dim
        self.context_dim = context_dim
        self.reader = reader

    def conditioning(self, context: Tensor | None) -> Tensor | None:
        """Return what the decoder is told of rows of a context."""
        return vector_of(self.reader, checked_context(context, self.context_dim))

    @property
    def provides(self) -> frozenset[str]:
        """A generator; ``"smooth"`` if gradients reach its items."""
        return frozenset({"generator", "smooth"} if self.likelihood.smooth else {"generator"})

    def generate(
        self, z: Float[Tensor, "batch latent"], told: Tensor | None = None
    ) -> Shaped[Tensor, "batch *event"]:
        """Return the item of each noise, given what `told` returns."""
        z = z if told is None else torch.cat([z, told], dim=-1)
        features: Tensor = self.decoder(z).float()
        return self.likelihood.point(self.likelihood(features.unsqueeze(0))).squeeze(0)

    def noise(self, n: int, like: Tensor) -> Float[Tensor, "batch latent"]:
        """Standard normal noise, from the global stream, on the device of a tensor."""
        return torch.randn(n, self.latent_dim, device=like.device)

    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        options: SamplingOptions = AS_LEARNED,
    ) -> Tensor:
        """Generate items."""
        refuse_options(options, (), "a GAN")
        like = next(self.parameters())
        with seeded(generator), torch.no_grad():
            return self.generate(self.noise(n, like), self.conditioning(context))

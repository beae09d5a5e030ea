"""The front door: one estimator with scikit-learn's manners."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import sklearn.exceptions
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from torch import nn

from vaekit.domains.base import Domain
from vaekit.errors import NotFittedError, unknown_name
from vaekit.exports.bundle import export_model
from vaekit.exports.folders import ExportReport
from vaekit.fitting.conditional import sample_where
from vaekit.fitting.fine_tuning import fine_tune_model
from vaekit.fitting.fit import Fitted, Plan, fit_model
from vaekit.fitting.sampling import SamplingRequest, interpolate_contexts, sampling_options
from vaekit.fitting.trained import TrainedModel
from vaekit.hub.push import Shareable
from vaekit.likelihoods.base import Likelihood
from vaekit.metrics.latents import Health
from vaekit.presets.base import Preset
from vaekit.priors.base import FittedPrior
from vaekit.priors.density import Vamp
from vaekit.registry import get
from vaekit.schema import check_document
from vaekit.storage.loading import load_model
from vaekit.storage.runs import (
    RunFolder,
    options_from_json,
    options_to_json,
    read_run,
    reading,
    versions,
    write_run,
)
from vaekit.training.callbacks import Callback, CallbackList
from vaekit.training.config import TrainConfig, item_weights


class Autoencoder(Shareable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Any model of this package, fitted to your data.

    Args:
        preset: A name that ``vaekit models`` lists, ``"vae"`` for one; in Python also with
            options: ``presets.beta_vae(beta=4.0)``. ``"auto"`` takes ``"image_vae"`` for images
            and ``"vae"`` for everything else.
        latent_dim: Number of latents, at least 1; ``None`` takes what suits the preset, but at most
            half as many as an item has values.
        domain: ``"auto"``, ``"images"``, ``"arrays"``, ``"series"``, or a `Domain` with options.
        network: ``"auto"``, ``"mlp"``; for images ``"conv"``, ``"subpixel"``, ``"resnet"``, of
            ``"latent_diffusion"`` ``"spatial"``, ``"autoencoder_kl"``; for series
            ``"temporal_conv"``, ``"gru"``.
        network_size: ``"small"``, ``"medium"`` or ``"large"``.
        likelihood: ``"auto"``, a name in ``vaekit.domains.likelihood_names()``, or a `Likelihood`.
        encoder: Your own module, (batch, *event) -> (batch, features).
        decoder: Your own module, (batch, latent + context) -> (batch, channels, *event).
        first_stage: Of ``"latent_diffusion"``: the folder of an AutoencoderKL or AutoencoderTiny of
            the library diffusers (or of a pipeline with one), which is used as it is and not
            trained. ``None`` trains an autoencoder.
        text: How captions are read: ``"learned"`` (in words that the model learns from them),
            ``"wordllama"`` (in words that others have learned, so that prompts may have words never
            seen), or the folder of a text model of the library transformers. ``None`` where the
            context is none of captions.
        context_dropout: Share of items whose context is left untold in training, so that samples
            can be guided by it; ``None`` takes 0.1 of captions, and of models that are drawn from
            in steps (diffusion), else 0.
        checkpoint_dir: Folder for checkpoints and ``history.csv`` while training.
        resume: Go on from the checkpoint there, if there is one.
        max_epochs: Passes over the data; ``None`` takes as many as give about ``steps`` steps. This
            and all options from here on are those of `TrainConfig`.
        steps: About how many steps; ``None`` takes the preset's choice, or 2,400.
        max_minutes: Stop after this time, reading included (a tenth of it is trained however long
            that took). Where the sampling prior is a flow, a
            quarter of it is kept for that, and two fifths where latents are codes; the seconds that
            others take come on top.
        cpu_minutes: The same in time of the processors, of all threads of this process together,
            so that as much is learned however busy a shared machine is; in place of the other.
        batch_size: Items per step; ``None`` takes the preset's choice, or 128.
        learning_rate: Peak step size; ``None`` chooses it by the kind of network.
        warm_up: Share of steps in which it rises.
        weight_decay: AdamW's.
        gradient_clip: Largest gradient norm.
        ema: Decay of averaged weights; 0 for none, ``None`` for the preset's choice.
        validation: Share of items held out; ``None`` takes the preset's choice, or 0.1.
        patience: Epochs without improvement before stopping.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        devices: Number of devices of each machine.
        num_nodes: Number of machines; with ``torchrun`` both are known.
        strategy: ``"auto"``, ``"ddp"``, or ``"fsdp"`` for models beyond one card.
        seed: Seed of everything random.
        checkpoint_seconds: Time between checkpoints.
        tensorboard: Also log for TensorBoard.
        progress: Show a bar on a terminal, and lines elsewhere; ``None`` the bar alone.
        callbacks: `Callback` objects, called during the fit: to log it, look at it, stop it. They
            are neither stored nor copied.

    Attributes:
        model_: The trained model.
        domain_: What was learned about the data.
        context_: What was learned about the context; ``None`` without one.
        history_: One dict per epoch, nats per item.
        health_: `Health` of the latent space; ``None`` for models without latents.
        source_: Of a model that was loaded from the hub: its name there, with the commit; else
            ``None``.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=4, max_epochs=2, progress=False).fit(digits().images)
        >>> model.sample(3, seed=0).shape
        (3, 8, 8)
    """

    def __init__(
        self,
        preset: str | Preset = "auto",
        latent_dim: int | None = None,
        *,
        domain: str | Domain = "auto",
        network: str = "auto",
        network_size: str = "small",
        likelihood: str | Likelihood = "auto",
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        first_stage: str | Path | None = None,
        text: str | None = None,
        context_dropout: float | None = None,
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
        max_epochs: int | None = None,
        steps: int | None = None,
        max_minutes: float | None = None,
        cpu_minutes: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        warm_up: float = 0.05,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
        ema: float | None = None,
        validation: float | None = None,
        patience: int | None = None,
        precision: str = "fp32",
        device: str = "auto",
        devices: int = 1,
        num_nodes: int = 1,
        strategy: str = "auto",
        seed: int = 0,
        checkpoint_seconds: float = 30.0,
        tensorboard: bool = False,
        progress: bool | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self.preset = preset
        self.latent_dim = latent_dim
        self.domain = domain
        self.network = network
        self.network_size = network_size
        self.likelihood = likelihood
        self.encoder = encoder
        self.decoder = decoder
        self.first_stage = first_stage
        self.text = text
        self.context_dropout = context_dropout
        self.checkpoint_dir = checkpoint_dir
        self.resume = resume
        self.max_epochs = max_epochs
        self.steps = steps
        self.max_minutes = max_minutes
        self.cpu_minutes = cpu_minutes
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warm_up = warm_up
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.ema = ema
        self.validation = validation
        self.patience = patience
        self.precision = precision
        self.device = device
        self.devices = devices
        self.num_nodes = num_nodes
        self.strategy = strategy
        self.seed = seed
        self.checkpoint_seconds = checkpoint_seconds
        self.tensorboard = tensorboard
        self.progress = progress
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any = None, context: Any = None, sample_weight: Any = None) -> Self:
        """Learn the schema, train, fit the sampling prior, and examine the latents.

        Args:
            X: Images, a numeric table, a data set of PyTorch (of tuples the first part is the
                item), or a path to a file or folder of them.
            y: Ignored, as in scikit-learn.
            context: Labels, properties or captions (with ``text=``) to condition the model on; of a
                folder of images with a ``metadata.csv`` or ``.jsonl`` the name of a column, or of
                several with commas. Captions are texts, or lists of several for an item, and may be
                missing for some.
            sample_weight: How much each item counts, at least 0: one of weight 2 is trained on
                twice as often, one of weight 0 never. It also holds for the choice of the best
                weights and for the prior to sample from; columns and scales are learned from all
                items alike.

        Raises:
            VaekitError: Bad data (`DataError`), options (`SpecError`), parts
                (`CompositionError`), or training that diverged (`TrainingError`).
        """
        fitted = self._fit(X, context, sample_weight)
        with CallbackList(self.callbacks).ending(self, self.save):
            return self._take_over(fitted)

    def fit_inner(self, X: Any, context: Any = None, sample_weight: Any = None) -> Self:
        """Fit as part of another estimator, which calls `Callback.on_fit_end` itself.

        Args:
            X: As of `fit`.
            context: As of `fit`.
            sample_weight: As of `fit`.
        """
        return self._take_over(self._fit(X, context, sample_weight))

    def _fit(self, X: Any, context: Any, sample_weight: Any) -> Fitted:
        config = TrainConfig(**{f.name: getattr(self, f.name) for f in fields(TrainConfig)})
        plan = Plan(**{f.name: getattr(self, f.name) for f in fields(Plan)})
        return fit_model(
            plan,
            X,
            context,
            config,
            sample_weight=sample_weight,
            folder=self.checkpoint_dir,
            resume=self.resume,
            callbacks=self.callbacks,
        )

    def _take_over(self, fitted: Fitted) -> Self:
        self.health_ = fitted.health
        result = fitted.result
        notes: dict[str, Any] = {"seconds": result.seconds, "preset": str(fitted.preset)}
        if fitted.remarks:
            notes["remarks"] = dict(fitted.remarks)
        return self.from_trained(fitted.trained, result.history, notes)

    def from_trained(self, trained: TrainedModel, history: Any, notes: Mapping[str, Any]) -> Self:
        """Take over a model that was trained elsewhere, as `load` does."""
        self.trained_, self.history_, self.notes_ = trained, list(history), dict(notes)
        self.source_: str | None = None
        self.model_, self.domain_, self.context_ = trained.model, trained.domain, trained.context
        self.n_features_in_ = self.domain_.num_features
        self._n_features_out = getattr(self.model_, "latent_dim", None)  # diffusion has none
        if (names := self.domain_.feature_names) is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return self

    def transform(
        self, X: Any, context: Any = None, *, strict: bool = False
    ) -> NDArray[np.float32]:
        """Encode: the posterior mean of each item, shape (n, latent_dim), the same at every call.

        Args:
            X: Items of the kind seen in `fit`.
            context: Their labels or properties, if the model is conditional.
            strict: Of molecules: whether one that cannot be read is an error; else its row is NaN,
                and one warning counts such rows. Bad items of other kinds are always errors.
        """
        return self._fitted("transform").encode(X, context, strict).cpu().numpy()

    def inverse_transform(self, Z: Any, context: Any = None) -> Any:
        """Decode latents into items, in the form of the training data.

        Args:
            Z: Shape (n, latent_dim).
            context: One label or property per row, or one for all.
        """
        trained = self._fitted("inverse_transform")
        return trained.domain.present(trained.decode(Z, context))

    def reconstruct(self, X: Any, context: Any = None, *, strict: bool = False) -> Any:
        """Encode and decode: what the model keeps of each item.

        Args:
            X: Items of the kind seen in `fit`.
            context: Their labels or properties, if the model is conditional.
            strict: As of `transform`; molecules that cannot be read become ``None``.
        """
        trained = self._fitted("reconstruct")
        return trained.domain.present(trained.reconstruct(X, context, strict))

    def sample(
        self,
        n: int = 1,
        context: Any = None,
        seed: int | None = None,
        prior: str = "fitted",
        where: Mapping[str, Any] | None = None,
        *,
        guidance: float = 1.0,
        negative: Any = None,
        init: Any = None,
        strength: float | None = None,
        mask: Any = None,
        steps: int | None = None,
        solver: str | None = None,
        temperature: float | None = None,
        top_k: int = 0,
        top_p: float | None = None,
        rerank: int = 1,
    ) -> Any:
        """Generate items, in the form of the training data.

        Options from ``guidance`` on are for models that are drawn from in steps: diffusion, flow
        matching, ``latent_diffusion``, and codes drawn one after the other (the last four).
        ``rerank`` is for all models that were fitted with captions.

        Args:
            n: How many.
            context: One label, property or caption per item, or one for all. ``None`` for none,
                where the model was fitted with ``context_dropout`` above 0.
            seed: For the same items again; ``None`` gives new ones at each call.
            prior: ``"fitted"`` to the training items, or the ``"model"``'s own.
            where: What columns or targets are to hold; see `vaekit.tasks.sample_where`.
            guidance: How far to go in the direction of the context: 1 as learned, 2 to 5 for items
                that show it more clearly and differ less.
            negative: A context to go away from, one for all or one per item.
            init: Items to begin from in place of noise, one for all or one per item.
            strength: How much of the way from noise is gone anew from there: 0 changes nothing, 1
                leaves nothing; ``None`` takes 0.6, and 1 with a mask.
            mask: Where the items of ``init`` are made anew: above 0, shape (height, width) or one
                for each item.
            steps: Steps of the solver; ``None`` takes 20.
            solver: ``"ddim"``, ``"euler"``, ``"heun"``, ``"dpm++2m"``, ``"rk4"``, ``"multistep"``.
            temperature: Of codes: below 1 more of what is most probable; ``None`` takes 0.7 with a
                context, and 1 without.
            top_k: Of codes: only so many of the most probable ones; 0 for all.
            top_p: Of codes: only the most probable ones that make up this share; ``None`` takes
                0.95 with a context, and 1 without.
            rerank: Of models of captions, and of codes: so many candidates are drawn for each item,
                of which the one that fits the context best is kept.

        Raises:
            SpecError: An option that this model does not know, or a value out of its range.
            DataError: A context of another kind than in training.
        """
        trained = self._fitted("sample")
        if where:
            found = sample_where(trained, n, where, context, seed, prior)
            return trained.domain.present(found)
        asked = SamplingRequest(
            guidance,
            negative,
            init,
            strength,
            mask,
            steps,
            solver,
            temperature,
            top_k,
            top_p,
            rerank,
        )
        if asked.is_default:
            return trained.domain.present(trained.sample(n, context, seed, prior))
        options = sampling_options(trained, n, asked)
        return trained.domain.present(trained.sample(n, context, seed, prior, options))

    def score_samples(self, X: Any, context: Any = None, draws: int = 64) -> NDArray[np.float64]:
        """Importance-weighted log p(x) of each item, in nats: a lower bound.

        Args:
            X: Items.
            context: Their labels or properties, if the model is conditional.
            draws: Importance samples per item; more are tighter.

        Raises:
            CompositionError: The model has no density.
        """
        trained = self._fitted("score_samples")
        return trained.log_prob(X, context, draws, self.seed).double().cpu().numpy()

    def score(self, X: Any, y: Any = None, context: Any = None, sample_weight: Any = None) -> float:
        """Mean of `score_samples`: larger is better, so model selection can use it.

        Args:
            X: Items.
            y: Ignored, as in scikit-learn.
            context: Their labels or properties, if the model is conditional.
            sample_weight: How much each item counts; ``None`` for all alike.
        """
        scores = self.score_samples(X, context)
        weights = item_weights(sample_weight, len(scores), least=1)
        return float(np.average(scores, weights=None if weights is None else weights.numpy()))

    def interpolate(
        self, a: Any, b: Any, steps: int = 8, path: str = "linear", context: Any = None
    ) -> Any:
        """Return items on the way from each a to its b through the latent space.

        Args:
            a: Items where the ways begin.
            b: As many items, where they end.
            steps: Items on each way, both ends included; at least 2.
            path: ``"linear"``, ``"spherical"``, or ``"geodesic"``: shortest in decoded items.
            context: Labels or properties, one for each way.

        Returns:
            Shape (n, steps, ...).
        """
        trained = self._fitted("interpolate")
        return trained.domain.present(trained.interpolate(a, b, steps, path, context))

    def interpolate_prompts(
        self,
        a: Any,
        b: Any,
        steps: int = 8,
        seed: int | None = None,
        *,
        solver_steps: int | None = None,
        solver: str | None = None,
        temperature: float | None = None,
    ) -> Any:
        """Return items on the way from what one caption asks for to what another does.

        For models that know ``guidance``; see `sample`. All items of a way begin at the same
        noise. Labels and properties are fine, too.

        Args:
            a: One caption, or one for each way, where the ways begin.
            b: As many, where they end.
            steps: Items on each way, both ends included; at least 2.
            seed: For the same items again.
            solver_steps: As ``steps`` of `sample`.
            solver: As of `sample`.
            temperature: As of `sample`.

        Returns:
            Shape (n, steps, ...).

        Raises:
            SpecError: A model without guidance, or an option out of its range.
            DataError: Not as many captions.
        """
        trained = self._fitted("interpolate_prompts")
        asked = SamplingRequest(steps=solver_steps, solver=solver, temperature=temperature)
        return interpolate_contexts(trained, a, b, steps, seed, asked)

    def refit_prior(self, prior: str | FittedPrior | Vamp, X: Any, context: Any = None) -> Self:
        """Fit another density to the latents of these items, for `sample` to draw from.

        Args:
            prior: A name in `vaekit.fitting.NAMED_PRIORS` (``"nsf"``, ``"diffusion"``, ...), or a
                prior. The model's own prior and all scores stay as they are.
            X: Training items.
            context: Their labels or properties, if the model is conditional.
        """
        self._fitted("refit_prior").refit_prior(prior, X, context, self.seed)
        return self

    def save(self, path: str | Path) -> None:
        """Write a run folder; `load` reads it. An older run there is replaced at once.

        Raises:
            SaveError: Disk full, or the folder holds something else; nothing is changed.
        """
        write_run(path, self.run_folder())

    def export(
        self,
        path: str | Path,
        to: str,
        data: Any = None,
        only: Sequence[str] | None = None,
    ) -> ExportReport:
        """Write the model in another form, and compare what both make of the same items.

        Args:
            path: A new folder, or one that was written by this before.
            to: ``"onnx"``: a graph for each of what the model does, which `vaekit.runtime` runs
                without PyTorch, pre-processing inside. ``"torch-export"``: the same as programs of
                ``torch.export``. ``"diffusers"``: the autoencoder alone, for
                ``AutoencoderKL.from_pretrained``; of models with ``network="autoencoder_kl"`` or a
                ``first_stage``.
            data: Items to compare both with, 16 at most; ``None`` takes samples of the model.
            only: Of ``"encode"``, ``"decode"``, ``"reconstruct"``, ``"sample"`` and ``"score"``
                those to write; ``None`` for all.

        Returns:
            Where it is, the largest differences, and what was left out for which reason.

        Raises:
            SpecError: No such form.
            CompositionError: A model that has no such form.
            SaveError: Disk full, the folder holds something else, or graphs differ from the model
                by more than 1e-4; nothing is changed.
            MissingExtraError: The other library is not installed.
        """
        return export_model(self._fitted("export"), path, to, data=data, only=only)

    def explore(self, X: Any = None, *, labels: Any = None, context: Any = None) -> Any:
        """Return a widget for notebooks that shows the latent space; see ``vaekit explore``.

        Args:
            X: Items of the kind seen in training, for the map; ``None`` shows samples there.
            labels: One for each item, or columns of them: to color by, and to find directions.
            context: Of the items, for conditional models; ``None`` takes it from the labels.

        Raises:
            MissingExtraError: The extra ``notebook`` is not installed.
        """
        self._fitted("explore")
        return get("displays", "explore")(self, X, labels=labels, context=context)

    def run_folder(self) -> RunFolder:
        """Return what `save` writes."""
        trained = self._fitted("save")
        health = None if self.health_ is None else self.health_.to_json()
        return RunFolder(
            trained.model,
            trained.domain,
            trained.context,
            options_to_json(self.get_params(deep=False)),
            self.history_,
            {**self.notes_, "health": health, "versions": versions()},
        )

    def _fitted(self, method: str) -> TrainedModel:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"this Autoencoder is not fitted yet; call fit(X) before {method}, or load one."
            )
        return self.trained_

    def __sklearn_is_fitted__(self) -> bool:
        return "trained_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # latents are float32, whatever X is
        tags.non_deterministic = False
        return tags


def read_model(folder: Path, components: Mapping[str, Any] | None = None) -> Autoencoder:
    """Return what `Autoencoder.save` wrote; see `vaekit.load`."""
    run = read_run(folder, components)
    with reading(folder):
        notes = dict(run.notes)
        health, _ = notes.pop("health", None), notes.pop("versions", None)
        place = f"{folder / 'train.json'}: "
        options = options_from_json(run.estimator, Autoencoder, f"{place}estimator")
        estimator = Autoencoder(**options)
        if health is not None:
            check_document(Health, health, f"{place}health")
            estimator.health_ = Health.from_json(health)
        else:
            estimator.health_ = None
        return estimator.from_trained(
            TrainedModel(run.model, run.domain, run.context), run.history, notes
        )


def fine_tune(
    start: Autoencoder | str | Path,
    X: Any,
    context: Any = None,
    targets: Sequence[str] = (),
    callbacks: Sequence[Callback] | None = None,
    sample_weight: Any = None,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    **options: Any,
) -> Autoencoder:
    """Fit a copy of a trained model to other data of its kind, for instance few of them.

    What was learned of the form of the data (columns, scales, tokens) stays, so the new ones must
    have it as well; of molecules those with other tokens, or longer ones, are left out with a
    warning. The step size is a quarter of the usual one, and as many steps are taken as the
    preset takes for so many items.

    Args:
        start: A fitted model, a run folder, or the name of a model of the package (``"moses"``).
        X: The new items, in any form that `Autoencoder.fit` takes.
        context: Their labels or properties, if the model is conditional.
        targets: Of molecules: properties that the latents are to tell as well, columns of numbers
            that come with them or computed ones; see `MoleculeDomain`. The model given need not
            have had any.
        callbacks: `Callback` objects, called during the fit.
        sample_weight: How much each item counts, as of `Autoencoder.fit`.
        checkpoint_dir: Folder for checkpoints and ``history.csv`` while training.
        resume: Go on from the checkpoint in ``checkpoint_dir``, if there is one.
        **options: Options of the training, as of `Autoencoder`: ``max_epochs=5``.

    Returns:
        A new model; the one given stays as it was.

    Raises:
        CompositionError: The model is none with latents, or targets are asked of other data.
        SpecError: An option that is not of the training, or no target of that name.
        DataError: Items that the model cannot read.

    Example:
        >>> from vaekit.datasets import digits
        >>> x = digits().images
        >>> model = Autoencoder(latent_dim=4, max_epochs=1, progress=False).fit(x[:1500])
        >>> fine_tune(model, x[1500:], max_epochs=2).sample(3, seed=0).shape
        (3, 8, 8)
    """
    model = start if isinstance(start, Autoencoder) else load_model(start)
    known = [f.name for f in fields(TrainConfig)]
    for name in options:
        if name not in known:
            raise unknown_name("option of the training", name, known)
    chosen = {f.name: getattr(Autoencoder(), f.name) for f in fields(TrainConfig)} | options
    if "progress" not in options:
        chosen["progress"] = model.progress
    plan = Plan(**{f.name: getattr(model, f.name) for f in fields(Plan)})
    trained = copy.deepcopy(model.trained_)
    config = TrainConfig(**chosen)
    fitted = fine_tune_model(
        trained,
        plan,
        X,
        context,
        config,
        targets,
        callbacks,
        sample_weight,
        checkpoint_dir,
        resume,
    )
    tuned = Autoencoder(**{**model.get_params(deep=False), **chosen, "callbacks": callbacks})
    with CallbackList(callbacks).ending(tuned, tuned.save):
        domain = fitted.trained.domain
        if targets:
            tuned.set_params(domain=domain.unlearned())
        tuned.health_ = fitted.health
        notes = {"seconds": fitted.seconds, "preset": str(fitted.preset)}
        return tuned.from_trained(fitted.trained, fitted.result.history, notes)


class EstimatorNotFittedError(NotFittedError, sklearn.exceptions.NotFittedError):
    """The package's error and scikit-learn's at once: each is what some callers catch."""


def fit_autoencoder(
    template: Autoencoder, X: Any, context: Any, callbacks: Sequence[Callback]
) -> Autoencoder:
    """Fit a copy of an estimator with these callbacks, so that the one given stays as it was.

    The caller calls `Callback.on_fit_end`.
    """
    copied: Autoencoder = clone(template)
    copied.set_params(callbacks=callbacks)
    return copied.fit_inner(X, context)


def adopt_features(estimator: Any, autoencoder: Autoencoder) -> None:
    """Set what scikit-learn wants to know of the columns seen in fit."""
    estimator.n_features_in_ = autoencoder.n_features_in_
    if "feature_names_in_" in vars(autoencoder):
        estimator.feature_names_in_ = autoencoder.feature_names_in_


def require_trained(estimator: Any, method: str) -> TrainedModel:
    """Return the model of an estimator's ``autoencoder_``.

    Raises:
        EstimatorNotFittedError: There is none yet.
    """
    if "autoencoder_" not in vars(estimator):
        raise EstimatorNotFittedError(
            f"this {type(estimator).__name__} is not fitted yet; call fit(X) before {method}."
        )
    trained: TrainedModel = estimator.autoencoder_.trained_
    return trained

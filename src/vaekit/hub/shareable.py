"""What every estimator has that can be shared."""

import abc
from pathlib import Path

from vaekit.hub.card import CardOptions, model_card
from vaekit.hub.push import PushedRun, push


class Shareable(abc.ABC):
    """An estimator that can be saved, and so be pushed to the hub."""

    @abc.abstractmethod
    def save(self, path: str | Path) -> None:
        """Write a run folder."""

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = False,
        revision: str | None = None,
        message: str | None = None,
        licence: str | None = None,
        token: str | None = None,
        create: bool = True,
        with_labels: bool = False,
        with_items: bool = False,
    ) -> PushedRun:
        """Push to the hub of models, with a card; ``load("hf://user/model")`` reads it.

        Args:
            repo: ``"user/model"``.
            private: Whether a new repository is open to nobody else; one that is there must be
                private.
            revision: The branch, made where there is none; ``None`` for the main one.
            message: Of the commit.
            licence: As the hub calls it: ``"mit"``, ``"cc-by-4.0"``.
            token: ``None`` for ``HF_TOKEN``, or that of ``hf auth login``.
            create: Whether to make the repository where there is none.
            with_labels: Whether the card tells labels, ranges, constants and keys of columns.
            with_items: Of a detector: whether its training items may be published, of which it
                holds some.

        Returns:
            The name with the commit, as `load` takes it, and what was pushed.

        Raises:
            SpecError: A name that can be none; training items that would be published.
            HubError: The hub refuses it, or cannot be reached.
            MissingExtraError: The extra ``hub`` is not installed.
        """
        return push(
            self,
            repo,
            private=private,
            revision=revision,
            message=message,
            licence=licence,
            token=token,
            create=create,
            with_labels=with_labels,
            with_items=with_items,
        )

    def card(
        self, *, repo: str | None = None, licence: str | None = None, with_labels: bool = False
    ) -> str:
        """Return the card that `push_to_hub` writes, as Markdown.

        Args:
            repo: ``"user/model"``, for the lines on its use.
            licence: As the hub calls it.
            with_labels: Whether it tells labels, ranges, constants and keys of columns.
        """
        return model_card(self, CardOptions(repo, licence, with_labels))

"""The application: models behind HTTP, for any ASGI server."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaekit.errors import MissingExtraError
from vaekit.serving.limits import ServingLimits
from vaekit.serving.service import Service

if TYPE_CHECKING:
    from starlette.applications import Starlette


def build_app(
    services: Sequence[Service],
    limits: ServingLimits | None = None,
    *,
    keys: Sequence[str] = (),
    hosts: Sequence[str] | None = None,
) -> "Starlette":
    """Return an application that serves models.

    It works from the start-up event of ASGI on, and finishes what waits at the shutdown event.

    Args:
        services: The models; the first also answers without its name in the address.
        limits: What is accepted.
        keys: Any of them has to come with a request; without any, nobody is asked for one.
        hosts: Names by which clients may call the server; ``None`` for any.

    Raises:
        MissingExtraError: Starlette and what goes with it are not installed.
        SpecError: No model, or a key that is too short.

    Example:
        >>> from starlette.testclient import TestClient
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(digits().images)
        >>> with TestClient(build_app([Service("digits", model)])) as client:
        ...     answer = client.post("/sample", json={"n": 2, "seed": 0})
        >>> len(answer.json()["items"])
        2
    """
    try:
        from vaekit.serving.routes import make_application
    except ImportError as error:
        raise MissingExtraError(
            "a server needs starlette, uvicorn and prometheus-client: pip install 'vaekit[serve]'."
        ) from error
    return make_application(services, limits or ServingLimits(), keys, hosts)

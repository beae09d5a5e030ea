"""A hub on this machine, and huggingface_hub told of it."""

import pytest

pytest.importorskip("huggingface_hub")

from hub.stand_in import TOKEN, running
from huggingface_hub import constants


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The hub; with a cache of its own, and Mary's token.

    huggingface_hub reads its variables when it is imported, so what it read is set here. The
    protocol of xet needs a server of its own; large files take the one before it, of LFS.
    """
    with running() as (hub, address):
        hub.address = address
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub

"""Who may ask: keys, and the names under which a server on this machine is called."""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

from vaekit.errors import SpecError
from vaekit.files import expanded_path
from vaekit.serving.faults import ForbiddenError, MisdirectedError, UnauthorizedError

OPEN = ("/health", "/ready")
"""Pages for which no key is asked, so that those who watch over a server need none."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_SHORTEST = 16


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_keys(path: str | Path | None, variable: str | None) -> tuple[str, ...]:
    """Return the keys of a file, one on each line, or the one of an environment variable.

    Args:
        path: Of the file, in which lines that begin with # are comments.
        variable: The value of the variable.

    Raises:
        SpecError: A file without a key, or a key of fewer than 16 characters.
    """
    if path is None:
        return check_keys([variable.strip()] if variable else [])
    try:
        lines = expanded_path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"--api-key-file must be a readable text; {path} is not.") from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise SpecError(f"--api-key-file must hold a key on a line of its own; {path} has none.")
    return check_keys(keys)


def check_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Return keys that are long enough to be none that one guesses, and fit into a head.

    Raises:
        SpecError: One is not.
    """
    for key in keys:
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise SpecError(
                "an API key must be of letters, digits and signs of ASCII without spaces; one is "
                "not. Make one: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
        if len(key) < _SHORTEST:
            raise SpecError(
                f"an API key must have at least {_SHORTEST} characters; one has {len(key)}. Make "
                "one: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
    return tuple(keys)


class Access:
    """Says who may ask.

    Args:
        keys: Any of them is enough; without any nobody is asked for one.
        hosts: Names by which a client may call the server; ``None`` for any. A page of another
            site that a name of its own leads here (DNS rebinding) is refused so.

    Example:
        >>> access = Access(["a-long-secret-key"], None)
        >>> access.check("/models", {"x-api-key": "a-long-secret-key"})
        >>> access.check("/models", {"x-api-key": "another"})
        Traceback (most recent call last):
        ...
        vaekit.serving.faults.UnauthorizedError: a request must have a key: Authorization: Bearer...
    """

    def __init__(self, keys: Sequence[str], hosts: Sequence[str] | None) -> None:
        self._keys = [_digest(key) for key in check_keys(keys)]
        self._hosts = None if hosts is None else {host.lower() for host in hosts}

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Refuse who may not.

        Args:
            path: What is asked for.
            headers: By name in lower case.

        Raises:
            MisdirectedError: Another host is called.
            ForbiddenError: A page of another host asks.
            UnauthorizedError: A key is wanted, and there is none or a wrong one.
        """
        if self._hosts is not None:
            self._check_host(headers)
        if self._keys and path not in OPEN:
            self._check_key(headers)

    def _check_host(self, headers: Mapping[str, str]) -> None:
        known = self._hosts or set()
        if _name_of(headers.get("host", "")) not in known:
            raise MisdirectedError(
                "the host that is called must be one that this server has; see --allow-host."
            )
        origin = headers.get("origin")
        if origin is not None and _name_of(origin.partition("://")[2]) not in known:
            raise ForbiddenError("pages of other hosts may not ask; see --allow-host.")

    def _check_key(self, headers: Mapping[str, str]) -> None:
        given = headers.get("x-api-key", "")
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given = token.strip()
        digest = _digest(given)
        found = [hmac.compare_digest(digest, key) for key in self._keys]  # all, in equal time
        if not any(found):
            raise UnauthorizedError(
                "a request must have a key: Authorization: Bearer KEY, or X-API-Key: KEY."
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _name_of(host: str) -> str:
    """Return the name or address of ``name:port``.

    Example:
        >>> _name_of("[::1]:8000"), _name_of("Localhost:8000"), _name_of("127.0.0.1")
        ('::1', 'localhost', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()

"""Shards on a cluster of Ray: actors that load the run once, and outlive workers and nodes."""

import socket
from collections.abc import Sequence
from typing import Any

from vaekit.batch.job import Job, Outcome
from vaekit.batch.local import Progress
from vaekit.errors import MissingExtraError, VaekitError

_MOST_TRIES = 5
_LONGEST_KNOCK = 10.0
_LOOK_AGAIN = 2.0
"""Seconds between looks at the size of the cluster."""


def run_on_ray(
    job: Job, numbers: Sequence[int], progress: Progress, address: str | None, actors: int | None
) -> list[Outcome]:
    """Do shards on a cluster, one in each actor at a time.

    A shard is written under another name and renamed when it is whole, and its bytes depend on
    nothing but the shard, so a shard that is begun twice is there once. What fails with its worker
    or node is given to another actor, five times at most.

    Args:
        job: What is done; its source, run and output must be at the same paths on all nodes.
        numbers: Which shards.
        progress: Is told of rows and shards.
        address: Of the cluster, as of ``ray.init``; ``None`` takes a running one that the
            environment names, or starts one on this machine.
        actors: How many, which a cluster that scales grows to; ``None`` for one on each free core,
            those of nodes that join later as well.

    Raises:
        MissingExtraError: Ray is not installed.
        VaekitError: No cluster at that address.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("--engine ray needs Ray: pip install 'vaekit[ray]'.") from error
    is_ours = not ray.is_initialized()
    if is_ours:
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level="warning")
        except (OSError, ValueError) as error:
            raise VaekitError(
                f"--address must be that of a cluster of Ray that runs; got {address!r}: {error}. "
                "Start one (ray start --head), or leave it out."
            ) from error
    try:
        return _Pool(ray, job, numbers, progress, actors).run()
    finally:
        if is_ours:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Ask whether anybody is at ``host:port``, as Ray would wait for minutes.

    Raises:
        OSError: Nobody is.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        with socket.create_connection((host, int(port)), _LONGEST_KNOCK):
            pass


class _Worker:
    """What an actor is made of."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.fault: str | None = None
        try:
            job.check_run()
        except VaekitError as error:
            self.fault = str(error)

    def ready(self) -> bool:
        """Answer, once the actor is there."""
        return True

    def work(self, number: int) -> Outcome:
        """Do one shard."""
        if self.fault is not None:
            return Outcome(self.job.shards[number].name, error=self.fault)
        return self.job.work(number, lambda rows: None)


class _Pool:
    """Gives shards to actors that are there, and makes new ones as the cluster grows or loses some.

    An actor that still waits for a place holds no shard: the place may never be free.
    """

    def __init__(
        self, ray: Any, job: Job, numbers: Sequence[int], progress: Progress, most: int | None
    ) -> None:
        self.ray, self.job, self.progress, self.most = ray, job, progress, most
        self.waiting, self.tries = list(numbers), dict.fromkeys(numbers, 0)
        self.outcomes: list[Outcome] = []
        self.job_there = ray.put(job)
        # Nothing is restarted by Ray itself, as tries are counted by shard: a worker that a shard
        # kills must not come back for ever, nor a shard wait for an actor of a lost node.
        self.kind = ray.remote(num_cpus=1, max_restarts=0)(_Worker)
        self.starting: dict[Any, Any] = {}
        self.running: dict[Any, tuple[Any, int]] = {}
        self.failed_starts = 0

    def run(self) -> list[Outcome]:
        """Return what became of all shards."""
        while self.waiting or self.running:
            self._grow()
            done, _ = self.ray.wait([*self.starting, *self.running], timeout=_LOOK_AGAIN)
            for task in done:
                if task in self.starting:
                    self._started(task)
                else:
                    self._take(task)
        return self.outcomes

    def _grow(self) -> None:
        """Make an actor for each core that has none, as long as shards wait."""
        wanted = min(self._room() - len(self.running), len(self.waiting))
        while len(self.starting) < wanted:
            actor = self.kind.remote(self.job_there)
            self.starting[actor.ready.remote()] = actor

    def _room(self) -> int:
        cores = int(self.ray.cluster_resources().get("CPU", 0))
        return max(1, cores) if self.most is None else self.most

    def _started(self, task: Any) -> None:
        actor = self.starting.pop(task)
        try:
            self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            self.failed_starts += 1
            if self.failed_starts >= _MOST_TRIES and not self.running:
                raise VaekitError(
                    f"actors must start on the nodes of the cluster; {self.failed_starts} did not: "
                    f"{_words(error)}. Install this version of vaekit on all nodes."
                ) from error
            return
        self.failed_starts = 0
        if self.waiting:
            self._give(actor)

    def _give(self, actor: Any) -> None:
        number = self.waiting.pop(0)
        self.running[actor.work.remote(number)] = (actor, number)

    def _take(self, task: Any) -> None:
        actor, number = self.running.pop(task)
        try:
            outcome = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            self._again(number, error)
            self.ray.kill(actor)
            return
        self._note(outcome)
        if self.waiting:
            self._give(actor)

    def _again(self, number: int, error: Exception) -> None:
        self.tries[number] += 1
        if self.tries[number] < _MOST_TRIES:
            self.waiting.insert(0, number)
            return
        message = f"its worker or node was lost {_MOST_TRIES} times ({_words(error)})."
        self._note(Outcome(self.job.shards[number].name, error=message))

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.progress.add(outcome.rows)
        self.progress.finish(outcome)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

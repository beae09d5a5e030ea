"""Reproducible randomness of one's own: the global generator is neither read nor changed.

``torch.distributions``, dropout and the initialisation of weights take no ``generator``: they read
the global one, which all threads share. So every entry point that draws numbers runs inside
`seeded`. There, every function of torch that draws is handed a generator that belongs to this
thread and this block (a ``TorchFunctionMode``, at about a microsecond for each call of torch). So
any number of threads gives what one would give, one after the other, and the caller's global
state stays as it is.

A few functions draw and can be given no generator (dropout inside recurrent layers and attention).
They borrow the global one for the time of the call, one thread after the other. What is compiled
with ``torch.jit`` is not seen, and reads the global one.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vaekit.errors import CompositionError

_SEED_BOUND = 2**31 - 1


@contextmanager
def seeded(seed: int | torch.Generator | None) -> Iterator[None]:
    """Run a block on its own random stream.

    Each thread, and each task of an event loop, has its own blocks. A generator has not: one that
    holds a block open across a ``yield`` holds it open for its caller too.

    Args:
        seed: An integer; a generator, from which one integer is drawn (so it advances); or
            ``None`` for fresh entropy.

    Example:
        >>> with seeded(3): a = torch.rand(2)
        >>> with seeded(3): b = torch.rand(2)
        >>> torch.equal(a, b)
        True
    """
    fresh = _Generators(fresh_seed(seed))
    _streams.set((*_streams.get(), fresh))
    if _threads.blocks == 0:  # a second mode would cost its time again
        _threads.mode = _OwnStream()
        _threads.mode.__enter__()  # type: ignore[no-untyped-call]
    _threads.blocks += 1
    try:
        yield
    finally:
        # Each takes out its own: blocks held open across a `yield` or an `await` may end in any
        # order, and the last of them takes the mode along.
        _streams.set(tuple(one for one in _streams.get() if one is not fresh))
        _threads.blocks -= 1
        if _threads.blocks == 0:
            _threads.mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]


def drawing_nothing() -> AbstractContextManager[Any]:
    """Return a context for work that draws no numbers, as a step of an optimizer, at full speed.

    What draws in it nevertheless reads the global generator.
    """
    return torch._C.DisableTorchFunction()


class BatchPart(NamedTuple):
    """The items of a batch that one of several processes has.

    Attributes:
        own: How many there are.
        whole: Items of the batch.
        first: The place of the first of them.
        step: From one of them to the next.
    """

    own: int
    whole: int
    first: int
    step: int


@contextmanager
def drawing_for(part: BatchPart) -> Iterator[None]:
    """Draw, within the block, for a whole batch what is drawn for its items, and take a part of it.

    So several processes draw what one would draw. What has as many rows as the part is taken for
    one of its items each, in the first axis or in the second.

    Example:
        >>> with seeded(0): whole = torch.randn(4, 2)
        >>> with seeded(0), drawing_for(BatchPart(2, 4, 1, 2)): part = torch.randn(2, 2)
        >>> torch.equal(part, whole[1::2])
        True
    """
    before = _part.set(part if part.own != part.whole else None)
    try:
        yield
    finally:
        _part.reset(before)


def stream_state() -> dict[str, Tensor]:
    """Return where the stream of the block stands, by the type of device; outside any, nothing."""
    own = _own()
    return {} if own is None else own.state()


def restore_stream(state: Mapping[str, Tensor]) -> None:
    """Let the stream of the block go on from where another stood; outside any, do nothing."""
    own = _own()
    if own is not None:
        own.restore(state)


def fresh_seed(seed: int | torch.Generator | None) -> int:
    """Turn an integer, a generator or ``None`` into an integer seed (at least 0)."""
    if isinstance(seed, int):
        return seed
    generator = seed if seed is not None else make_generator(None)
    return int(torch.randint(_SEED_BOUND, (), generator=generator, device=generator.device))


def make_generator(seed: int | None) -> torch.Generator:
    """Return a CPU generator seeded with ``seed``, or with fresh entropy where it is ``None``."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


class _Generators:
    """A generator for each device that numbers are drawn on, all of one seed."""

    def __init__(self, seed: int) -> None:
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Go on from another seed."""
        self._seed = seed
        self._known: dict[str, torch.Generator] = {"cpu": make_generator(seed)}

    def of(self, device: torch.device) -> torch.Generator:
        """Return the one of a device; the GPUs of a machine have one each."""
        place = str(device)
        if place not in self._known:
            self._known[place] = torch.Generator(device).manual_seed(self._seed)
        return self._known[place]

    def state(self) -> dict[str, Tensor]:
        """Return where each stands."""
        return {place.split(":")[0]: one.get_state() for place, one in self._known.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there; of devices that this machine lacks, nothing is taken."""
        self._known["cpu"].set_state(state["cpu"])
        if "cuda" in state and torch.cuda.is_available():
            self.of(torch.device("cuda", torch.cuda.current_device())).set_state(state["cuda"])


class _OwnStream(TorchFunctionMode):
    """Hands a generator to whatever draws."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        draw = _borrowing if type(func) in _OPS and _is_drawing(func) else _DRAWING.get(func)
        own = None if draw is None else _own()  # none in a task that has no block of its own
        if draw is not None and own is not None:
            _refuse_recomputing()
            part = _part.get()
            if part is not None and draw is not _plain:
                return _drawn_in_part(part, draw, own, func, args, kwargs or {})
            return draw(own, func, args, kwargs or {})
        return func(*args, **kwargs) if kwargs else func(*args)


class _Threads(threading.local):
    """How many blocks are open in this thread, and the mode that serves them all."""

    blocks: int = 0
    mode: _OwnStream


_threads = _Threads()
_streams: ContextVar[tuple[_Generators, ...]] = ContextVar("streams", default=())
"""Of the open blocks, the innermost last; the tasks of an event loop have their own each."""
_part: ContextVar[BatchPart | None] = ContextVar("part", default=None)
_borrowed = threading.RLock()


def _own() -> _Generators | None:
    """Return the generators of the innermost block, if there is one."""
    streams = _streams.get() if _threads.blocks else ()  # a new thread may be handed a context
    return streams[-1] if streams else None


_OPS = (torch._ops.OpOverload, torch._ops.OpOverloadPacket)


def _is_drawing(op: Any) -> bool:
    """Return whether an operator that is called by itself, as ``torch.ops.aten.rand``, draws."""
    first = op if isinstance(op, torch._ops.OpOverload) else getattr(op, op.overloads()[0])
    return torch.Tag.nondeterministic_seeded in first.tags


def _refuse_recomputing() -> None:
    """Refuse to draw in what PyTorch computes once more in the backward pass.

    It puts back the global generator for that, and not the block's: the numbers would be others,
    and the gradient wrong without a word.

    Raises:
        CompositionError: A caller is ``torch.utils.checkpoint``.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is _CHECKPOINT:
            raise CompositionError(
                "what torch.utils.checkpoint computes again must draw no numbers; it draws some, "
                "which would be others in the backward pass. Leave dropout and noise out of the "
                "part that is checkpointed, or do not checkpoint it."
            )
        frame = frame.f_back  # type: ignore[assignment]


_CHECKPOINT = vars(torch.utils.checkpoint)

_Draw = Callable[[_Generators, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def _given(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call what takes a generator, unless it was given one."""
    is_given = any(isinstance(arg, torch.Generator) for arg in args)
    device = _device(args, kwargs)
    if is_given or kwargs.get("generator") is not None or device.type == "meta":
        return func(*args, **kwargs)
    return func(*args, **{**kwargs, "generator": own.of(device)})


def _dropout(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Compute what ``F.dropout`` computes on a CPU, number by number."""
    names = ("input", "p", "training", "inplace")
    given = {"p": 0.5, "training": True, "inplace": False} | dict(
        zip(names, args, strict=False), **kwargs
    )
    x, share = given["input"], given["p"]
    is_plain = given["training"] and 0 < share < 1 and not given["inplace"] and x.numel()
    if not is_plain or x.device.type == "meta":
        return _borrowing(own, func, args, kwargs) if given["training"] else func(*args, **kwargs)
    kept = torch.empty_like(x).bernoulli_(1 - share, generator=own.of(x.device))
    return x * kept.div_(1 - share)


def _borrowing(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call what takes no generator, with the global one in the state of one's own."""
    device = _device(args, kwargs)
    if device.type not in ("cpu", "cuda"):
        return func(*args, **kwargs)
    shared = torch.default_generator
    if device.type == "cuda":  # pragma: no cover - needs a GPU
        shared = torch.cuda.default_generators[device.index or 0]
    with _borrowed:
        mine, before = own.of(device), shared.get_state()
        shared.set_state(mine.get_state())
        try:
            return func(*args, **kwargs)
        finally:
            mine.set_state(shared.get_state())
            shared.set_state(before)


def _drawn_in_part(
    part: BatchPart,
    draw: _Draw,
    own: _Generators,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Draw for the whole batch, and return what belongs to a part of it."""
    if func in _MADE_BY_SIZE:
        args, kwargs, axis = _sized(part, args, kwargs, last=func is torch.randint)
        return _taken(part, draw(own, func, args, kwargs), axis)
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    axis = next((a for t in tensors if (a := _axis(part, t.shape)) is not None), None)
    if axis is None or draw is _borrowing:
        return draw(own, func, args, kwargs)

    def whole(value: Any) -> Any:
        if not isinstance(value, Tensor) or _axis(part, value.shape) != axis:
            return value
        shape = list(value.shape)
        shape[axis] = part.whole
        made = value.new_full(shape, _OF_OTHERS)
        places = torch.arange(part.first, part.whole, part.step, device=value.device)
        return made.index_copy(axis, places, value)

    found = draw(own, func, tuple(map(whole, args)), {k: whole(v) for k, v in kwargs.items()})
    found = _taken(part, found, axis)
    return args[0].copy_(found) if getattr(func, "__name__", "").endswith("_") else found


_OF_OTHERS = 0.5
"""What stands for items of other processes, of which nothing is known here."""


def _axis(part: BatchPart, shape: Sequence[int]) -> int | None:
    return next((axis for axis in (0, 1) if shape[axis : axis + 1] == (part.own,)), None)


def _taken(part: BatchPart, drawn: Tensor, axis: int | None) -> Tensor:
    if axis is None:
        return drawn
    index = (slice(None),) * axis + (slice(part.first, None, part.step),)
    return drawn[index]


def _sized(
    part: BatchPart, args: tuple[Any, ...], kwargs: dict[str, Any], last: bool
) -> tuple[tuple[Any, ...], dict[str, Any], int | None]:
    """Return arguments with the size of the whole batch, and the axis of its items.

    Args:
        part: What is drawn for.
        args: Positional arguments; the size is several of them, or one.
        kwargs: Those by name.
        last: Whether other numbers come before the size.
    """
    named = "size" in kwargs
    is_many = not named and bool(args) and isinstance(args[-1], int) and not last
    size = tuple(kwargs["size"] if named else args if is_many else args[-1])
    axis = _axis(part, size)
    if axis is not None:
        size = (*size[:axis], part.whole, *size[axis + 1 :])
    if named:
        return args, {**kwargs, "size": size}, axis
    return (*([] if is_many else args[:-1]), size), kwargs, axis


def _recurrent(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Recurrent layers draw only where there is dropout between them."""
    draws = any(isinstance(arg, float) and arg > 0 for arg in args)
    return (_borrowing if draws else _plain)(own, func, args, kwargs)


def _attention(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Attention draws only where some of its weights are left out."""
    draws = kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0) > 0
    return (_borrowing if draws else _plain)(own, func, args, kwargs)


def _plain(
    own: _Generators, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return func(*args, **kwargs)


def _device(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.device:
    """Return where a call will draw."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            return value.device
    chosen = kwargs.get("device")
    return torch.get_default_device() if chosen is None else torch.device(chosen)


_TAKE_A_GENERATOR = (
    *(torch.rand, torch.randn, torch.randint, torch.randperm),
    *(torch.rand_like, torch.randn_like, torch.randint_like),
    *(torch.normal, torch.bernoulli, torch.multinomial, torch.poisson, torch.binomial),
    *(torch._standard_gamma, torch._sample_dirichlet),
    *(Tensor.bernoulli, Tensor.multinomial, Tensor.bernoulli_, Tensor.normal_, Tensor.uniform_),
    *(Tensor.random_, Tensor.exponential_, Tensor.cauchy_, Tensor.log_normal_, Tensor.geometric_),
    *(nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_),
)
_MADE_BY_SIZE = (torch.rand, torch.randn, torch.randint)
_TAKE_NONE = (
    *(torch.dropout, torch.dropout_, torch.alpha_dropout, torch.alpha_dropout_),
    *(torch.feature_dropout, torch.feature_dropout_, torch.feature_alpha_dropout),
    *(F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
    *(torch.rrelu, torch.rrelu_, F.rrelu, F.gumbel_softmax, torch.native_dropout),
    *(F.fractional_max_pool2d, F.fractional_max_pool2d_with_indices),
    *(F.fractional_max_pool3d, F.fractional_max_pool3d_with_indices),
    F.multi_head_attention_forward,
)
_DRAWING: Mapping[Any, _Draw] = {
    **dict.fromkeys(_TAKE_A_GENERATOR, _given),
    **dict.fromkeys(_TAKE_NONE, _borrowing),
    **dict.fromkeys((torch.gru, torch.lstm, torch.rnn_tanh, torch.rnn_relu), _recurrent),
    F.dropout: _dropout,
    F.scaled_dot_product_attention: _attention,
}
"""How each function of torch that draws numbers is called."""

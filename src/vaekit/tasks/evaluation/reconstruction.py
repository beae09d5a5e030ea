"""How well items are given back."""

from vaekit.metrics import reconstruction_quality
from vaekit.tasks.evaluation.rows import Row
from vaekit.tasks.evaluation.settings import RECONSTRUCTION_ITEMS
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["reconstruction"]


def reconstruction(subject: Subject) -> list[Row]:
    """Squared error, and for images their similarity."""
    items = subject.some(RECONSTRUCTION_ITEMS)
    quality = reconstruction_quality(subject.x(items), subject.reconstructed(items))
    scale = "values from 0 to 1" if subject.are_images else "columns as scaled for the networks"
    similarities = {"PSNR": quality.psnr, "SSIM": quality.ssim, "MS-SSIM": quality.ms_ssim}
    return [
        Row("squared error per value", quality.mse, items=quality.items, note=scale),
        *(_similarity(name, value, quality.items) for name, value in similarities.items()),
    ]


def _similarity(name: str, value: float | None, items: int) -> Row:
    if value is None:
        return Row(name, None, note="of images only")
    note = "infinite: some image is given back exactly" if value == float("inf") else ""
    return Row(name, value, "dB" if name == "PSNR" else "", items=items, note=note)

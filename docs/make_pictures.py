"""Draw the pictures of the documentation: ``python docs/make_pictures.py``."""

from pathlib import Path

import torch

from vaekit.demo import run_demo


def main() -> None:
    """Run the demonstration into ``docs/images``, which is not kept in version control."""
    torch.set_num_threads(1)  # on networks this small, threads cost more than they bring
    run_demo(Path(__file__).parent / "images")


if __name__ == "__main__":
    main()

"""The demonstration: a few small models of built-in digits, and a page that explains them."""

from vaekit.demo.run import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]

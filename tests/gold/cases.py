"""All cases, collected; importing this module declares them."""

from gold import command_cases, domain_cases, model_cases, task_cases
from gold.table import CASES

__all__ = ["CASES", "MODULES"]

MODULES = (model_cases, domain_cases, task_cases, command_cases)

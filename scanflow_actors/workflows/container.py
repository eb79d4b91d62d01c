"""What runs when it is no function: a container image, for backends that start containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidWorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An image, and what is to be run in it."""

    image: str
    command: tuple[str, ...] = ()
    """Empty for what the image itself says."""


def function_of(workflow: str, place: str, run: Callable[..., Any] | Container) -> Callable[..., Any]:
    """What to call, for a backend that runs functions only.

    Raises:
        InvalidWorkflowError: It is a container.
    """
    if isinstance(run, Container):
        problem = (
            f"it is the container image {run.image!r}, and this backend runs functions; run it on Kubernetes"
        )
        raise InvalidWorkflowError(workflow=workflow, place=place, problem=problem)
    return run

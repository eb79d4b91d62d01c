"""Online workflows on Ray Serve: an application for each version, and one in front of them."""

from scanflow_actors.infrastructure.embedded.serving.backend import ServeBackend

__all__ = ["ServeBackend"]

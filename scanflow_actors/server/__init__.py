"""The REST door: the same messages as in Python reach the same mailboxes."""

from scanflow_actors.server.door import Door, make_app, serve
from scanflow_actors.server.tokens import Role, Tokens

__all__ = ["Door", "Role", "Tokens", "make_app", "serve"]

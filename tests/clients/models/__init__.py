"""Clients that are not at hand, as their sources have them.

What differs is modelled: when they ask for a token and how, for which scopes, what they keep, when they come again, and what they
print when they give up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.clients.asking import Asking
from tests.clients.models.base import Model
from tests.clients.models.containerd import Containerd
from tests.clients.models.crane import Crane
from tests.clients.models.oras import Oras

MODELS: Final[dict[str, Callable[[Asking], Model]]] = {
    "containerd": Containerd,
    "crane": Crane,
    "oras": Oras,
}

"""What drivers have in common whose files grow in place, here and not in a store elsewhere."""

from __future__ import annotations


class InPlace:
    """A writer keeps others out and needs no mark; nobody can be sent elsewhere; an upload is moved when it is verified, and
    what is left of one is seen at its path."""

    exclusive = True
    distant = False
    redirects = False

    async def abandoned(self, before: float, *, remove: bool) -> list[tuple[str, float]]:
        return []

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return None

    def create(self, path: str, size: int) -> None:
        return None

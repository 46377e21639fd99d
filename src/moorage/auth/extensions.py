"""Access controllers of other packages. An entry point in the group `moorage.auth` names the factory of each.

    [project.entry-points."moorage.auth"]
    teams = "team_tokens:controller"

The factory takes the options of the configuration and a `Context`, and returns a `base.AccessController`. Only the configured
module is imported. `oidc` is an entry point of this package, loaded in the same way.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol

from moorage.auth.base import AccessController, AuthError
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.guarded import Guarded
from moorage.auth.kept import Kept

GROUP: Final = "moorage.auth"
KEY: Final = "auth.extension.name"
_PROMISED: Final = ("authorize", "close")


@dataclass(frozen=True, slots=True)
class Context:
    """What the registry gives to a controller. `section`: where its options are in the configuration, the first word of an
    AuthError. `groups_of`: the groups of a user by the group file. `kept`: for files of the controller's own (`watched`)."""

    section: str = "auth.extension.options"
    groups_of: GroupsOf = no_groups
    kept: Kept | None = None


class Factory(Protocol):
    def __call__(self, options: Mapping[str, Any], context: Context) -> AccessController:
        """Raises AuthError. Called before there is an event loop, at the start of the server and again in each worker."""
        ...


def load(name: str) -> Factory:
    """A factory whose controllers refuse access when they fail (`guarded`). Both this function and the factory raise AuthError
    for anything that cannot be used."""
    point = _entry_point(name)
    try:
        factory = point.load()
    # SystemExit: a module may end the process when it is imported.
    except (Exception, SystemExit) as error:
        raise AuthError(f"{KEY}: {_named(point)} cannot be imported: {_told(error)}") from error
    if not callable(factory):
        raise AuthError(f"{KEY}: {_named(point)} is no factory, but {_kind(factory)}")
    return lambda options, context: _made(point, factory, options, context)


def _entry_point(name: str) -> EntryPoint:
    found = list(entry_points(group=GROUP))
    called = [point for point in found if point.name == name]
    if not called:
        raise AuthError(f"{KEY}: no package here has {name!r} in {GROUP}; {_others(name, found)}")
    if len({point.value for point in called}) > 1:
        raise AuthError(f"{KEY}: several packages have {name!r} in {GROUP}: {_packages(called)}; keep one")
    return called[0]


def _others(name: str, found: Iterable[EntryPoint]) -> str:
    names = sorted({point.name for point in found})
    if not names:
        return "nor any other; install the package where Moorage is"
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return f"there are {', '.join(names)}{hint}"


def _packages(points: Iterable[EntryPoint]) -> str:
    return ", ".join(sorted({point.dist.name if point.dist else point.value for point in points}))


def _made(
    point: EntryPoint, factory: Callable[..., object], options: Mapping[str, Any], context: Context
) -> AccessController:
    try:
        controller = factory(options, context)
    except AuthError:
        raise
    except (Exception, SystemExit) as error:
        raise AuthError(
            f"{context.section}: {_named(point)} cannot be made of these: {_told(error)}"
        ) from error
    lacking = [name for name in _PROMISED if not callable(getattr(controller, name, None))]
    if lacking or isinstance(controller, type):
        if inspect.iscoroutine(controller):
            controller.close()  # otherwise Python warns that it was never awaited
        what = f"{_kind(controller)}, which is no access controller"
        detail = f": it has no {' and no '.join(lacking)}" if lacking else ""
        raise AuthError(f"{KEY}: {_named(point)} makes {what}{detail}")
    return Guarded(controller, point.name)  # type: ignore[arg-type]  # as far as it can be seen


def _named(point: EntryPoint) -> str:
    return f"{point.name} ({point.value})"


def _kind(found: object) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"a {type(found).__name__}"


def _told(error: BaseException) -> str:
    """One line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")

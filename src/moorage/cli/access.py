"""`moorage access`: explains the rules of the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.arguments import ConfigArgument, JsonOption
from moorage.cli.starting import NOT_DONE, fail, load

if TYPE_CHECKING:
    from moorage.auth.explaining import Explanation, NearMiss

ANONYMOUS = "anonymous"
ACTIONS = ("pull", "push", "delete", "catalog")

access_app = typer.Typer(help="Look at the rules in `access`.", no_args_is_help=True)


@access_app.command()
def explain(
    user: Annotated[str, typer.Argument(help="A name, or `anonymous` for who is not signed in.")],
    action: Annotated[str, typer.Argument(help="pull, push, delete or catalog.")],
    repository: Annotated[str, typer.Argument(help="Its name; for the catalog it may be left out.")] = "",
    config: ConfigArgument = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A group that a token says, beside those of auth.groupfile.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Which rule lets a user do something, or that none does. Exits with 1 for denied."""
    from moorage.auth.base import CATALOG, Access, AuthError
    from moorage.auth.explaining import explain as decide
    from moorage.controllers import build_groups, build_rules
    from moorage.errors import NameInvalid
    from moorage.names import Name

    if action not in ACTIONS:
        fail(f"{action} is no action; it is one of {', '.join(ACTIONS)}", code=NOT_DONE)
    if action == "catalog" and config is None and _is_configuration(repository):
        config = Path(repository)
    if action != "catalog" and not repository:
        fail(f"which repository? moorage access explain {user} {action} NAME", code=NOT_DONE)
    configuration = load(config, code=NOT_DONE)
    name = "" if user == ANONYMOUS else user
    try:
        rules = build_rules(configuration)
        groups = frozenset(group or ()) | (build_groups(configuration)(name) if name else frozenset())
        asked = CATALOG if action == "catalog" else Access("repository", Name.parse(repository), action)
    except AuthError as error:
        fail(str(error), code=NOT_DONE)
    except NameInvalid:
        fail(f"{repository} is no name of a repository", code=NOT_DONE)
    if rules is None:
        fail("there are no rules (access): whoever is known may do everything", code=NOT_DONE)
    found = decide(rules, name, groups, asked)
    _print(found, user, action, "" if action == "catalog" else repository, sorted(groups), as_json=as_json)
    raise SystemExit(0 if found.allowed else 1)


def _is_configuration(argument: str) -> bool:
    """Whether it is meant as the file where a repository may be left out."""
    return Path(argument).suffix in (".yml", ".yaml") or Path(argument).is_file()


def _print(
    found: Explanation, user: str, action: str, repository: str, groups: list[str], *, as_json: bool
) -> None:
    if as_json:
        near = [{"rule": miss.place, "text": miss.text, "lacks": miss.lacks} for miss in found.near]
        rule = {"rule": found.place, "text": found.text} if found.allowed else None
        told = {"user": user, "groups": groups, "action": action, "repository": repository}
        print(json.dumps({**told, "allowed": found.allowed, "by": rule, "near": near}))
        return
    what = f"{action} {repository}" if repository else "list the repositories"
    who = f"{user} ({', '.join(groups)})" if groups else user
    if found.allowed:
        print(f"allowed: {who} may {what}, by {found.place}\n  {found.text}")
        return
    print(f"denied: no rule lets {who} {what}")
    for miss in found.near:
        print(f"  {miss.place} {_lacking(miss, what)}\n    {miss.text}")


def _lacking(miss: NearMiss, what: str) -> str:
    return {
        "action": "is about this user and repository, but allows something else",
        "user": f"lets others {what}",
        "repository": "is about this user and action, but about other repositories",
    }[miss.lacks]

"""The page about all keys, docs/configuration.md, made from the models.

`python -m moorage.config.reference --write FILE` writes it, `--check FILE` fails if it is not up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from moorage.config.configuration import Configuration
from moorage.config.features import UNBUILT
from moorage.config.loading import USUAL_PLACES, VERSION
from moorage.config.schema import Key, Keys, Leaf, ListOf, MapOf, Shape, innermost, keys, variable_name, walk
from moorage.config.sections.drivers import DEFAULT_ROOT

_INTRODUCTION = f"""\
# Configuration

<!-- Made from the models in src/moorage/config by `make docs`: change those, not this page. -->

Moorage is configured by one YAML file, and by environment variables on top of it. The file of an existing
registry of the reference implementation is read as it is, in the spelling of its version 2 or 3. A short one:

```yaml
version: {VERSION}
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: 127.0.0.1:5000
```

## Where the file is

The first of these that is there: the path on the command line, the path in `REGISTRY_CONFIGURATION_PATH`,
{", ".join(f"`{place}`" for place in USUAL_PLACES)}.
Without any, Moorage listens on 127.0.0.1:5000 and keeps its data in {DEFAULT_ROOT} if it can write there,
else in ./data. What is there and cannot be read keeps it from starting, for with defaults everybody may do everything: such as
a folder, which Docker makes where the file that it should mount is missing, or a symbolic link that leads nowhere.

## Checking it

`moorage config check` prints every mistake with its line (or variable), its dotted path and the key that was
probably meant, or else the effective configuration with all defaults filled in and secrets as `***`, but
for what would say nothing: empty lists, and defaults of keys without effect. On stderr it says then that there
are no mistakes. Wrong values are errors: the server does not start. Unknown keys are warnings. A key whose feature is not
built yet is refused by name at start. Files that the configuration names (certificates, passwords, groups) are not
opened, and nothing is asked over the network: the server does that when it starts.

## Environment variables

Each key has a variable: `REGISTRY_` and the path in capitals, with `_` in place of dots. The tables show them.

* Variables are applied in the order of their names, after the file. The value is read as YAML:
  `REGISTRY_HTTP_TLS_CLIENTCAS=[a.pem, b.pem]`. Where text is wanted it is taken as it is, without a line end at its
  end; only a value in quotes is read as YAML there too.
* Items of a list have numbers from 0, `REGISTRY_HTTP_TLS_CLIENTCAS_0`, also where an item is a section:
  `REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL`. The next free number adds an item.
* Where names are free, the rest of the variable is the name: `REGISTRY_HTTP_HEADERS_X-Frame-Options=[DENY]`. It is spelled
  as in the file if the file has it, else in lower case.
* A section may be replaced by a bare name, which drops everything the file has in it: `REGISTRY_AUTH=none`.
  To use another storage driver than the file does, set `REGISTRY_STORAGE` to its name too.
* An empty variable means the default.
* Unknown variables are warnings. Those that container platforms set for a service named `registry`
  (`REGISTRY_PORT`, `REGISTRY_SERVICE_HOST`, …) are ignored. No variable sets `version`.

## Values

* **Durations** are numbers with units, `168h`, `1m30s`, `10ms`; the units are ns, us, ms, s, m, h. A number
  without unit counts *nanoseconds*, as in the reference implementation; below a millisecond there is a warning.
* **Sizes** are bytes, `4194304`, or have a unit: `64KiB`, `4MiB`, `1GiB`.
* **Secrets**, and user and password in URLs, are never printed.
* A single value does where a list is wanted. An empty value means the default; an empty variable for an item of a
  list is refused.
* No key may be there twice. YAML anchors work; custom tags do not.
"""

_TABLE = "| key and variable | type | default | meaning |\n| --- | --- | --- | --- |\n"


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    single = [
        (name, key) for name, key in keys(Configuration).items() if isinstance(innermost(key.shape), Leaf)
    ]
    parts.append("## Keys at the top\n\n" + _TABLE + "".join(_row(name, key) for name, key in single))
    for name, key in keys(Configuration).items():
        shape = innermost(key.shape)
        if isinstance(shape, Keys):
            prefix = name if isinstance(key.shape, Keys) else f"{name}[0]"
            rows = (_row(path, inner) for path, inner in walk(shape.section, prefix))
            parts.append(f"## `{name}`\n\n{key.field.description}\n\n{_TABLE}{''.join(rows)}")
    return "\n".join(parts)


def _row(path: str, key: Key) -> str:
    variable = f"<br>`{variable_name(path)}`" if path != "version" else ""
    refusal = next((UNBUILT[name][1] for name in _refused_as(path) if name in UNBUILT), "")
    description = f"{key.field.description}{_bounds(key.shape)}"
    if refusal:
        description += f" **{refusal[0].upper()}{refusal[1:]}.**"
    return f"| `{path}`{variable} | {_type(key.shape)} | {_default(key)} | {description} |\n"


def _refused_as(path: str) -> Iterator[str]:
    """The names under which `features` may refuse a key: its own, and that of its section at the top."""
    yield from (path, f"{path}[]", path.partition(".")[0])


def _type(shape: Shape) -> str:
    if isinstance(shape, Keys):
        return "section"
    if isinstance(shape, ListOf):
        return "list of sections" if isinstance(shape.item, Keys) else f"list of {_type(shape.item)}"
    if isinstance(shape, MapOf):
        return f"names with {_type(shape.value)}"
    return shape.kind.name


def _default(key: Key) -> str:
    if isinstance(key.shape, Keys):
        return ""
    if key.field.is_required():
        return "**required**"
    value = key.field.get_default(call_default_factory=True)
    return f"`{_shown(value, key.shape)}`" if value not in (None, PydanticUndefined, [], {}, "") else ""


def _shown(value: Any, shape: Shape) -> str:
    if isinstance(value, list) and isinstance(shape, ListOf):
        return f"[{', '.join(_shown(item, shape.item) for item in value)}]"
    return shape.show(value) if isinstance(shape, Leaf) else str(value)


def _bounds(shape: Shape) -> str:
    """` From 1 to 256.`; nothing where there is no limit, or only that it is not negative."""
    if not isinstance(shape, Leaf):
        return ""
    least, most = (shape.show(limit) if limit else "" for limit in (shape.least, shape.most))
    if least and most:
        return f" From {least} to {most}."
    return f" At least {least}." if least else f" At most {most}." if most else ""


def _first_difference(old: str, new: str) -> Iterator[str]:
    for number, (before, after) in enumerate(
        zip_longest(old.splitlines(), new.splitlines(), fillvalue=""), start=1
    ):
        if before != after:
            yield f"line {number} is {before[:60]!r}, should be {after[:60]!r}"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or check it; 1 if it is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m moorage.config.reference", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    mode.add_argument("--check", type=Path, metavar="FILE", help="fail if the page is not up to date")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        chosen.write.write_text(page(), encoding="utf-8")
        return 0
    old = chosen.check.read_text(encoding="utf-8") if chosen.check.exists() else ""
    for difference in _first_difference(old, page()):
        print(f"{chosen.check}: {difference}; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The shape of the source: sizes, imports, names, words. What the pages say of it is kept true here."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SOURCE / "moorage").rglob("*.py"))
}
OURS = [path for folder in ("src", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]

MODULE_LINES, FUNCTION_LINES = 400, 60
VAGUE = re.compile(r"utils?|helpers?|managers?|common|misc|stuff", re.IGNORECASE)

IMPORTERS = {
    "starlette": ("moorage.api", "moorage.app", "moorage.server"),
    "granian": ("moorage.server",),
    "pydantic": ("moorage.config", "moorage.storage"),
    "yaml": ("moorage.config",),
    "typer": ("moorage.cli",),
    "rich": ("moorage.cli",),
    "bcrypt": ("moorage.auth.passwords", "moorage.cli"),
    "joserfc": ("moorage.auth",),
    "acme": ("moorage.letsencrypt",),
    "msgspec": ("moorage.wire", "moorage.manifest", "moorage.api", "moorage.events"),
    "uvloop": (),  # Granian imports it.
    "obstore": ("moorage.drivers.objectstore",),
    "boto3": ("moorage.drivers.objectstore.sdk",),
    "google.auth": ("moorage.drivers.objectstore.bearer",),
    "botocore": ("moorage.drivers.objectstore.sdk", "moorage.drivers.cloudfront"),
    "cryptography": (
        *("moorage.auth", "moorage.drivers.cloudfront", "moorage.letsencrypt", "moorage.server"),
        "moorage.unreadable",
    ),
    "aiohttp": (
        *("moorage.auth", "moorage.debug", "moorage.drivers.awsranges"),
        *("moorage.events", "moorage.health"),
    ),
    "prometheus_client": ("moorage.metrics",),
    "opentelemetry": ("moorage.tracing",),
    "bugsnag": ("moorage.reporting",),
    "newrelic": ("moorage.reporting",),
    "sentry_sdk": ("moorage.reporting",),
    "redis": ("moorage.store.descriptors.redis", "moorage.store.descriptors.connecting"),
}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def imports(path: Path, *, typing: bool = True) -> frozenset[str]:
    """Dotted names of all that a module imports; without `typing`, not what only a type checker sees."""
    found: set[str] = set()
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing:
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports by full name only"
            assert node.module is not None
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                found.add(whole if whole in MODULES else node.module)
        waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_modules_are_small_and_say_what_they_are() -> None:
    complaints = [f"{named(path)}{complaint}" for path in OURS for complaint in wrong_with(path)]
    assert not complaints, "\n".join(complaints)


def wrong_with(path: Path) -> Iterator[str]:
    tree, lines = parsed(path), len(path.read_text().splitlines())
    if lines > MODULE_LINES:
        yield f" has {lines} lines: find the second idea in it and give it a module"
    # The names of tests say it for them.
    if lines and not path.name.startswith(("test_", "conftest")) and not ast.get_docstring(tree):
        yield " begins with no word on what it is"
    if VAGUE.fullmatch(path.stem):
        yield ": name it after what is in it"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            words = re.findall(r"[A-Z]?[a-z]+", node.name)
            if any(VAGUE.fullmatch(word) for word in words):
                yield f": {node.name} says nothing"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f": {node.name} has {length} lines: split it by its steps"


def test_modules_are_small_as_a_rule() -> None:
    sizes = [len(path.read_text().splitlines()) for path in MODULES.values()]
    assert statistics.median(sizes) <= 150


def test_no_module_imports_itself_through_others() -> None:
    graph = {
        name: {found for found in imports(path, typing=False) if found in MODULES and found != name}
        for name, path in MODULES.items()
    }
    # A package of which a module is imported is imported first; its own `__init__` only gathers names.
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"cycle: {' -> '.join((*above[above.index(name) :], name))}"
        if name not in done:
            for below in sorted(graph[name]):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("library", IMPORTERS)
def test_a_library_stays_where_it_belongs(library: str) -> None:
    found = {
        name
        for name, path in MODULES.items()
        if any(one == library or one.startswith(library + ".") for one in imports(path))
    }
    allowed = IMPORTERS[library]
    strays = {name for name in found if not any(name == one or name.startswith(one + ".") for one in allowed)}
    assert not strays, f"{library} belongs to {', '.join(allowed) or 'nobody'}"
    idle = [one for one in allowed if not any(name == one or name.startswith(one + ".") for name in found)]
    assert not idle, f"{library} is not imported by {', '.join(idle)}: take that from IMPORTERS"


def test_only_the_composition_root_and_the_process_read_the_configuration() -> None:
    readers = {
        name.split(".")[1]
        for name, path in MODULES.items()
        if any(one.startswith("moorage.config") for one in imports(path)) and name != "moorage"
    }
    assert readers <= {
        *("config", "caches", "controllers", "storage", "middleware", "app", "server", "cli"),
        *("debug", "health", "logs", "notifications", "reporting"),
    }


def test_dangerous_things_are_not_used() -> None:
    """Nothing that runs what it reads, and no comparison of secrets that tells how far it got."""
    for name, path in MODULES.items():
        assert not {"pickle", "marshal", "shelve", "tempfile"} & set(imports(path)), name
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "yaml.load", "os.system", "yaml.unsafe_load"), (
                    f"{name}: {called}"
                )
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = " ".join(ast.unparse(side) for side in (node.left, *node.comparators))
                assert not re.search(r"\b(mac|_mac|signature|password|token)\b", sides), f"{name}: {sides}"


SECRET_COMPARISONS = (
    ("moorage.api.resume", "verify"),
    ("moorage.auth.passwords", "check"),
    ("moorage.auth.remembered", "knows"),
    ("moorage.auth.stamps", "holds"),
)
"""The functions that compare what a client sent with something secret, or made with a secret."""


@pytest.mark.parametrize(("module", "function"), SECRET_COMPARISONS)
def test_secrets_are_compared_in_constant_time(module: str, function: str) -> None:
    named_so = [
        ast.unparse(node)
        for node in ast.walk(parsed(MODULES[module]))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    assert any("hmac.compare_digest(" in text for text in named_so)


FOREIGN = re.compile(r"/home/\w+|/Users/\w+|\blocaldomain\b|\bissue #?\d+\b")


def test_the_sources_know_no_machine_but_the_one_they_run_on() -> None:
    for path in OURS:
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not FOREIGN.search(line), f"{named(path)}:{number}: {line.strip()}"


MAPPED_ELSEWHERE = ("moorage", "moorage.config.sections", "moorage.config.values")
"""By ARCHITECTURE.md, by the keys of the configuration, or by what they import."""


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_every_package_is_mapped_by_its_first_lines(package: str) -> None:
    first = ast.get_docstring(parsed(MODULES[package]))
    assert first, f"{package}: say what lives here and what to read first"
    inside = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == package}
    missing = inside - set(re.findall(r"\w+", first))
    assert package in MAPPED_ELSEWHERE or not missing, f"{package}: say what these are: {sorted(missing)}"

"""The configuration: typed, from one YAML file and the environment, every mistake told at once.

`sections/` holds the keys (one module per section; `values/` their types), `configuration` puts them
together. `loading` is the way in: `document` reads YAML, which `loader` scans, into `nodes` that remember their lines, `overrides`
puts `REGISTRY_*` on top, `spellings` moves older keys, `binding` and `checking` turn nodes into models or
problems (each a `problem`), with `schema` telling them the shape of the models. `effects` finds what cannot do anything, `features`
names what is not built yet, `plugins` keeps pydantic from looking for any, `rendering` prints, `reference` writes
docs/configuration.md. Nothing else reads YAML, or settings from `REGISTRY_*`. Of Moorage it imports `printable` only; of libraries
pydantic, PyYAML and, for patterns, re2.
"""

from moorage.config.configuration import Configuration
from moorage.config.loading import Loaded, load
from moorage.config.problem import ConfigurationError, Problem
from moorage.config.rendering import effective

__all__ = ["Configuration", "ConfigurationError", "Loaded", "Problem", "effective", "load"]

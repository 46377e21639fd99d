"""What the tests of the configuration share: loading from a text and variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from moorage.config import ConfigurationError, Loaded, load

Load = Callable[..., Loaded]
Refuse = Callable[..., ConfigurationError]

INMEMORY = "version: 0.1\nstorage: inmemory\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """`loaded(yaml, variables)`: what comes out. A text without version gets one, and inmemory storage."""

    def from_text(text: str, variables: Mapping[str, str] | None = None) -> Loaded:
        file = tmp_path / "config.yml"
        file.write_text(text if text.startswith("version") else INMEMORY + text)
        return load(file, variables or {})

    return from_text


@pytest.fixture
def refused(loaded: Load) -> Refuse:
    """The same for a configuration that cannot be used: the error."""

    def from_text(text: str, variables: Mapping[str, str] | None = None) -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            loaded(text, variables)
        return caught.value

    return from_text

"""Folders in memory, and the log of the process as it was."""

from tests.api.conftest import tmp_path as tmp_path
from tests.api.conftest import untouched_logging as untouched_logging

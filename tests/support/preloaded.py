"""What is in the memory of the process that servers and commands are forked off: all that most of them load."""

from __future__ import annotations

import gc
from importlib import import_module

from tests.support import models

for name in (
    "boto3.session",
    "botocore.client",
    "moorage.app",
    "moorage.cli.commands",
    "moorage.cli.progress",
    "moorage.cli.serving",
    "moorage.drivers.objectstore.azure",
    "moorage.drivers.objectstore.gcs",
    "moorage.drivers.objectstore.s3",
    "moorage.server",
    "moorage.store.garbage.collection",
    "rich.live",
):
    import_module(name)
models.remember()
# Else the first collection of each of them would write to all of that memory.
gc.freeze()

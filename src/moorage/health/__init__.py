"""Is the registry fit to serve? Asked now and then, so that a probe of ours costs nobody anything.

verdict    what all checks say together, and the switch; read first
check      one check: how often it may fail, and what the log says
probes     what is asked: the storage, files, addresses; `http` URLs, where the configuration names some
building   from the configuration to all of that
"""

from moorage.health.building import build
from moorage.health.verdict import Health

__all__ = ["Health", "build"]

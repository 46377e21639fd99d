"""Whether the registry is fit to serve. Checks run periodically, so that asking for the result costs nothing.

verdict    the combined result of all checks, and the switch; read first
check      one check: how often it may fail, and what is logged
probes     probes of the storage, of files and of addresses; `http` probes URLs, if any are configured
building   builds all of that from the configuration
"""

from moorage.health.building import build
from moorage.health.verdict import Health

__all__ = ["Health", "build"]

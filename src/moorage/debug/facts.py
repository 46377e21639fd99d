"""The content of `/debug/vars`: facts about one worker, under the reference implementation's names where it has such facts."""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from moorage import __version__
from moorage.debug.endpoints import endpoints
from moorage.debug.lag import Lag
from moorage.debug.parts import Parts
from moorage.store.descriptors import redispool


async def facts(parts: Parts, lag: Lag, began: float) -> dict[str, Any]:
    """The facts for JSON, without the environment and without secrets. `began` is when the worker started, in seconds since 1970."""
    return {
        "cmdline": sys.argv,
        "memstats": _memory(),
        "registry": await _registry(parts),
        "process": _process(parts, began),
        "eventloop": {
            "tasks": len(asyncio.all_tasks()),
            "latest_lag_seconds": round(lag.latest, 6),
            "longest_lag_seconds": round(lag.longest, 6),
        },
    }


def _memory() -> dict[str, Any]:
    """`Sys` is the memory in use by the process, `MaxSys` the most it has had so far, in bytes."""
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    generations = gc.get_stats()
    return {
        "Sys": now,
        # The kernel updates the maximum with a delay.
        "MaxSys": max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10),
        "NumGC": sum(one["collections"] for one in generations),
        "Generations": [
            {**one, "allocated": count} for one, count in zip(generations, gc.get_count(), strict=True)
        ],
    }


def _process(parts: Parts, began: float) -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "version": __version__,
        "python": platform.python_version(),
        "instance": parts.shared.instance,
        "pid": os.getpid(),
        "workers": _siblings(),
        "uptime_seconds": round(time.time() - began, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "threads": len(os.listdir("/proc/self/task")),
        "python_threads": threading.active_count(),
        "open_files": len(os.listdir("/proc/self/fd")),
        "most_open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def _siblings() -> list[int]:
    """The process ids of the server's workers, any of which may answer a request, and of the process that renews the
    certificate, if there is one."""
    launcher = os.getppid()
    try:
        told = Path(f"/proc/{launcher}/task/{launcher}/children").read_text()
    except OSError:
        # Not every kernel has this file.
        return [os.getpid()]
    return sorted(map(int, told.split()))


async def _registry(parts: Parts) -> dict[str, Any]:
    found: dict[str, Any] = {
        "storage": parts.registry.stock.driver.name,
        "notifications": await endpoints(parts.notifications),
    }
    if parts.configuration.storage.cache.blobdescriptor == "redis":
        found["redis"] = _redis(parts)
    return found


def _redis(parts: Parts) -> dict[str, Any]:
    """The connections to Redis. `Active` counts those that are running a command, as in version 3 of the reference implementation,
    which has no `Idle` and no `Most`."""
    pool = redispool.connections()
    return {
        "Config": parts.configuration.redis.model_dump(mode="json"),
        "Active": pool.active,
        "Idle": pool.idle,
        "Most": pool.most,
    }

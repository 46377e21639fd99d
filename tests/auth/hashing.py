"""Password lines, and what takes the place of bcrypt's function where its work is counted or would take too long."""

from __future__ import annotations

import base64
import hashlib
import threading

import bcrypt


class Clock:
    """Stands still until it is moved."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Counted:
    """Bcrypt itself; the costs of its calls are kept. While `gate` is closed, nobody comes through; `through` counts who did."""

    def __init__(self) -> None:
        self.costs: list[int] = []
        self.through = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, password: bytes, salt: bytes) -> bytes:
        self.costs.append(int(salt[4:6]))
        if not self.gate.wait(60):
            self.gate.set()
            raise AssertionError("nobody opened the gate")
        self.through += 1
        return bcrypt.hashpw(password, salt)

    @property
    def rounds(self) -> int:
        return sum(1 << cost for cost in self.costs)


def line(user: str, password: str, cost: int = 4) -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()}\n"


def quick(password: bytes, salt: bytes) -> bytes:
    """A hash of the same form, without work."""
    return salt + base64.b64encode(hashlib.sha256(salt + password).digest(), b"./")[:31]


def quick_line(user: str, password: str) -> str:
    return f"{user}:{quick(password.encode(), b'$2b$04$' + b'.' * 22).decode()}\n"


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

"""Send fuzzed requests over keep-alive connections and ask the oracle about every answer."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.client import location
from tests.faults.fuzz_oracle import Oracle
from tests.faults.fuzz_requests import Request, RequestGrammar
from tests.faults.wire import Answer, Wire

HANG_SECONDS = 10.0
EXAMPLES = 5


@dataclass
class FuzzResult:
    """Answers by status; faults by kind, with the first requests that found each."""

    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def note(self, fault: str, where: str, raw: bytes, answer: Answer | None) -> None:
        self.faults[fault] += 1
        if self.faults[fault] <= EXAMPLES:
            self.examples.append(f"{fault}: {where}: {raw[:400]!r}: {answer}")


def fuzz(port: int, seed: int, requests: int, oracle: Oracle) -> FuzzResult:
    """`requests` requests from `seed`, one after the other."""
    grammar = RequestGrammar(seed)
    result = FuzzResult()
    wire: Wire | None = None
    for number in range(requests):
        request = grammar.request()
        fresh = wire is None
        if wire is None:
            wire = Wire(port, HANG_SECONDS)
        fault, answer = exchange(wire, request, oracle)
        if answer is None and not fresh and request.whole:
            # The server may close a kept connection at any time; what counts is what a fresh one says.
            wire.close()
            wire = Wire(port, HANG_SECONDS)
            fault, answer = exchange(wire, request, oracle)
        if fault:
            result.note(fault, f"seed {seed}, request {number}", request.raw, answer)
        if answer is None:
            result.unanswered += 1
        else:
            result.statuses[answer.status] += 1
            if answer.status == 202 and "location" in answer.headers:
                with contextlib.suppress(ValueError):  # made from a hostile Host by a server that trusts it
                    grammar.learn(location(answer))
        if answer is None or answer.closes or not request.whole:
            wire.close()
            wire = None
    if wire is not None:
        wire.close()
    return result


def exchange(wire: Wire, request: Request, oracle: Oracle) -> tuple[str, Answer | None]:
    """One request and its answer. Only a request that is not good HTTP may go without one."""
    try:
        try:
            wire.send(request.raw)
            if not request.whole:
                wire.finish_sending()
        except OSError as error:
            if not wire.answered_within(1.0):
                return (f"not taken: {error!r}" if request.plain else ""), None
        answer = wire.receive(head=request.method == "HEAD")
    except TimeoutError:
        return "no answer in time", None
    except OSError as error:
        return (f"no answer but {error!r}" if request.plain else ""), None
    return oracle.fault(request, answer), answer

"""Scripts that run inside Redis, which executes each of them atomically.

All keys are in one hash slot, so a cluster keeps them on one node and a script can use them together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Script:
    text: str
    sha: str = field(init=False)
    """The hash by which Redis knows a script that it has run before."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


ASK: Final = Script("""
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local generation = found[1] and string.match(found[1], '^%x+%.%d+%.%d+$') or false
generation = generation and (generation .. '.' .. server)
local state = generation and (generation .. ' ' .. (found[2] or ''))
local full = false
if ARGV[1] and state == ARGV[1] then
    local put = redis.pcall('SET', KEYS[3], generation .. ' ' .. ARGV[2], 'PX', ARGV[3])
    if put.err and not string.find(put.err, 'OOM', 1, true) then
        return put
    end
    full = put.err or false
end
return {KEYS[3], state, found[3], full}
""")
"""Reads an entry, and puts a new one if arguments are given.

Keys: generation, drops, entry. Arguments, to put: the state under which the entry was made, its text, and the milliseconds
to keep it; nothing is put in any other state. Returns the entry's key, the state of all entries (nothing without a
generation in the form that `CHANGE` writes), the entry as it was found, and what Redis said if it has no memory for the new one.

The state includes the run id of the server process: a restart from an older file or a failover may have lost what an
earlier process was sent last."""

CHANGE: Final = Script("""
local now = redis.call('TIME')
for index = 1, #KEYS do
    redis.call('DEL', KEYS[index])
end
redis.call('SET', KEYS[1], ARGV[1] .. '.' .. now[1] .. '.' .. now[2])
""")
"""Gives a key a new value and deletes entries.

Keys: the one to change, then the entries. Argument: a random text. Together with the time, it makes the value a new one
even if the client sends the same command twice because it saw no answer.

It deletes first: a script that has written something may go on writing where there is no memory left, so also a Redis that is full forgets
what it is told to."""

"""What runs inside Redis, where nothing comes in between.

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
    """By which Redis knows a text that it has run before."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


ASK: Final = Script("""
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local generation = found[1] and string.match(found[1], '^%x+%.%d+%.%d+$') or false
generation = generation and (generation .. '.' .. server)
local state = generation and (generation .. ' ' .. (found[2] or ''))
if ARGV[1] and state == ARGV[1] then
    redis.call('SET', KEYS[3], generation .. ' ' .. ARGV[2], 'PX', ARGV[3])
end
return {KEYS[3], state, found[3]}
""")
"""Keys: generation, drops, entry. Returns the entry's key, the state of all entries (nothing without a generation of the form that `CHANGE` writes), and
the entry as it was found. Arguments, to put: the state under which the entry was made, its text, milliseconds to keep
it; nothing is put in another state. The generation is one of this very server process: what another one was told last
may have been lost on the way, by a restart from an older file or by a failover."""

CHANGE: Final = Script("""
local now = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[1] .. '.' .. now[1] .. '.' .. now[2])
for index = 2, #KEYS do
    redis.call('DEL', KEYS[index])
end
""")
"""Keys: what is to have another value, and entries to delete. Argument: a random text. With the time, the value is a new
one even if the client sends the same command twice because it saw no answer."""

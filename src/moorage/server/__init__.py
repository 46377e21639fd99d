"""The process: a launcher around Granian, and the workers that it forks.

Granian's own defaults let a thousand silent connections block a worker for ever, and read a certificate once. Here:

    serving       `serve`: from the configuration to a running launcher; read first
    listening     the listening sockets, on which the kernel gives up on clients that take nothing
    debugging     the socket of the debug listener; `tallies` the folder in which workers count
    launcher      starts workers, replaces those that die or whose certificate is old, ends them in time
    forking       whether there is room for one more process
    protocols     HTTP/1.1 and HTTP/2: which is spoken, and the bounds of each
    certificates  files of TLS, checked so that no worker fails on them; `keys` the key, `authorities` those of clients
    renewal       notices that these files were replaced
    sealed        a copy of them in memory, which workers read
    worker        what happens inside a worker besides requests
    retirement    how a worker gives up its place without losing a connection
    connections   which connections have a request in flight
    idle          ends those that have none for too long
    signals       which signals launcher and workers heed, and when
"""

from moorage.server.errors import ServerError
from moorage.server.listening import listen
from moorage.server.serving import default_workers, serve

__all__ = ["ServerError", "default_workers", "listen", "serve"]

"""The server process: a launcher around Granian, and the workers that it forks.

With Granian's defaults, a thousand silent connections block a worker forever, and a certificate is read only once. The modules:

    serving       `serve`: from the configuration to a running launcher; read first
    listening     the listening sockets; the kernel ends connections whose client stops reading
    openfiles     how many connections are taken where few files may be open
    debugging     the socket of the debug listener; `tallies` holds the folder in which workers count
    launcher      starts workers, replaces those that die or have an old certificate, and stops them in time
    forking       whether there is room for one more process
    protocols     HTTP/1.1 and HTTP/2: which is spoken, and the limits of each
    certificates  TLS files, checked so that no worker fails on them; `files` reads them, `keys` is for the key, `authorities` for
                  client certificates
    renewal       notices when these files are replaced
    sealed        copies of them in memory, which workers read
    worker        what a worker does besides serving requests
    scheduling    how the threads of a worker share processors
    retirement    how a worker is replaced without losing a connection
    cutting       how it ends the bodies that it still receives when its time is over
    connections   which connections have a request in flight
    supervisor    tells systemd when the server is ready
    orphans       ends a worker whose launcher was killed
    idle          ends connections that have had none for too long
    signals       which signals the launcher and the workers handle, and when
    errors        why the server cannot run
"""

from moorage.server.errors import ServerError
from moorage.server.listening import listen
from moorage.server.serving import serve

__all__ = ["ServerError", "listen", "serve"]

"""The clients. `specs` says what can be asked for and what comes back; `launch` runs it in a child process, which begins in `child`.

wrk (`wrk`) does what it can do: many GETs. It cannot do HEAD, uploads or a steady pace, so these are our own:
`mix` (small requests, as fast as answers come), `blobs` (large uploads of a `payload`), `images` (whole small images)
and `paced` (a fixed rate, so that a stall of the server cannot hide). `connection` is the HTTP they speak;
`restart` is how an upload has its server restarted. `commands` runs programs of somebody else's: crane, curl.
"""

"""Moto's S3 alone, as `moto_server` serves it: `motoserver.py PORT`.

`moto_server` finds out for each request which of Amazon's services is meant, and looks for all of them on the disk to do so: that
takes as long as the answer.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple


def main(port: int) -> None:
    signal.signal(signal.SIGTERM, stop)
    run_simple("127.0.0.1", port, create_backend_app("s3"), threaded=True, request_handler=MotoRequestHandler)


def stop(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))

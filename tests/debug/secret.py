"""A configuration with something secret wherever one may be."""

from __future__ import annotations

from typing import Final

CANARY: Final = "hunter2"

ENVIRONMENT: Final = {"REGISTRY_HTTP_SECRET": f"{CANARY}-in-the-environment"}

HTTP: Final = f"  headers: {{X-Of-Ours: [{CANARY}-header]}}\n"

REST: Final = f"""\
health:
  http:
    - uri: 'http://robot:{CANARY}@127.0.0.1:1/?token={CANARY}'
      headers: {{X-Token: [{CANARY}]}}
      interval: 1h
      threshold: 1000
redis:
  addrs: ['127.0.0.1:1']
  password: {CANARY}
notifications:
  endpoints:
    - name: listener
      url: 'http://robot:{CANARY}@127.0.0.1:1/events'
      headers: {{Authorization: ['Bearer {CANARY}']}}
      timeout: 1500ms
      threshold: 5
      backoff: 2s
      ignore: {{mediatypes: [application/octet-stream], actions: [pull]}}
"""

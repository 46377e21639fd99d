"""The most tags of one push: clients have limits of their own for the headers that name them."""

from __future__ import annotations

import json
from pathlib import Path

from moorage.digest import Digest
from tests.access.servers import ask, served

INDEX = "application/vnd.oci.image.index.v1+json"


def test_pythons_own_client_reads_the_answer_to_as_many_tags_as_are_taken(tmp_path: Path) -> None:
    """It refuses more than 100 headers. A subject, the origin of a page and more have one each."""
    headers = {f"X-Other-{number}": ["x"] for number in range(8)}
    subject = {"mediaType": INDEX, "digest": str(Digest.of(b"x")), "size": 1}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": subject}
    payload = json.dumps(index).encode()
    with served(tmp_path, {}, {"headers": headers}) as server:
        for count, status in ((80, 201), (81, 400)):
            tags = "&".join(f"tag=v{number}" for number in range(count))
            target = f"/v2/a/manifests/{Digest.of(payload)}?{tags}"
            assert ask(server, "PUT", target, payload, {"Content-Type": INDEX}).status == status

"""The Accept header changes nothing: another form of a manifest would have another digest."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from moorage.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.api.client import Client
from tests.api.pushing import push
from tests.store.images import image, index

IMAGE = image("accepted")
INDEX = index(IMAGE)

TYPES = st.sampled_from([
    *(OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "*/*", "application/*", "text/html", ""),
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
])  # fmt: skip
WEIGHTS = st.sampled_from(["", ";q=0", "; q=0.5", ";q=1.0000", ";q=x", ";charset=utf-8", ";;"])
RANGES = st.tuples(TYPES, WEIGHTS).map("".join)
LINES = st.lists(RANGES, max_size=6).map(", ".join) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255), max_size=40
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(lines=st.lists(LINES, max_size=3), method=st.sampled_from(["GET", "HEAD"]))
@example(lines=["*/*;q=0"], method="GET")
@example(lines=[",,;,"], method="GET")
async def test_a_manifest_is_the_same_whatever_a_client_accepts(
    memory: Client, lines: list[str], method: str
) -> None:
    await push(memory, "a", INDEX, "all")
    for pushed, reference in ((INDEX, "all"), (INDEX, INDEX.digest), (IMAGE, IMAGE.digest)):
        headers = [("accept", line) for line in lines]
        found = await memory(method, f"/v2/a/manifests/{reference}", headers=headers)
        assert found.status == 200
        assert found.headers["content-type"] == pushed.media_type
        assert found.headers["docker-content-digest"] == pushed.digest
        assert found.body == (b"" if method == "HEAD" else pushed.payload)

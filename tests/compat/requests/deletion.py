"""Deleting tags, manifests and blobs, and what is left."""

from tests.compat.requests.manifests import DOCKER, NAME, OCI
from tests.compat.requests.uploads import ABSENT, DIGEST
from tests.compat.steps import Step
from tests.support.images import OCI_MANIFEST

ACCEPT = {"accept": OCI_MANIFEST}

STEPS = (
    Step("delete a tag", "DELETE", f"{NAME}/manifests/parameter"),
    Step("deleted tag", "GET", f"{NAME}/manifests/parameter", headers=ACCEPT),
    Step("tag beside the deleted one", "HEAD", f"{NAME}/manifests/oci", headers=ACCEPT),
    Step("delete a tag twice", "DELETE", f"{NAME}/manifests/parameter"),
    Step("delete a bad tag", "DELETE", f"{NAME}/manifests/-bad"),
    Step("delete a manifest", "DELETE", f"{NAME}/manifests/{OCI.digest}"),
    Step("deleted manifest", "GET", f"{NAME}/manifests/{OCI.digest}", headers=ACCEPT),
    Step("tag of a deleted manifest", "GET", f"{NAME}/manifests/oci", headers=ACCEPT),
    Step("delete a manifest twice", "DELETE", f"{NAME}/manifests/{OCI.digest}"),
    Step("delete an unknown manifest", "DELETE", f"{NAME}/manifests/{ABSENT}"),
    Step("delete a manifest by a bad digest", "DELETE", f"{NAME}/manifests/sha256:12"),
    Step("delete in an unknown repository", "DELETE", f"/v2/nowhere/manifests/{DOCKER.digest}"),
    Step("delete a blob", "DELETE", f"/v2/harbour/quay/blobs/{DIGEST}"),
    Step("deleted blob", "GET", f"/v2/harbour/quay/blobs/{DIGEST}"),
    Step("deleted blob by head", "HEAD", f"/v2/harbour/quay/blobs/{DIGEST}"),
    Step("the same blob elsewhere", "HEAD", f"/v2/harbour/pier/blobs/{DIGEST}"),
    Step("delete a blob twice", "DELETE", f"/v2/harbour/quay/blobs/{DIGEST}"),
    Step("delete an unknown blob", "DELETE", f"/v2/harbour/quay/blobs/{ABSENT}"),
    Step("delete a blob by a bad digest", "DELETE", "/v2/harbour/quay/blobs/nonsense"),
    Step("delete a blob in an unknown repository", "DELETE", f"/v2/nowhere/blobs/{DIGEST}"),
    Step("delete a repository", "DELETE", "/v2/harbour/quay"),
    Step("tags at the end", "GET", f"{NAME}/tags/list"),
)

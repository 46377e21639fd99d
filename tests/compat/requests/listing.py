"""Tags, repositories and referrers, whole and in pages."""

from tests.compat.requests.manifests import OCI
from tests.compat.requests.uploads import ABSENT
from tests.compat.steps import Step

TAGS = "/v2/harbour/quay/tags/list"
CATALOG = "/v2/_catalog"
REFERRERS = "/v2/harbour/quay/referrers"

STEPS = (
    Step("tags", "GET", TAGS),
    Step("tags by head", "HEAD", TAGS),
    Step("tags, first page", "GET", f"{TAGS}?n=2"),
    Step("tags, second page", "GET", f"{TAGS}?n=2&last=empty"),
    Step("tags, last page", "GET", f"{TAGS}?n=2&last=oci"),
    Step("tags, a page as long as the list", "GET", f"{TAGS}?n=9"),
    Step("tags after one that is not there", "GET", f"{TAGS}?last=m"),
    Step("tags after all", "GET", f"{TAGS}?n=2&last=zzz"),
    Step("tags, none asked for", "GET", f"{TAGS}?n=0"),
    Step("tags, fewer than none", "GET", f"{TAGS}?n=-1"),
    Step("tags, a number that is none", "GET", f"{TAGS}?n=abc"),
    Step("tags, no number", "GET", f"{TAGS}?n="),
    Step("tags, very many", "GET", f"{TAGS}?n=1000000"),
    Step("tags of an unknown repository", "GET", "/v2/nowhere/tags/list"),
    Step("tags of a repository of blobs only", "GET", "/v2/harbour/pier/tags/list"),
    Step("tags posted", "POST", TAGS, b""),
    Step("tags with a slash behind", "GET", f"{TAGS}/"),
    Step("catalog", "GET", CATALOG),
    Step("catalog, first page", "GET", f"{CATALOG}?n=1"),
    Step("catalog, last page", "GET", f"{CATALOG}?n=1&last=zzz"),
    Step("catalog, none asked for", "GET", f"{CATALOG}?n=0"),
    Step("catalog, fewer than none", "GET", f"{CATALOG}?n=-1"),
    Step("catalog, a number that is none", "GET", f"{CATALOG}?n=abc"),
    Step("catalog, very many", "GET", f"{CATALOG}?n=1000000"),
    Step("referrers", "GET", f"{REFERRERS}/{OCI.digest}"),
    Step("referrers of one type", "GET", f"{REFERRERS}/{OCI.digest}?artifactType=application/x"),
    Step("referrers of nothing", "GET", f"{REFERRERS}/{ABSENT}"),
    Step("referrers of a bad digest", "GET", f"{REFERRERS}/nonsense"),
)

"""The request sequence of the differential test, one module per part of the API, played in this order."""

from tests.compat.requests.base import STEPS as BASE
from tests.compat.requests.blobs import STEPS as BLOBS
from tests.compat.requests.deletion import STEPS as DELETION
from tests.compat.requests.listing import STEPS as LISTING
from tests.compat.requests.manifests import STEPS as MANIFESTS
from tests.compat.requests.uploads import STEPS as UPLOADS

STEPS = (*BASE, *UPLOADS, *BLOBS, *MANIFESTS, *LISTING, *DELETION)

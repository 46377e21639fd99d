"""Manifests as values: their media type and what they refer to. The bytes themselves are never re-encoded.

Formats: OCI image-spec (image manifest, image index), Docker image manifest version 2 schema 2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from moorage.digest import Digest
from moorage.errors import DigestInvalid, ManifestInvalid

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1"
ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"
"""Of release candidates of OCI image-spec 1.1, without a schemaVersion."""

IMAGES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
_UNTYPED: Final = frozenset({"", "application/json", "application/octet-stream", "text/plain"})

_SCHEMA_1_REFUSED: Final = (
    "Docker image manifest version 2, schema 1 is not supported: push the image with Docker 1.10 or newer"
)
_ARTIFACT_REFUSED: Final = (
    "OCI artifact manifests were withdrawn from the specification: push it as an image manifest with artifactType "
    "(ORAS 1.1 or newer does)"
)

_NO_PLATFORM: Final = msgspec.Raw()
_LARGEST_SIZE: Final = 2**63 - 1

# Go's decoder, and so the reference implementation, takes null for the empty value of any type. So it is taken here, and
# replaced by that value before anyone sees it.
if TYPE_CHECKING:
    _Text: TypeAlias = str
    _Number: TypeAlias = int
else:
    _Text = str | None
    _Number = int | None


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A reference to content. Source: OCI image-spec, descriptor."""

    # The reference implementation takes descriptors without these two, and no decision depends on them: blobs are found by
    # digest. They have factories because `omit_defaults` leaves out other defaults, and clients expect both members.
    media_type: _Text = msgspec.field(default_factory=str)
    size: _Number = msgspec.field(default_factory=int)
    digest: str
    urls: list[_Text] | None = None
    annotations: dict[str, _Text] | None = None
    artifact_type: str | None = None
    # In the entries of an index. Kept raw: decoded, it may take a hundred times the memory, and it is rarely used.
    raw_platform: msgspec.Raw = msgspec.field(default=_NO_PLATFORM, name="platform")

    def __post_init__(self) -> None:
        if not self.media_type:
            msgspec.structs.force_setattr(self, "media_type", "")
        if not self.size:
            msgspec.structs.force_setattr(self, "size", 0)
        if self.urls:
            self.urls[:] = [url or "" for url in self.urls]
        _fill(self.annotations)
        if self.raw_platform is _NO_PLATFORM:
            return
        first = bytes(memoryview(self.raw_platform)[:1])
        if first == b"n":
            msgspec.structs.force_setattr(self, "raw_platform", _NO_PLATFORM)
        elif first != b"{":
            raise ValueError("a descriptor's platform is no object")

    @property
    def platform(self) -> dict[str, Any] | None:
        """The decoded platform; each access decodes it again."""
        if self.raw_platform is _NO_PLATFORM:
            return None
        try:
            return msgspec.json.decode(self.raw_platform, type=dict[str, Any])
        except RecursionError:
            # The manifest was parsed on a shallower stack. No meaningful platform is nested this deep.
            return None


def _fill(annotations: dict[str, str] | None) -> None:
    if annotations is None or all(annotations.values()):
        return
    for key, value in annotations.items():
        annotations[key] = value or ""


class _Platform(msgspec.Struct):
    """The members of a platform that Go knows (Docker manifest list version 2; OCI image-spec, image index)."""

    architecture: _Text = ""
    os: _Text = ""
    variant: _Text = ""
    version: _Text = msgspec.field(default="", name="os.version")
    os_features: list[_Text] | None = msgspec.field(default=None, name="os.features")
    features: list[_Text] | None = None


_PLATFORMS: Final = msgspec.json.Decoder(_Platform)


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of all formats that matter here. Unknown fields stay in the payload and are ignored."""

    schema_version: int | None = None
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | msgspec.UnsetType | None = msgspec.UNSET
    subject: Descriptor | None = None
    annotations: dict[str, _Text] | None = None
    fs_layers: Any = None

    def __post_init__(self) -> None:
        _fill(self.annotations)

    @property
    def children(self) -> list[Descriptor] | None:
        """The entries of `manifests`; None if the member is null or absent."""
        return None if self.manifests is msgspec.UNSET else self.manifests


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest."""

    payload: bytes
    """The bytes as pushed, and as served."""
    media_type: str
    blobs: tuple[Descriptor, ...]
    """Config and layers; empty for an index."""
    manifests: tuple[Descriptor, ...]
    """Children of an index; empty for an image."""
    subject: Descriptor | None
    artifact_type: str | None
    """As in the referrers API: `artifactType`, or else the media type of an image's config."""
    annotations: dict[str, str] | None

    def descriptor(self, digest: Digest) -> Descriptor:
        """The entry for this manifest in the referrers API (distribution-spec, "Listing referrers")."""
        return Descriptor(
            media_type=self.media_type,
            size=len(self.payload),
            digest=digest,
            artifact_type=self.artifact_type,
            annotations=self.annotations,
        )


def parse(payload: bytes, content_type: str = "") -> Manifest:
    """Parse a payload that was pushed as `content_type`. Raises ManifestInvalid with the reason.

    A document that two clients could read in two ways would have one digest and two meanings, so it is refused:
    duplicate keys, keys that differ from a known one only in case, an index that is also an image, a `mediaType`
    that contradicts the Content-Type (CVE-2021-41190). A list that is null or absent counts as empty, because programs
    written in Go write empty lists so, as long as the document itself shows whether it is an image or an index.
    """
    declared = check_type(content_type)
    document = _decode(payload)
    media_type = _media_type(document, declared)
    index = media_type in INDEXES
    _check_digests(document)
    return Manifest(
        payload=payload,
        media_type=media_type,
        blobs=() if index else _image_blobs(document),
        manifests=tuple(document.children or ()) if index else (),
        subject=document.subject,
        artifact_type=_artifact_type(document, index),
        annotations=document.annotations,
    )


def check_pushed(found: Manifest) -> None:
    """Refuse what the reference implementation can neither take nor serve: a size over 63 bits, a platform of other types.
    Raises ManifestInvalid.

    Only for pushes. Such manifests may be stored already, and what could not be read could not be collected.
    """
    for descriptor in (*found.blobs, *found.manifests):
        if descriptor.size > _LARGEST_SIZE:
            raise ManifestInvalid(
                "a descriptor's size is over 2^63 - 1", detail={"digest": descriptor.digest}
            )
        if descriptor.raw_platform is _NO_PLATFORM:
            continue
        try:
            _PLATFORMS.decode(descriptor.raw_platform)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ManifestInvalid(
                f"a descriptor's platform does not have the expected shape: {error}",
                detail={"digest": descriptor.digest},
            ) from None


def check_type(content_type: str) -> str:
    """The media type that a payload is pushed as; empty for an empty Content-Type. Raises ManifestInvalid for one that no manifest
    has."""
    declared = content_type.partition(";")[0].strip().lower()
    if content_type and "/" not in declared:
        raise ManifestInvalid(f"the Content-Type {content_type[:100]!r} is not a media type")
    if declared.startswith(SCHEMA_1):
        raise ManifestInvalid(_SCHEMA_1_REFUSED)
    if declared == ARTIFACT:
        raise ManifestInvalid(_ARTIFACT_REFUSED)
    return declared


def _decode(payload: bytes) -> _Document:
    try:
        text = payload.decode("utf-8")
    except UnicodeError:
        raise ManifestInvalid("the manifest is not JSON in UTF-8") from None
    try:
        raw = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            # As they are: Python refuses very long ones, and those that matter are decoded below.
            parse_int=str,
        )
        if b"\\ud" in payload.lower():
            # A lone surrogate cannot be encoded as UTF-8, so it could never be written out again.
            json.dumps(raw, ensure_ascii=False).encode()
        document = msgspec.json.decode(payload, type=_Document)
    except RecursionError:
        raise ManifestInvalid("the manifest is nested too deeply") from None
    except json.JSONDecodeError:
        raise ManifestInvalid("the manifest is not JSON in UTF-8") from None
    except UnicodeError:
        raise ManifestInvalid("the manifest has half of a surrogate pair, which is no character") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ManifestInvalid(f"the manifest does not have the expected shape: {error}") from None
    _refuse_other_spellings(raw)
    if document.fs_layers is not None or document.schema_version == 1:
        raise ManifestInvalid(_SCHEMA_1_REFUSED)
    if document.media_type == ARTIFACT:
        raise ManifestInvalid(_ARTIFACT_REFUSED)
    if document.schema_version != 2:
        raise ManifestInvalid("the manifest's schemaVersion is not 2")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members


_NAMES: Final = frozenset(name for kind in (_Document, Descriptor) for name in kind.__struct_encode_fields__)
"""The names of all known members, at any level."""
_FOLDED: Final = frozenset(name.casefold() for name in _NAMES)


def _refuse_other_spellings(raw: dict[str, Any]) -> None:
    """Refuse members whose names differ from known ones only in case.

    Go's decoder, which the reference implementation and most clients use, takes `Layers` for `layers`. It would see
    references that are not seen here, and garbage collection would remove what they need.
    """
    described = [raw, raw.get("config"), raw.get("subject")]
    for entry in (*described, *(raw.get("layers") or ()), *(raw.get("manifests") or ())):
        if not entry or entry.keys() <= _NAMES:
            continue
        for key in entry:
            if key not in _NAMES and key.casefold() in _FOLDED:
                raise ManifestInvalid(
                    f"the manifest's member {key[:100]!r} is spelled otherwise in the specification"
                )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _media_type(document: _Document, declared: str) -> str:
    """The media type of the document, decided from the Content-Type, `mediaType` and its shape."""
    inner = document.media_type
    if inner and not _safe_in_header(inner):
        raise ManifestInvalid("the manifest's mediaType has characters that no media type has")
    if inner and declared not in _UNTYPED and inner.lower() != declared:
        raise ManifestInvalid(f"the manifest's mediaType {inner!r} is not the Content-Type {declared!r}")
    is_index = document.children is not None
    is_image = document.config is not None or document.layers is not None
    if is_index and is_image:
        raise ManifestInvalid("the manifest is an index and an image at once")
    looks_like = OCI_INDEX if document.manifests is not msgspec.UNSET and not is_image else OCI_MANIFEST
    found = inner or (declared if declared not in _UNTYPED else looks_like)
    if found in INDEXES and is_image:
        raise ManifestInvalid(f"{found} has no members config and layers")
    if found in INDEXES and not inner and looks_like != OCI_INDEX:
        # The Content-Type is not stored, so nothing in the storage would show what this is.
        raise ManifestInvalid(f"{found} needs its mediaType in the manifest, or the member manifests")
    if found in IMAGES and is_index:
        raise ManifestInvalid(f"{found} has no member manifests")
    if found in IMAGES and document.config is None:
        raise ManifestInvalid(f"{found} needs the member config")
    if found not in INDEXES | IMAGES:
        raise ManifestInvalid(f"unknown manifest media type {found!r}")
    if found in (DOCKER_MANIFEST, DOCKER_LIST) and not inner:
        raise ManifestInvalid(f"{found} needs its mediaType in the manifest")
    return found


def _safe_in_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and len(text) < 256


def _check_digests(document: _Document) -> None:
    for descriptor in (
        *_image_blobs(document),
        *(document.children or ()),
        *((document.subject,) if document.subject else ()),
    ):
        try:
            Digest.parse(descriptor.digest)
        except DigestInvalid as error:
            raise ManifestInvalid(error.message, detail=error.detail) from None
        if descriptor.size < 0:
            raise ManifestInvalid("a descriptor has a negative size", detail={"digest": descriptor.digest})


def _image_blobs(document: _Document) -> tuple[Descriptor, ...]:
    return (*((document.config,) if document.config else ()), *(document.layers or ()))


def _artifact_type(document: _Document, index: bool) -> str | None:
    if document.artifact_type:
        return document.artifact_type
    return None if index or document.config is None else document.config.media_type or None

"""Repository names, tags and upload ids. Grammar: OCI distribution-spec, "Pulling manifests"."""

from __future__ import annotations

import re
import uuid
from typing import Final

from moorage.errors import NameInvalid, TagInvalid, UploadUnknown

NAME_LIMIT: Final = 255

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_UPLOAD: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,127}")


class Name(str):
    """A repository name: lower-case components joined by slashes, 255 characters at most."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Name:
        """Raises NameInvalid."""
        if not cls.is_valid(text):
            raise NameInvalid(detail={"name": text[:NAME_LIMIT]})
        return cls(text)

    @staticmethod
    def is_valid(text: str) -> bool:
        return len(text) <= NAME_LIMIT and _NAME.fullmatch(text) is not None


class Tag(str):
    """A tag: 128 characters at most, the first one a letter, a digit or an underscore."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Raises TagInvalid."""
        if _TAG.fullmatch(text) is None:
            raise TagInvalid(detail={"tag": text[:200]})
        return cls(text)


class UploadId(str):
    """The name of an upload session, opaque to clients."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> UploadId:
        """Raises UploadUnknown: no session can have a name outside the grammar."""
        if _UPLOAD.fullmatch(text) is None:
            raise UploadUnknown(detail={"uuid": text[:200]})
        return cls(text)

    @classmethod
    def new(cls) -> UploadId:
        """A random version 4 UUID, as the reference implementation writes it."""
        return cls(uuid.uuid4())

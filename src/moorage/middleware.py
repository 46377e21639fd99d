"""Wraps the storage driver in what `middleware.storage` configures. The libraries of `cloudfront` are optional, so they are
imported only when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from moorage.config import Configuration
from moorage.config.sections.middleware import StorageMiddleware, StorageOptions
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.redirects import Redirected, Rewritten
from moorage.tasks import Work

if TYPE_CHECKING:
    from moorage.drivers.awsranges import AWSRanges


def wrap(driver: Driver, configuration: Configuration) -> tuple[Driver, list[Work]]:
    """Return the driver in its middleware, later entries around earlier ones, and the background work that this needs.

    Calls neither the store nor any other service. Raises DriverError naming the key.

    Middleware only decides where clients are redirected to. So with `storage.redirect.disable` its configuration is still
    checked, and the driver is returned as it is.
    """
    around, work = driver, list[Work]()
    for index, entry in enumerate(configuration.middleware.storage):
        if not entry.disabled and entry.works_over(driver.name):
            around = _wrapped(around, entry, f"middleware.storage[{index}]", work)
    return (driver, []) if configuration.storage.redirect.disable else (around, work)


def _wrapped(driver: Driver, entry: StorageMiddleware, place: str, work: list[Work]) -> Driver:
    options = entry.options
    if entry.name == "redirect":
        try:
            return Redirected(driver, baseurl=str(options.baseurl))
        except ValueError as error:
            raise DriverError(f"{place}.options.baseurl", str(error)) from None
    if entry.name == "cloudfront":
        return _cloudfront(driver, options, place, work)
    try:
        return Rewritten(
            driver, scheme=options.scheme, host=options.host, trimpathprefix=options.trimpathprefix
        )
    except ValueError as error:
        raise DriverError(f"{place}.options", str(error)) from None


def _cloudfront(driver: Driver, options: StorageOptions, place: str, work: list[Work]) -> Driver:
    key = f"{place}.options.privatekey"
    pem = _content(str(options.privatekey), key)
    try:
        from moorage.drivers.cloudfront import CloudFront

        nearby = _nearby(options)
        around = CloudFront(
            driver,
            baseurl=str(options.baseurl),
            keypairid=str(options.keypairid),
            privatekey=pem,
            key=driver.key,  # type: ignore[attr-defined] # `works_over`: only the driver of S3 gets here
            duration=options.duration,
            nearby=nearby or (),
        )
    except ModuleNotFoundError as error:
        raise DriverError(
            place, f"{error.name} is not installed: pip install 'moorage[cloudfront]'"
        ) from None
    except ValueError as error:
        raise DriverError(key, f"{options.privatekey}: {error}") from None
    if nearby is not None:
        work.append(nearby.watch)
    return around


def _nearby(options: StorageOptions) -> AWSRanges | None:
    """The addresses of clients that are sent to S3 directly; None if there is no such filter."""
    if options.ipfilteredby == "none":
        return None
    from moorage.drivers.awsranges import AWSRanges

    regions = options.awsregion if options.ipfilteredby == "awsregion" else None
    return AWSRanges(str(options.iprangesurl), every=options.updatefrequency, regions=regions)


def _content(path: str, place: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DriverError(place, f"cannot read {path}: {reason}") from None

"""BUS_URL as far as it can be checked before anything starts, and a word to who sets REDIS_URL instead."""

import logging
import ssl
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

from server.settings import InvalidSettings, Settings

logger = logging.getLogger(__name__)


def check_bus_address(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raises InvalidSettings for files of BUS_URL that are not what they have to be.

    For the process that starts the others, which would only try again for ever. Whether a Redis is there, and lets us
    in, is no matter of the start: it may come later.
    """
    if settings.bus_url is not None:
        # As redis-py reads it: the first of several counts.
        named = {name: values[0] for name, values in parse_qs(urlsplit(settings.bus_url).query).items()}
        _check_files(named)
    elif environment.get("REDIS_URL"):
        logger.warning(
            "REDIS_URL is set, but it is BUS_URL that has Redis carry the messages between server processes; "
            "without it Postgres does"
        )


def _check_files(named: Mapping[str, str]) -> None:
    for option, path in named.items():
        try:
            with open(path, "rb") as file:
                file.read(1)
        except (OSError, ValueError) as error:
            # ValueError: a NUL in the name. The reason alone, because an OSError's text names the path again.
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidSettings(f"BUS_URL: {option}={path!r} cannot be read: {reason}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities = named.get("ssl_ca_certs")
    if authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError:
            raise InvalidSettings(f"BUS_URL: ssl_ca_certs={authorities!r} holds no certificate in PEM") from None
    certificate, key = named.get("ssl_certfile"), named.get("ssl_keyfile")
    if certificate is None:
        if key is not None:
            raise InvalidSettings("BUS_URL: ssl_keyfile needs ssl_certfile, the certificate that it is the key of")
        return
    try:
        context.load_cert_chain(certificate, key, _refuse_to_be_asked)
    except ssl.SSLError as error:
        what = f"ssl_certfile={certificate!r}" + (f" with ssl_keyfile={key!r}" if key is not None else "")
        raise InvalidSettings(
            f"BUS_URL: {what} must be a certificate and its own key in PEM ({error.reason})"
        ) from None


def _refuse_to_be_asked() -> NoReturn:
    """In place of OpenSSL's own question at the terminal."""
    raise InvalidSettings("BUS_URL: the key of ssl_certfile is encrypted; it must be one without a passphrase")

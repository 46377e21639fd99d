import pytest
import yaml

from moorage.config import effective

from .conftest import Load
from .examples import AZURE, GCS, NEWER, OLDER, OSS, SWIFT

SECRETS = """\
http: {secret: hunter2}
log: {hooks: [{type: mail, disabled: true, options: {smtp: {password: hunter2}}}]}
notifications: {endpoints: [{name: a, url: 'https://robot:hunter2@h/x', headers: {Authorization: [Bearer hunter2]}}]}
health: {http: [{uri: 'http://robot:hunter2@h', headers: {Authorization: [hunter2]}}]}
redis: {addrs: ['h:1'], password: hunter2, sentinelpassword: hunter2}
proxy: {remoteurl: 'https://robot:hunter2@h', password: hunter2}
reporting: {bugsnag: {apikey: hunter2}, newrelic: {licensekey: hunter2}}
"""


def test_defaults_are_filled_in(loaded: Load) -> None:
    data = yaml.safe_load(effective(loaded("").configuration))
    assert data["http"]["addr"] == "127.0.0.1:5000"
    assert data["http"]["draintimeout"] == "30s"
    assert data["storage"]["inmemory"] == {}
    assert data["storage"]["maintenance"]["uploadpurging"]["age"] == "168h"
    assert "filesystem" not in data["storage"]
    assert "loglevel" not in data


def test_secrets_are_hidden_in_print_and_in_repr(loaded: Load) -> None:
    configuration = loaded(SECRETS).configuration
    assert "hunter2" not in effective(configuration)
    assert "hunter2" not in repr(configuration)
    assert "hunter2" not in str(configuration)
    data = yaml.safe_load(effective(configuration))
    assert data["http"]["secret"] == "***"
    assert data["proxy"]["remoteurl"] == "https://***@h"


def test_secrets_of_drivers_are_hidden(loaded: Load) -> None:
    drivers = {
        "s3: {bucket: b, region: r, accesskey: hunter2, secretkey: hunter2, sessiontoken: hunter2}",
        AZURE.replace("accountkey: k", "accountkey: hunter2").replace("secret: s", "secret: hunter2"),
        GCS.replace("private_key: k", "private_key: hunter2"),
        SWIFT.replace("password: p", "password: hunter2"),
        OSS.replace("accesskeysecret: s", "accesskeysecret: hunter2"),
    }
    for driver in drivers:
        assert "hunter2" in driver
        configuration = loaded(f"version: 0.1\nstorage:\n  {driver}\n").configuration
        assert "hunter2" not in effective(configuration) + repr(configuration)


def test_options_of_middleware_of_others_are_hidden(loaded: Load) -> None:
    entry = "[{name: a, disabled: true, options: {user: robot, password: hunter2}}]"
    configuration = loaded(f"middleware: {{registry: {entry}, repository: {entry}}}\n").configuration
    assert "hunter2" not in effective(configuration) + repr(configuration) + str(configuration)
    assert configuration.middleware.registry[0].options["password"] == "hunter2"


def test_what_is_printed_loads_again(loaded: Load) -> None:
    for text in (OLDER, NEWER):
        printed = effective(loaded(text).configuration)
        assert effective(loaded(printed).configuration) == printed


@pytest.mark.parametrize(
    "text",
    [
        OLDER,
        NEWER,
        "version: 0.1\nstorage: inmemory\n",
        "version: 0.1\nstorage: inmemory\nhttp: {tls: {certificate: c, key: k}}\n",
        f"version: 0.1\nstorage:\n  {GCS}\n",
        "version: 0.1\nstorage: {s3: {bucket: b, region: r}, cache: {blobdescriptor: redis}}\nredis: {addr: 'h:1'}\n",
        "version: 0.1\nstorage: inmemory\ncompatibility: {schema1: {enabled: true}}\nproxy: {ttl: 1h}\n",
    ],
)
def test_what_is_printed_is_warned_of_no_more_than_what_was_written(loaded: Load, text: str) -> None:
    found = loaded(text)
    told = {one.path for one in found.warnings}
    again = loaded(effective(found.configuration))
    assert {one.path for one in again.warnings} <= told
    assert effective(again.configuration) == effective(found.configuration)


def test_an_empty_list_is_printed_only_where_it_is_not_the_default(loaded: Load) -> None:
    data = yaml.safe_load(
        effective(loaded("http: {trustedproxies: [], headers: {X-A: }}\naccess: []\n").configuration)
    )
    assert data["http"]["trustedproxies"] == []
    assert data["http"]["headers"] == {"X-A": []}
    assert "access" not in data
    assert "clientcas" not in data["http"]["tls"]


def test_what_may_be_secret_beside_names_is_hidden(loaded: Load) -> None:
    configuration = loaded(
        "proxy: {remoteurl: 'https://h', exec: {command: docker-credential-a --token hunter2}}\n"
        "auth: {token: {realm: r, service: s, issuer: 'https://robot:hunter2@h/', jwks: j}}\n"
        "middleware: {storage: [{name: rewrite, options: {host: 'robot:hunter2@h:1'}}]}\n"
    ).configuration
    assert "hunter2" not in effective(configuration) + repr(configuration) + str(configuration)
    data = yaml.safe_load(effective(configuration))
    assert data["auth"]["token"]["issuer"] == "https://***@h/"
    assert data["middleware"]["storage"][0]["options"]["host"] == "***@h:1"
    assert configuration.auth.token is not None
    assert configuration.auth.token.issuer == "https://robot:hunter2@h/"
    assert configuration.middleware.storage[0].options.host == "robot:hunter2@h:1"


def test_secrets_of_access_control_are_hidden(loaded: Load) -> None:
    place = "https://robot:hunter2@h/keys?signature=hunter2"
    token = f"{{realm: '{place}', service: s, issuer: i, rootcertbundle: '{place}', jwks: '{place}'}}"
    options = "{url: 'ldap://h?hunter2', bind: {password: hunter2}, list: [hunter2]}"
    for auth in (f"token: {token}", f"extension: {{name: a, options: {options}}}"):
        configuration = loaded(f"auth: {{{auth}}}\n").configuration
        assert "hunter2" not in effective(configuration) + repr(configuration) + str(configuration)
        assert "***" in effective(configuration)
    assert configuration.auth.extension is not None
    assert configuration.auth.extension.options["bind"] == {"password": "hunter2"}

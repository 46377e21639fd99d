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

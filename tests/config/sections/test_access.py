import pytest

from moorage.config import ConfigurationError

from ..conftest import INMEMORY, Load

HTPASSWD = f"{INMEMORY}auth: {{htpasswd: {{realm: r, path: p}}}}\n"


def test_rules_say_who_may_do_what(loaded: Load) -> None:
    text = f"{HTPASSWD}access:\n- {{repositories: '**', anonymous: true, allow: pull}}\n"
    (rule,) = loaded(text).configuration.access
    assert (rule.repositories, rule.anonymous, rule.allow) == (["**"], True, ["pull"])


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ("{users: [a], allow: [pull]}", "access[0]", "names no repository"),
        ("{repositories: ['**'], allow: [pull]}", "access[0]", "names nobody"),
        ("{repositories: ['**'], users: [a]}", "access[0]", "allows nothing"),
        ("{repositories: ['**'], users: [a], allow: [write]}", "access[0].allow[0]", "'pull'"),
    ],
)
def test_half_a_rule_is_refused(loaded: Load, rule: str, path: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(f"{HTPASSWD}access: [{rule}]\n")
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message


def test_rules_without_anybody_who_can_sign_in_are_refused(loaded: Load) -> None:
    with pytest.raises(ConfigurationError, match="set auth"):
        loaded(f"{INMEMORY}access: [{{repositories: '**', anonymous: true, allow: pull}}]\n")

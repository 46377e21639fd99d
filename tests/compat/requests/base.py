"""The version check, routes that do not exist, methods that are not allowed, names that are not valid."""

from tests.compat.steps import Step

LONG = "a" * 256

STEPS = (
    Step("base get", "GET", "/v2/"),
    Step("base head", "HEAD", "/v2/"),
    Step("base without slash", "GET", "/v2"),
    Step("base post", "POST", "/v2/", b""),
    Step("base delete", "DELETE", "/v2/"),
    Step("base options", "OPTIONS", "/v2/"),
    Step("base with a query", "GET", "/v2/?a=b&c"),
    Step("root", "GET", "/"),
    Step("version one", "GET", "/v1/_ping"),
    Step("version three", "GET", "/v3/"),
    Step("unknown route", "GET", "/v2/harbour/unknown/thing"),
    Step("name alone", "GET", "/v2/harbour"),
    Step("name with capitals", "GET", "/v2/Harbour/tags/list"),
    Step("name with two slashes", "GET", "/v2/harbour//quay/tags/list"),
    Step("name with a dash in front", "GET", "/v2/-harbour/tags/list"),
    Step("name with a dot behind", "GET", "/v2/harbour./tags/list"),
    Step("name with dots between", "GET", "/v2/har..bour/tags/list"),
    Step("name with two underscores", "GET", "/v2/har__bour/tags/list"),
    Step("name with three underscores", "GET", "/v2/har___bour/tags/list"),
    Step("name with many dashes", "GET", "/v2/har----bour/tags/list"),
    Step("name too long", "GET", f"/v2/{LONG}/tags/list"),
    Step("name of many parts", "GET", "/v2/a/b/c/d/e/f/g/tags/list"),
    Step("name that leaves the tree", "GET", "/v2/../../etc/tags/list"),
    Step("name with an encoded slash", "GET", "/v2/harbour%2Fquay/tags/list"),
    Step("name with an encoded dot", "GET", "/v2/harbour%2Equay/tags/list"),
    Step("name with a zero byte", "GET", "/v2/harbour%00/tags/list"),
    Step("name like a route", "GET", "/v2/tags/list/tags/list"),
    Step("name called blobs", "GET", "/v2/blobs/uploads/tags/list"),
    Step("name starting with an underscore", "GET", "/v2/_harbour/tags/list"),
    Step("catalog of nothing", "GET", "/v2/_catalog"),
    Step("catalog post", "POST", "/v2/_catalog", b""),
    Step("catalog head", "HEAD", "/v2/_catalog"),
)

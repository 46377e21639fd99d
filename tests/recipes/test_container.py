"""The image: what the Dockerfile puts into it works, and docs/containers.md tells the truth about it."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage.config import load
from moorage.config.sections.http import Http
from moorage.config.sections.limits import Limits
from moorage.storage import PART_MEMORY
from tests.clients.signing import Engine, engine
from tests.clients.smallimages import small_image
from tests.docs.pages import ROOT, blocks
from tests.faults.client import Client
from tests.faults.images import make_image
from tests.support import command, engines
from tests.support.exchange import exchange
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command, running
from tests.support.tools import find, require, require_root
from tests.support.userland import debian

PAGE = ROOT / "docs/containers.md"
CONFIGURATION = ROOT / "config/container.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
START_SECONDS = 60.0
LONG_SECONDS = 1200.0
DRAINING: timedelta = Http.model_fields["draintimeout"].default
INSIDE = "/etc/distribution/config.yml"


def copied() -> list[str]:
    """What the Dockerfile takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def is_left_out(path: str) -> bool:
    """By .dockerignore: the last line that fits the path, or a folder that it is in, decides."""
    found = False
    above = [path, *map(str, Path(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, one) for one in above if one != "."):
            found = not line.startswith("!")
    return found


def in_repository() -> Iterator[str]:
    """Files, and folders at the top, of which nothing may be let through but what the Dockerfile takes."""
    folders = {(ROOT / source).parent for source in copied()} | {ROOT}
    found = [path for folder in folders for path in folder.iterdir()] + [*(ROOT / "src").rglob("*")]
    return (str(path.relative_to(ROOT)) for path in found)


def documents(word: str) -> list[Any]:
    """Of the page's YAML blocks with a line that begins with the word."""
    found = [block.text for block in blocks(PAGE, "yaml") if re.search(f"^{word}:", block.text, re.MULTILINE)]
    return [document for text in found for document in yaml.safe_load_all(text)]


def kinds() -> dict[str, Any]:
    """What the page gives to Kubernetes, by kind."""
    return {document["kind"]: document for document in documents("apiVersion")}


def pod() -> Any:
    return kinds()["Deployment"]["spec"]["template"]["spec"]


def seconds(text: str) -> timedelta:
    return timedelta(seconds=int(text.removesuffix("s")))


def port_of(section: Http) -> int:
    assert isinstance(section.listen, tuple)
    return section.listen[1]


def test_the_configuration_of_the_image_serves_where_variables_say(tmp_path: Path) -> None:
    port = free_port()
    variables = {
        "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(tmp_path / "data"),
    }
    serve = moorage_command("serve", str(CONFIGURATION))
    image = make_image(random.Random(1))
    with (
        running(Server(serve, port, tmp_path / "data", tmp_path / "log", variables)) as server,
        Client(port) as client,
    ):
        client.push("app", "1", image)
        assert client.fault_in("app", "1", image) == ""
        client.close()
        assert server.stop() == 0
    assert (tmp_path / "data/docker/registry/v2/repositories/app").is_dir()


def test_the_image_starts_with_the_configuration_that_is_copied_into_it() -> None:
    assert f"COPY config/container.yml {INSIDE}\n" in DOCKERFILE
    assert f'ENTRYPOINT ["registry"]\nCMD ["serve", "{INSIDE}"]\n' in DOCKERFILE
    configuration = load(CONFIGURATION, {}).configuration
    assert configuration.storage.filesystem is not None
    assert f"VOLUME {configuration.storage.filesystem.rootdirectory}\n" in DOCKERFILE
    assert f"EXPOSE {port_of(configuration.http)}\n" in DOCKERFILE


def test_the_program_is_where_charts_expect_that_of_the_reference() -> None:
    assert re.search(r"ln -s /opt/moorage/bin/registry /bin/$", DOCKERFILE, re.MULTILINE)


def test_what_the_image_is_made_of_is_there() -> None:
    assert "src" in copied()
    for source in copied():
        assert (ROOT / source).exists()
        assert not is_left_out(source), f"{source} does not get past .dockerignore"


def test_nothing_else_is_sent_to_the_engine() -> None:
    sent = {path for path in in_repository() if not is_left_out(path)}
    assert "src/moorage/cli/__init__.py" in sent
    wanted = set(copied())
    assert {path for path in sent if not {path, path.partition("/")[0]} & wanted} == set()
    assert not any("__pycache__" in path for path in sent)


def test_the_page_sets_up_compose_so_that_requests_can_finish() -> None:
    (compose,) = documents("services")
    service = compose["services"]["registry"]
    assert seconds(service["stop_grace_period"]) > DRAINING
    assert f"./config.yml:{INSIDE}:ro" in service["volumes"]
    named = {volume.partition(":")[0] for volume in service["volumes"] if not volume.startswith(".")}
    assert named == set(compose["volumes"])


def test_kubernetes_waits_until_requests_can_have_finished() -> None:
    assert timedelta(seconds=pod()["terminationGracePeriodSeconds"]) > DRAINING


def test_on_the_page_somebody_may_delete() -> None:
    """Else the first step of freeing space ends in 403."""
    (compose,) = documents("services")
    assert compose["services"]["registry"]["environment"]["REGISTRY_STORAGE_DELETE_ENABLED"] == "true"
    written = [block.text for block in blocks(PAGE, "yaml") if block.text.startswith("version:")]
    written.append(kinds()["ConfigMap"]["data"][Path(INSIDE).name])
    for text in written:
        rules = yaml.safe_load(text)["access"]
        assert any("delete" in rule["allow"] for rule in rules)


@pytest.mark.parametrize(
    ("several", "parts"), [(False, 0), (True, PART_MEMORY)], ids=["disk", "object store"]
)
def test_a_pod_may_take_the_memory_that_its_workers_take(several: bool, parts: int) -> None:
    """As the page counts it: idle, remembered, bodies that come and go, parts of uploads."""
    (replicas,) = documents("spec")[-1:]
    (container,) = (replicas["spec"]["template"]["spec"] if several else pod())["containers"]
    (workers,) = (int(one["value"]) for one in container["env"] if one["name"] == "REGISTRY_HTTP_WORKERS")
    bodies = Limits.model_fields["memory"].default
    needed = workers * ((70 + 50) * 10**6 + bodies * 13 // 4 + parts * bodies)
    allowed = container["resources"]["limits"]["memory"]
    assert int(allowed.removesuffix("Gi")) << 30 > needed


def test_kubernetes_asks_what_a_server_answers(shared_server: Server) -> None:
    (container,) = pod()["containers"]
    probes = [container["livenessProbe"]["httpGet"], container["readinessProbe"]["httpGet"]]
    assert [probe["path"] for probe in probes] == ["/healthz", "/readyz"]
    for probe in probes:
        assert probe["port"] in {port["name"] for port in container["ports"]}
        assert exchange(shared_server.address, "GET", probe["path"]).status == 200


def test_the_parts_for_kubernetes_fit_together(tmp_path: Path) -> None:
    (container,) = pod()["containers"]
    deployment, service = kinds()["Deployment"]["spec"], kinds()["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= set(ports)
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod()["volumes"]}

    (tmp_path / "config.yml").write_text(kinds()["ConfigMap"]["data"][Path(INSIDE).name])
    found = load(tmp_path / "config.yml", {})
    assert (found.warnings, found.unbuilt) == ([], [])
    listeners, storage = found.configuration.http, found.configuration.storage
    assert ports["registry"] == port_of(listeners)
    assert ports["metrics"] == int(str(listeners.debug.addr).rpartition(":")[2])
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert storage.filesystem is not None
    assert {str(Path(INSIDE).parent), storage.filesystem.rootdirectory} <= mounted


def test_volumes_of_the_pod_are_what_the_page_makes() -> None:
    (secret,) = re.findall(
        r"kubectl create secret generic (\S+) --from-file=passwords/htpasswd ", PAGE.read_text()
    )
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert volumes["passwords"]["secret"]["secretName"] == secret
    assert volumes["config"]["configMap"]["name"] == kinds()["ConfigMap"]["metadata"]["name"]
    claim = kinds()["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["images"]["persistentVolumeClaim"]["claimName"] == claim


@contextlib.contextmanager
def machine() -> Iterator[command.Client]:
    """A docker engine whose images take gigabytes, so they are on the disk and go at the end."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-"))
    try:
        with engines.docker(folder) as docker:
            yield docker
    finally:
        # What an engine leaves mounted when a container was in the machine's own network.
        network = str(folder / "exec/netns/default")
        subprocess.run([find("umount") or "umount", network], check=False, capture_output=True)
        engines.remove(folder)


def import_python(docker: command.Client, folder: Path, name: str) -> None:
    """An image of Debian with Python; pip in it trusts whom this machine trusts."""
    archive = folder / "python.tar"
    packages = "--include=python3,python3-venv,ca-certificates"
    trust = f"--customize-hook=copy-in {AUTHORITIES} {AUTHORITIES.parent}"
    debian(archive, "--variant=apt", packages, trust, seconds=LONG_SECONDS)
    docker("import", str(archive), name, seconds=LONG_SECONDS)
    archive.unlink()


@contextlib.contextmanager
def container(docker: command.Client, port: int, *options: str) -> Iterator[str]:
    """The name of one of the image `moorage` that answers on this port; it is stopped at the end, which has to go well."""
    name = f"registry-{port}"
    address = ("--env", f"REGISTRY_HTTP_ADDR=127.0.0.1:{port}")
    docker("run", "--detach", "--network=host", "--name", name, *address, *options, "moorage")
    try:
        await_answer(docker, name, port)
        yield name
        docker("stop", "--time=60", name)
        assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"
    finally:
        docker.attempt("rm", "--force", name)


def await_answer(docker: command.Client, name: str, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if exchange(f"127.0.0.1:{port}", "GET", "/readyz").status == 200:
                return
        time.sleep(0.1)
    logs = docker.attempt("logs", name)
    pytest.fail(f"the container does not answer: {logs.stdout}{logs.stderr}")


def docker_at(docker: command.Client, folder: Path, port: int) -> Engine:
    return engine("docker", docker, folder, f"127.0.0.1:{port}", b"")


@pytest.mark.soak
def test_the_image_is_built_and_serves_docker_over_restarts(tmp_path: Path) -> None:
    require("mmdebstrap", "dockerd", "docker", "containerd")
    require_root()
    image = small_image("through a container", random.Random(2).randbytes(6 << 20))
    with machine() as docker:
        import_python(docker, tmp_path, "python-of-debian")
        base = ("--build-arg", "PYTHON=python-of-debian")
        docker("build", "--tag=moorage", "--network=host", *base, str(ROOT), seconds=LONG_SECONDS)
        volume = ("--volume", "registry:/var/lib/registry")

        port = free_port()
        with container(docker, port, *volume):
            pushed = docker_at(docker, tmp_path, port).push("app", image)
            assert pushed.worked, pushed.said
            assert docker_at(docker, tmp_path, port).pull("app").found == image.unpacked
            with Client(port) as client:
                client.push_blob("app", b"no image needs this")

        port = free_port()
        with container(docker, port, *volume, *HARDENED) as name:
            assert docker_at(docker, tmp_path, port).pull("app").found == image.unpacked
            collected = docker("exec", name, "registry", "garbage-collect", "/etc/docker/registry/config.yml")
            assert "0 manifests and 1 blob removed" in collected
            assert docker_at(docker, tmp_path, port).pull("app").found == image.unpacked
            said = docker("exec", name, "/bin/registry", "garbage-collect", "--dry-run=true", INSIDE)
            assert "0 manifests and 0 blobs would be removed" in said

        assert docker("run", "--rm", "moorage", "registry", "-version").startswith("moorage ")
        mounted_configuration_is_served(docker, tmp_path)


def mounted_configuration_is_served(docker: command.Client, folder: Path) -> None:
    """Where version 2 of the reference has it, which the image does not name on its command line."""
    own = folder / "config.yml"
    told = "  addr: :5000\n"
    own.write_text(CONFIGURATION.read_text().replace(told, f"{told}  headers: {{X-Mine: [mounted]}}\n"))
    port = free_port()
    with container(docker, port, "--volume", f"{own}:/etc/docker/registry/config.yml:ro"):
        assert exchange(f"127.0.0.1:{port}", "GET", "/v2/").headers["x-mine"] == "mounted"

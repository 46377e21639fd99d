# The image of Moorage. It takes the same arguments, variables and folders as the image of the reference implementation:
# docs/containers.md.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /build
RUN python3 -m venv /opt/moorage
COPY requirements/runtime.txt requirements/
RUN /opt/moorage/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/moorage/bin/pip install --no-cache-dir --no-deps . \
    && /opt/moorage/bin/pip uninstall --yes --quiet setuptools pip

FROM ${PYTHON}
COPY --from=build /opt/moorage /opt/moorage
COPY config/container.yml /etc/distribution/config.yml
# Where version 2 of the reference implementation has it. A file that is mounted over either is found at both. /bin/registry is
# the path of its program, which charts and manifests name as the command.
RUN mkdir -p /etc/docker/registry /var/lib/registry \
    && ln -s /etc/distribution/config.yml /etc/docker/registry/config.yml \
    && ln -s /opt/moorage/bin/moorage /opt/moorage/bin/registry /usr/local/bin/ \
    && ln -s /opt/moorage/bin/registry /bin/
VOLUME /var/lib/registry
EXPOSE 5000
ENTRYPOINT ["registry"]
CMD ["serve", "/etc/distribution/config.yml"]

# Minuet and the shipped workflows, for anyone's compose file or cluster: `docker build -t minuet-orders .`
# Minuet alone, as a base for workflows of your own: `docker build -t minuet --target minuet .`
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN apt-get update -q && apt-get install -y -q --no-install-recommends binutils
RUN python -m venv --without-pip /opt/minuet
ENV PIP_PYTHON=/opt/minuet/bin/python
COPY requirements-image.lock /src/
# What wheels carry for a debugger is a fifth of all they weigh.
RUN pip install --require-hashes --only-binary :all: -r /src/requirements-image.lock \
 && find /opt/minuet -name '*.so' -exec strip --strip-debug {} +
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY minuet minuet
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip install --no-deps --no-index /wheels/minuet-*.whl \
 && pip uninstall --yes hatchling packaging pathspec pluggy trove-classifiers

FROM python:${PYTHON}-slim AS minuet
# `.minuet` is what outlives a container: what killed a worker, rows on disk, marks of `publish`.
RUN useradd --uid 10001 --no-create-home --home-dir /app minuet \
 && mkdir -p /app/.minuet && chown minuet:minuet /app/.minuet
COPY --from=wheel /opt/minuet /opt/minuet
COPY deploy/docker/answers /usr/local/bin/
ENV PATH=/opt/minuet/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001
EXPOSE 9100
ENTRYPOINT ["minuet"]
CMD ["--help"]

FROM minuet AS orders
COPY pyproject.toml ./
COPY schemas schemas
COPY streams streams
COPY coordinators coordinators
COPY examples examples
RUN minuet schemas check

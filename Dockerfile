# One image for both processes; compose.yaml starts them:
#   docker compose up
# /data holds align.toml, the logs it names and the database. Inside a container the page has to
# listen on every address; it does so with sign-in, or when align.toml says in [dashboard]
# address = "0.0.0.0" and allow_anyone_to_read_without_sign_in = true. compose.yaml publishes its
# port to this machine alone.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

# Kernels are compiled below for any CPU of this architecture: the image runs on other machines.
ENV PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/app/.kernels \
    ALIGN_CONFIG=/data/align.toml

WORKDIR /app
# Every package by its hash, sign-in and PostgreSQL included.
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY core core
COPY reference_pipeline reference_pipeline
COPY collector collector
COPY dashboard dashboard
COPY demo demo
# Settings alone: secrets.toml is mounted where the page runs, see compose.yaml.
COPY .streamlit/config.toml .streamlit/config.toml

# The reference pipeline's kernels, compiled here once instead of at every start (20 s).
RUN python -c "import pandas; from reference_pipeline.pipeline import compute; \
    compute(pandas.DataFrame({name: [1.0] for name in ('open', 'high', 'low', 'close', 'volume')}))"

RUN useradd --create-home --uid 10001 align \
    && mkdir /data && chown align /data && chown -R align /app/.kernels
USER align
VOLUME /data

STOPSIGNAL SIGTERM
CMD ["python", "-m", "collector", "run"]

# One image for both processes:
#   docker run -v align:/data align                        the collector
#   docker run -v align:/data -p 127.0.0.1:8501:8501 align python -m dashboard
# /data holds align.toml, the logs it names and the database. Inside a container the page has to
# listen on every address; it does so with sign-in, or when align.toml says in [dashboard]
# address = "0.0.0.0" and allow_anyone_to_read_without_sign_in = true. The port above is then
# published to this machine alone.
FROM python:3.11-slim

ENV PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    ALIGN_CONFIG=/data/align.toml

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

COPY core core
COPY reference_pipeline reference_pipeline
COPY collector collector
COPY dashboard dashboard
COPY demo demo
COPY .streamlit .streamlit

RUN useradd --create-home --uid 10001 align && mkdir /data && chown align /data
USER align
VOLUME /data

# The reference pipeline's kernels, compiled here once instead of at every start (20 s).
RUN python -c "import pandas; from reference_pipeline.pipeline import compute; \
    compute(pandas.DataFrame({name: [1.0] for name in ('open', 'high', 'low', 'close', 'volume')}))"

# Healthy means that the collector's cycles ended lately, as the data says, not that a process exists.
HEALTHCHECK --interval=60s --timeout=20s --start-period=600s \
    CMD ["python", "-m", "collector.health"]

STOPSIGNAL SIGTERM
CMD ["python", "-m", "collector", "run"]

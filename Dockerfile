# Libraries first, so that a change of the program does not bring them in anew.
FROM python:3.13-slim AS libraries
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --only-binary :all: -r /tmp/requirements.lock
# An extra of pyproject.toml, e.g. `scale`, in the versions that the tests ran with.
ARG EXTRA=
COPY pyproject.toml requirements-dev.lock /tmp/
RUN if [ -n "$EXTRA" ]; then \
        python -c "import tomllib; print(*tomllib.load(open('/tmp/pyproject.toml', 'rb'))['project']['optional-dependencies']['$EXTRA'], sep='\n')" \
            > /tmp/extra.txt \
        && /opt/venv/bin/pip install --only-binary :all: -r /tmp/extra.txt -c /tmp/requirements.lock -c /tmp/requirements-dev.lock; \
    fi

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    VIDGEN_HOME=/data
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vidgen \
    && install --directory --owner=vidgen --group=vidgen --mode=0700 /data
COPY --from=libraries /opt/venv /opt/venv
WORKDIR /app
COPY . .
# Otherwise each start would compile the program anew: whoever runs it may write nothing here.
RUN python -m compileall -q vidgen_core pages streamlit_app.py
USER vidgen
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/api/health', timeout=4)"]
CMD ["python", "-m", "vidgen_core", "serve", "--host", "0.0.0.0", "--port", "8501", "--no-browser"]

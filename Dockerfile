FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/farebox

COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock

RUN useradd --system --user-group --home-dir /var/lib/farebox --create-home farebox
COPY . .
# No process of the container may write it, and without it each compiles the whole server when it starts.
RUN python -m compileall -q models resolvers rules schema server services

USER farebox
ENV HOST=0.0.0.0 PORT=8000 FAREBOX_DATA_DIR=/var/lib/farebox FAREBOX_ENV=production
VOLUME /var/lib/farebox
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=2)"]

CMD ["python", "-m", "server", "serve"]

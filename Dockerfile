# The portal, for compose.yaml. The local cloud is not in it: see scripts/demo.
FROM python:3.13-slim-bookworm

# git and ssh: the portal reads repositories before it launches anything; pg_dump for its own backups. Debian's newest is wanted, not a pinned one.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git openssh-client postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 990 --create-home portal

WORKDIR /srv/portal
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt

COPY ecdeployer ecdeployer
COPY user_data user_data
RUN STATIC_ROOT=/srv/portal/static PORTAL_URL=http://localhost SECRET_KEY=$(python -c 'import secrets; print(secrets.token_hex(32))') \
    python ecdeployer/manage.py collectstatic --no-input

RUN install -d -o 990 /srv/portal/metrics
USER 990
ENV STATIC_ROOT=/srv/portal/static METRICS_DIRECTORY=/srv/portal/metrics PYTHONUNBUFFERED=1
WORKDIR /srv/portal/ecdeployer
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "ecdeployer.wsgi"]

#!/usr/bin/env bash
# First boot of an instance: get the scripts, and let deploy.sh do the rest.
set -euo pipefail
export LC_ALL=C.UTF-8

deployment=$(sed -n 's/^{"version":1,"deployment":"\([0-9a-f-]\{36\}\)".*/\1/p' /etc/ecdeployer/deployment.json)
state=/var/lib/ecdeployer/deployments/$deployment
if [[ ! -e $state/events.jsonl ]]; then
    mkdir -p "$state"
    printf '{"number": %d, "step": "boot", "state": "%s", "at": %s, "message": ""}\n' \
        1 running "$(date -d "$(ps -o lstart= -p 1)" +%s.0)" 2 succeeded "$EPOCHREALTIME" >"$state/events.jsonl"
fi

# A machine that is switched off in the middle goes on at its next boot.
cat >/etc/systemd/system/ecdeployer-resume.service <<'UNIT'
[Unit]
Description=Finish the deployment that a shutdown interrupted
After=network-online.target supervisor.service nginx.service
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/bash /opt/ecdeployer/user_data/deploy.sh /etc/ecdeployer/deployment.json
StandardOutput=append:/var/log/ecdeployer/deploy.log
StandardError=inherit

[Install]
WantedBy=multi-user.target
UNIT
ln -sf ../ecdeployer-resume.service /etc/systemd/system/multi-user.target.wants/ecdeployer-resume.service
echo 'd /run/ecdeployer 2750 site www-data' >/etc/tmpfiles.d/ecdeployer.conf

mkdir -p /var/log/ecdeployer
/opt/ecdeployer/venv/bin/python3 -sE /opt/ecdeployer/fetch_scripts.py /etc/ecdeployer/deployment.json
bash /opt/ecdeployer/user_data/deploy.sh /etc/ecdeployer/deployment.json 2>&1 | tee -a /var/log/ecdeployer/deploy.log

#!/bin/sh
# Makes secrets and homes for compose.yaml: passwords, the hospital, and proxies and issuers that have joined. Run once.
set -eu
cd "$(dirname "$0")"
[ ! -e secrets ] || { echo "to begin anew: docker compose down --volumes && rm -r secrets" >&2; exit 1; }

random() { python3 -c 'import secrets; print(secrets.token_urlsafe(24))'; }
umask 077
mkdir secrets
random > secrets/authority
random > secrets/postgres
key=$(random) secret=$(random)
printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$key" "$secret" > secrets/aws
cat > secrets/s3.json <<JSON
{"identities": [{"name": "chartseal", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
                 "actions": ["Read:records", "Write:records", "List:records"]}]}
JSON
chmod 644 secrets/*   # read by the containers' users; the folder itself is yours alone

docker compose build
# libpq takes this one only from a file that is its user's alone, so it lies beside the home
printf 'postgres:5432:chartseal:chartseal:%s\n' "$(cat secrets/postgres)" |
  docker compose run --rm -T --no-deps --entrypoint sh hospital -c 'umask 077; cat > /home/chartseal/pgpass'
docker compose up -d --wait postgres s3
docker compose exec -T s3 sh -c 'echo "s3.bucket.create -name records" | weed shell'
hospital() { docker compose run --rm -T hospital "$@"; }
hospital init --store 's3://records/hospital?endpoint=http://s3:8333' \
  --ledger postgresql://chartseal@postgres/chartseal --proxies 0 --threshold 2 --password-file /run/secrets/authority
hospital enrol hospital Riverside --password-file /run/secrets/authority
docker compose up -d --wait hospital
for service in proxy-a proxy-b proxy-c issuer-a issuer-b; do
  role=${service%-?}
  link=$(docker compose exec -T hospital chartseal invite "$role" "$service" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["invitation"])')
  docker compose run --rm -T "$service" join --role "$role" --name "$service" "$link"
done
docker compose up -d --wait

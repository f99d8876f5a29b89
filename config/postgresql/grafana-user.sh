#!/bin/bash
# Run once by the PostgreSQL image, on an empty data folder: a user for Grafana that can read and nothing else.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set "password=$(cat /run/secrets/grafana_database_password)" --set ON_ERROR_STOP=1 <<'SQL'
CREATE USER grafana PASSWORD :'password' CONNECTION LIMIT 20;
GRANT pg_read_all_data TO grafana;
ALTER USER grafana SET default_transaction_read_only = on;
ALTER USER grafana SET statement_timeout = '60s';
SQL

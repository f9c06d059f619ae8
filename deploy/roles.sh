#!/bin/sh
# Creates Gallery's roles with /roles.sql and gives two of them their passwords. Running it again changes nothing but passwords.
set -eu
export PGHOST=postgres PGUSER=postgres PGDATABASE=gallery
PGPASSWORD=$(cat /secrets/postgres/password)
export PGPASSWORD

psql -Xq --single-transaction -v ON_ERROR_STOP=1 -f /roles.sql

# psql hashes a password before it sends it, so no log of the server has it. Without setsid it would ask a terminal, if there is one.
password() {
  secret=$(cat "$2")
  printf '%s\n%s\n' "$secret" "$secret" | setsid psql -Xq -v ON_ERROR_STOP=1 -c "\\password $1"
}
password gallery_migrator /secrets/migrator/password
password gallery_app /secrets/service/password

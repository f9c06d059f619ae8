#!/bin/sh
# Makes what is missing in /secrets: passwords, a service key, and a certificate for localhost. Changes no file that is there.
# All belong to the owner of this file. The user of Gallery's images reads its own ones by their group.
set -eu
umask 022
cd /secrets
owner=$(stat -c %u /prepare.sh)
images=1654

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# A file, written whole or not at all: its path, the group that may read it, its text.
file() {
  [ ! -e "$1" ] || return 0
  mkdir -p "$(dirname "$1")"
  chown "$owner" "$(dirname "$1")"
  (umask 077 && printf '%s\n' "$3" >"$1.new")
  chown "$owner:$2" "$1.new"
  chmod 440 "$1.new"
  mv "$1.new" "$1"
  echo "made $1"
}

file postgres/password 0 "$(random)"
file migrator/password $images "$(random)"
file service/password $images "$(random)"
file pipeline.key 0 "gallery_$(random)"
file service/api_keys $images "pipeline:$(tr -d '\n' <pipeline.key | sha256sum | cut -d ' ' -f 1)"

# The proofs of a client of an authority, which nginx serves: ../docs/deploy.md.
if [ ! -e acme ]; then mkdir acme && chown "$owner" acme; fi

# Only for a first look: nobody trusts it. Put your certificate and its chain in its place, and reload nginx.
if [ ! -e tls/certificate.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout /tmp/key.pem -out /tmp/certificate.pem 2>/dev/null
  file tls/key.pem 0 "$(cat /tmp/key.pem)"
  file tls/certificate.pem 0 "$(cat /tmp/certificate.pem)"
fi

#!/bin/sh
# Installs the Debian packages that the local engines and their build need, and says nothing when all are there.
# Usage: deploy/local/setup.sh [browser] [prometheus]
#   browser: also Chromium and its driver, for the console's tests; prometheus: also promtool, for the alert rules' tests
set -eu

has() { command -v "$1" >/dev/null 2>&1; }
java17() {
    for release in "${JAVA_HOME:-/nowhere}/release" /usr/lib/jvm/*/release; do
        grep -qs '^JAVA_VERSION="17' "$release" && return 0
    done
    # A JDK elsewhere, known by the path alone.
    has java && java -version 2>&1 | grep -q 'version "17'
}

missing=
has cc && has c++ && has make || missing="$missing build-essential"
has setpriv || missing="$missing util-linux"
java17 || missing="$missing openjdk-17-jdk-headless"
has mvn || missing="$missing maven"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
for part in "$@"; do
    case $part in
        browser)
            has chromium || missing="$missing chromium"
            has chromedriver || missing="$missing chromium-driver"
            ;;
        prometheus) has promtool || missing="$missing prometheus" ;;
        *)
            echo "setup.sh: unknown part '$part'; say nothing, browser or prometheus" >&2
            exit 2
            ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! has apt-get; then
    echo "setup.sh: missing:$missing (Debian's names); there is no apt-get here, so install them by hand" >&2
    exit 1
fi
root=
if [ "$(id -u)" -ne 0 ]; then
    has sudo || { echo "setup.sh: missing:$missing; run it as root, or install sudo" >&2; exit 1; }
    root=sudo
fi
install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

echo "installing$missing" >&2
$root apt-get update -qq >&2
case $missing in
    *postgresql*)
        # The package would start a server of its own on the very port that ours wants.
        install postgresql-common
        $root sed -i 's/^#\{0,1\}create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        ;;
esac
# Word splitting is wanted: a list of names.
# shellcheck disable=SC2086
install $missing

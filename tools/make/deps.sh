# deps.sh - installs the Debian packages that are missing; `deps.sh python [chromium]` also what a venv needs,
# and a browser; `deps.sh fuzz` clang
#
# As root or through sudo; otherwise it prints the line to run, and fails. Where there is no dpkg it trusts that the
# libraries are there: the compiler will say so if not.
packages='gcc libc6-dev make pkg-config libopenblas-dev libjansson-dev libpng-dev libsndfile1-dev libzip-dev
    libssl-dev check'

command -v dpkg-query > /dev/null || exit 0

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
done
for wanted in "$@"; do
    [ "$wanted" = chromium ] && ! command -v chromium > /dev/null && missing="$missing chromium"
done
if [ "${1-}" = python ] && ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
    missing="$missing python3 python3-venv"
fi
if [ "${1-}" = fuzz ]; then
    for package in clang libclang-rt-14-dev llvm zlib1g-dev; do
        dpkg-query -W -f '${Status}' $package 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then as_root=
elif command -v sudo > /dev/null; then as_root=sudo
else
    echo "missing packages; as root, run:  apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing" >&2
{ $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y $missing; } > /dev/null || {
    echo "apt-get failed; run it by hand:  apt-get install$missing" >&2
    exit 1
}

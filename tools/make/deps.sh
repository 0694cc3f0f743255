# deps.sh - installs the packages that are missing; `deps.sh python [chromium]` also what a venv needs, and a browser;
# `deps.sh fuzz` clang; `deps.sh package` what makes a .deb and tries it
#
# It knows the names of Debian, Fedora, Alpine and Arch. As root or through sudo it installs; otherwise it prints the
# line to run, and fails. On other systems it asks pkg-config and the compiler, and fails with what they miss.

if command -v dpkg-query > /dev/null && command -v apt-get > /dev/null; then
    install='apt-get install -y'
    has() { dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q 'ok installed'; }
    packages='gcc libc6-dev make pkg-config libopenblas-dev libjansson-dev libpng-dev libsndfile1-dev libzip-dev
        libssl-dev libseccomp-dev check'
    for_python='python3 python3-venv'
    for_fuzz='clang libclang-rt-14-dev llvm zlib1g-dev'
    for_package='debhelper lintian debootstrap'
elif command -v dnf > /dev/null; then
    install='dnf install -y'
    has() { rpm -q "$1" > /dev/null 2>&1; }
    packages='gcc make pkgconf-pkg-config openblas-devel jansson-devel libpng-devel libsndfile-devel libzip-devel
        openssl-devel libseccomp-devel check-devel'
    for_python=python3
    for_fuzz='clang compiler-rt llvm zlib-devel'
elif command -v apk > /dev/null; then
    install='apk add'
    has() { apk info -e "$1" > /dev/null 2>&1; }
    packages='gcc musl-dev make pkgconf openblas-dev jansson-dev libpng-dev libsndfile-dev libzip-dev openssl-dev
        libseccomp-dev linux-headers check-dev argp-standalone coreutils'
    for_python=python3
    for_fuzz='clang compiler-rt llvm zlib-dev'
elif command -v pacman > /dev/null; then
    install='pacman -S --needed --noconfirm'
    has() { pacman -Q "$1" > /dev/null 2>&1; }
    packages='gcc make pkgconf openblas jansson libpng libsndfile libzip openssl libseccomp check'
    for_python=python
    for_fuzz='clang compiler-rt llvm zlib'
else
    install=
fi

# Elsewhere: the same things by the names that all systems have for them
lacks() { # name, command that finds it
    name=$1
    shift
    "$@" > /dev/null 2>&1 || missing="$missing $name"
}

look_elsewhere() {
    for tool in cc make pkg-config objcopy; do lacks $tool command -v $tool; done
    for library in openblas jansson libpng sndfile libzip libcrypto check; do
        lacks $library pkg-config --exists $library
    done
    lacks argp.h sh -c "echo '#include <argp.h>' | cc -fsyntax-only -x c -"
    case " $* " in *' python '*) lacks 'python3 with venv' python3 -c 'import ensurepip, venv' ;; esac
    case " $* " in *' chromium '*) lacks chromium command -v chromium ;; esac
    case " $* " in *' fuzz '*) lacks clang command -v clang ;; esac
    case " $* " in *' package '*) lacks debhelper command -v dh ;; esac
    [ -z "$missing" ] && exit 0
    echo "deps: found no package manager of Debian, Fedora, Alpine or Arch; please install:$missing" >&2
    exit 1
}

want() { for package in "$@"; do has "$package" || missing="$missing $package"; done; }

missing=
[ -n "$install" ] || look_elsewhere "$@"
want $packages
for wanted in "$@"; do
    case $wanted in
    python) python3 -c 'import ensurepip, venv' 2> /dev/null || missing="$missing $for_python" ;;
    chromium) command -v chromium > /dev/null || missing="$missing chromium" ;;
    fuzz) want $for_fuzz ;;
    package)
        [ -n "$for_package" ] || { echo "deps: found no dpkg, expected Debian or a relative for a .deb" >&2; exit 1; }
        want $for_package
        ;;
    *) echo "deps: found $wanted, expected python, chromium, fuzz or package" >&2; exit 2 ;;
    esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then as_root=
elif command -v sudo > /dev/null; then as_root=sudo
else
    echo "missing packages; as root, run:  $install$missing" >&2
    exit 1
fi
echo "installing$missing" >&2
[ "${install%% *}" != apt-get ] || $as_root apt-get update > /dev/null
$as_root env DEBIAN_FRONTEND=noninteractive $install$missing > /dev/null || {
    echo "${install%% *} failed; run it by hand:  $install$missing" >&2
    exit 1
}

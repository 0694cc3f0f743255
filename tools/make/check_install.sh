# check_install.sh BUILD - make install into an empty place, and what is there is used as a user would
#
# The manual page has no warnings, the completions parse, the example compiles with pkg-config and says pass and fail,
# and an archive of make dist builds its version.
build=${1:?}
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
failed=0

check() { # what, command ..
    what=$1
    shift
    if "$@" > "$place/out" 2>&1; then
        echo "ok    $what"
    else
        echo "FAIL  $what"
        sed 's/^/      /' "$place/out"
        failed=$((failed + 1))
    fi
}

same() { [ "$1" = "$2" ] || { echo "found $1, expected $2"; return 1; }; }
skip() { echo "skip  $1"; }

check 'make install' make -s install BUILD="$build" PREFIX=/usr DESTDIR="$place/root"
root=$place/root/usr
export PKG_CONFIG_SYSROOT_DIR=$place/root PKG_CONFIG_LIBDIR=$root/lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
check 'the program runs' "$root/bin/plumb" --version
check 'pkg-config knows the version' same "$(pkg-config --modversion plumbline)" "$(cat VERSION)"
check 'so does the header' grep -q "PLUMBLINE_VERSION \"$(cat VERSION)\"" "$root/include/plumbline.h"
check 'the example compiles' sh -c "cc -Wall -Wextra -Werror '$root/share/doc/plumbline/example.c' \
    \$(pkg-config --cflags --libs plumbline) -o '$place/example'"
check 'and in C++' sh -c "echo '#include <plumbline.h>' | c++ -Wall -Werror -fsyntax-only -x c++ \
    \$(pkg-config --cflags plumbline) -"

dumps=fixtures/e2b-text/dumps
"$place/example" fixtures/e2b-text $dumps/honest-bf16-eager.safetensors > "$place/said"
check 'the example says pass' same "$?: $(cat "$place/said")" "0: plumbline $(cat VERSION): pass"
"$place/example" fixtures/e2b-text $dumps/buggy-window-off-by-one-bf16.safetensors > "$place/said"
check 'and fail' same "$?: $(cat "$place/said")" "1: plumbline $(cat VERSION): fail"
"$place/example" fixtures/none $dumps/honest-bf16-eager.safetensors > "$place/said"
check 'and what is wrong' same "$?: $(sed 's/, expected.*//' "$place/said")" \
    "2: plumbline $(cat VERSION): error: fixtures/none: found no such folder"
check 'the library shows no other name' same \
    "$(nm -g --defined-only "$root/lib/libplumb.a" | sed -n 's/.* [A-Z] //p' | grep -cv '^plumbline_')" 0

check 'bash reads its completion' bash -n "$root/share/bash-completion/completions/plumb"
check 'which knows the options of grade' grep -q 'grade) options=.*--strict' \
    "$root/share/bash-completion/completions/plumb"
for shell in zsh fish; do
    file=$root/share/zsh/site-functions/_plumb
    [ $shell = fish ] && file=$root/share/fish/vendor_completions.d/plumb.fish
    if ! command -v $shell > /dev/null; then
        skip "no $shell here"
        continue
    fi
    check "$shell reads its completion" $shell -n "$file"
done
if command -v man > /dev/null; then
    check 'the manual page has no warnings' same \
        "$(MANWIDTH=100 man --warnings -l "$root/share/man/man1/plumb.1" 2>&1 > /dev/null)" ''
else
    skip 'no man here'
fi

check 'make uninstall' make -s uninstall BUILD="$build" PREFIX=/usr DESTDIR="$place/root"
check 'leaves no file' same "$(find "$place/root" -type f -o -type l | wc -l)" 0

if command -v python3 > /dev/null; then
    check 'deps.sh knows other systems' sh -c 'cd tools/make && python3 -B -m unittest -q test_deps'
else
    skip 'no python3 here, which tests deps.sh'
fi

if git rev-parse HEAD > /dev/null 2>&1; then
    check 'make dist' make -s dist BUILD="$place/dist"
    check 'twice the same' sh -c "cp '$place/dist'/*.tar.gz '$place/first' && make -s dist BUILD='$place/dist' &&
        cmp '$place/first' '$place/dist'/*.tar.gz"
    check 'it unpacks' tar -xzf "$place"/dist/plumbline-"$(cat VERSION)".tar.gz -C "$place"
    check 'it is built for every processor of its kind' same \
        "$(make -n -C "$place"/plumbline-* all | sed -n 's/.* -O3 -g *\(-[^ ]*\) .*/\1/p' | sort -u)" -fopenmp-simd
    check 'and knows its commit' same "$(cat "$place"/plumbline-*/COMMIT)" \
        "$(git describe --always --abbrev=12 --exclude '*')"
fi
echo "$failed failed"
[ $failed = 0 ]

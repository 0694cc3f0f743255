# hardening.sh PLUMB - checks how the program was linked: position-independent, with relocations read-only, all names
# bound before main, no executable stack, guards on the stack, and copies that know the sizes of what they fill
plumb=${1:?}
missing=

has() { # name, pattern, what readelf prints
    printf '%s\n' "$3" | grep -qE "$2" || missing="$missing $1"
}

header=$(readelf -hW "$plumb") segments=$(readelf -lW "$plumb") dynamic=$(readelf -dW "$plumb")
symbols=$(readelf --dyn-syms -W "$plumb")
has PIE 'Type: +DYN' "$header"
has RELRO GNU_RELRO "$segments"
has BIND_NOW '(BIND_NOW|FLAGS_1.*NOW)' "$dynamic"
has noexecstack 'GNU_STACK.* RW ' "$segments"
has stack-protector __stack_chk_fail "$symbols"
# FORTIFY needs glibc and an optimiser, and each sanitizer does without it.
copies=
if getconf GNU_LIBC_VERSION > /dev/null 2>&1 && [ "${OPTIMIZE:-}" != -O0 ] &&
    ! printf '%s\n' "$symbols" | grep -qE '__(a|t|m|ub)san_'; then
    has FORTIFY '__(mem|str|v?s?n?printf|fprintf)[a-z]*_chk' "$symbols"
    copies=', and checked copies'
fi
if [ -n "$missing" ]; then
    echo "hardening: $plumb: found no$missing"
    exit 1
fi
echo "hardening: $plumb is position-independent, with read-only relocations, a guarded stack$copies"

# hardening.sh PLUMB - checks how the program was linked: position-independent, with relocations read-only, all names
# bound before main, no executable stack, and guards on the stack
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
if [ -n "$missing" ]; then
    echo "hardening: $plumb: found no$missing"
    exit 1
fi
echo "hardening: $plumb is position-independent, with read-only relocations and a guarded stack"

# check_matrix.sh [COMPILER OPTIMIZE ARCH].. - all suites by each compiler, at each level, for each x86-64; and valgrind
#
# Without arguments all twelve combinations of gcc and clang, -O0, -O2 and -O3, -march=x86-64 and -march=native. Each is
# built in build/matrix, one after the other, and prints a line; what fails is in the log that the line names. Last,
# suites of ref/ that read files are run by valgrind, as every x86-64 has them, because it knows no AVX-512.
build=build/matrix
bad=0
mkdir -p "$build"

[ $# -gt 0 ] || for compiler in gcc clang; do
    for level in -O0 -O2 -O3; do
        for arch in -march=x86-64 -march=native; do set -- "$@" "$compiler $level $arch"; done
    done
done

built() { # COMPILER LEVEL ARCH TARGET..
    compiler=$1 level=$2 arch=$3
    shift 3
    make -s -j"$(nproc)" CC="$compiler" OPTIMIZE="$level" ARCH="$arch" BUILD="$build/now" "$@"
}

for combination; do
    log=$build/$(echo "$combination" | tr ' =' '--').log
    rm -rf "$build/now"
    {
        built $combination $(for name in plumb libplumb.a check-ref-f32 check-ref-f64 check-conformance check-plumb \
            check-vectors; do echo "$build/now/$name"; done) &&
            OPTIMIZE=$(echo "$combination" | cut -d' ' -f2) sh tools/make/check.sh "$build/now"
    } > "$log" 2>&1 && verdict=passed || { verdict="FAILED, see $log"; bad=1; }
    printf '%-28s %s  %s\n' "$combination" "$(grep -E '^[0-9]+ passed' "$log")" "$verdict"
done

rm -rf "$build/now"
log=$build/valgrind.log
built gcc -O1 -march=x86-64 "$build/now/check-ref-f32" > "$log" 2>&1 &&
    for suite in error output array safetensors safetensors_writer checkpoint loader config gguf \
        quantised_layouts riff wav png; do
        CK_RUN_SUITE=$suite valgrind -q --error-exitcode=9 "$build/now/check-ref-f32" >> "$log" 2>&1 ||
            { echo "valgrind: $suite FAILED, see $log"; bad=1; }
    done
exit $bad

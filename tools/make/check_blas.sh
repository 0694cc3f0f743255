# check_blas.sh BUILD - the tests of products, with each library of docs/install.md that the linker finds
#
# The objects are those of the default build: only the linking differs. A library that is not there is skipped, and said
# to be.

build=${1:?} passed=0 failed=0

for library in openblas blis blas; do
    if ! echo 'int main(void) { return 0; }' | cc -x c -o "$build/linked" - -l$library 2> /dev/null; then
        echo "$library: skipped: the linker finds no lib$library.so"
        continue
    fi
    rm -f "$build/linked" "$build/check-ref-with-$library"
    if ! ${MAKE:-make} -s "$build/check-ref-with-$library" BUILD="$build"; then
        failed=$((failed + 1))
        continue
    fi
    for suite in matmul convolution text_mlp audio_model gemma4_model; do
        if CK_RUN_SUITE=$suite "$build/check-ref-with-$library" > "$build/blas.log"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            cat "$build/blas.log"
        fi
    done
    echo "$library: $(ldd "$build/check-ref-with-$library" | awk '/libblas|libblis|libopenblas/ { printf "%s ", $3 }')"
done
rm -f "$build/blas.log"
echo "$passed passed, $failed failed"
[ $failed = 0 ]

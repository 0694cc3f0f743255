# check_matrix.sh [COMPILER OPTIMIZE ARCH].. - all suites by each compiler, at each level, for each x86-64; and valgrind
#
# Without arguments all twelve combinations of gcc and clang, -O0, -O2 and -O3, -march=x86-64 and -march=native. Each is
# built in build/matrix, one after the other, and prints a line; what fails is in the log that the line names. Last,
# suites are run by valgrind, and the program itself, as every x86-64 has them, because it knows no AVX-512. Each has
# LIMIT seconds of the processor, 120 unless that says otherwise. Suites that do not end by then are named, and so are
# those that are not tried. The argument "valgrind" runs that alone.
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
    [ "$combination" = valgrind ] && continue
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
limit=${LIMIT:-120}
ended=0 late= unsound=

by_valgrind() { # NAME STATUS COMMAND..: it should end with that status
    name=$1 expected=$2
    shift 2
    echo "== $name" >> "$log"
    {
        (
            ulimit -t "$limit"
            CK_FORK=no CK_EXCLUDE_TAGS=long OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 \
                exec valgrind -q --error-exitcode=9 "$@"
        )
        status=$?
    } >> "$log" 2>&1
    case $status in
    "$expected") ended=$((ended + 1)) ;;
    137 | 152) late="$late $name" ;; # killed for its time
    *) unsound="$unsound $name" ;;
    esac
}

suites() { # FOLDER PROGRAM SUITE..: all but these
    folder=$1 program=$2
    shift 2
    for suite in $(grep -o 'X([a-z0-9_]*)' "$folder"/tests/check_*.c | sed 's/X(\(.*\))/\1/'); do
        case " $* " in
        *" $suite "*) ;;
        *) CK_RUN_SUITE=$suite by_valgrind "$program.$suite" 0 "$build/now/$program" ;;
        esac
    done
}

# Valgrind knows no Landlock. The others take minutes: they make grades and diagnoses by the dozen.
not_of_ref="sandbox arena rounding"
not_of_conformance="added_noise bugs choices choices_open class_check diagnose diagnose_patches diagnose_several \
dumped_inputs ends gates known_layers lockstep lockstep_bent lockstep_steps lockstep_text parts properties quantised \
readings rounding_bound shard sounds suspects unknown_defects vision_mask"
text=fixtures/e2b-text
if built gcc -O1 -march=x86-64 "$build/now/check-ref-f32" "$build/now/check-vectors" "$build/now/check-conformance" \
    "$build/now/plumb" > "$log" 2>&1; then
    suites ref check-ref-f32 $not_of_ref
    suites conformance check-conformance $not_of_conformance
    by_valgrind check-vectors 0 "$build/now/check-vectors"
    by_valgrind grade 0 "$build/now/plumb" grade $text $text/dumps/honest-bf16-eager.safetensors --samples 1 \
        --sandbox never
    by_valgrind diagnose 1 "$build/now/plumb" diagnose $text $text/dumps/buggy-window-off-by-one-bf16.safetensors \
        --samples 1 --layers --sandbox never
    echo "valgrind: $ended suites and commands ended, without a finding"
    echo "valgrind: not tried: $not_of_ref $not_of_conformance"
    [ -z "$late" ] || echo "valgrind: did not end in $limit s of the processor:$late"
    [ -z "$unsound" ] || { echo "valgrind: FAILED, see $log:$unsound"; bad=1; }
else
    echo "valgrind: cannot be built, see $log"
    bad=1
fi
exit $bad

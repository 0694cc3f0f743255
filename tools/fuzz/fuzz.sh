# fuzz.sh BUILD SECONDS TARGET.. - seeds, and so many seconds of each target; a finding stays in BUILD/findings
build=${1:?} seconds=${2:?}
shift 2

"${build%/*}"/seeds "$build/seeds" > "$build/seeds.log" 2>&1 || {
    cat "$build/seeds.log"
    exit 1
}
mkdir -p "$build/findings" "$build/seeds/png" "$build/seeds/wav"
cp fixtures/image/kinds/*.png "$build/seeds/png/"
# Reports of each outcome, some with what --json-detail adds
text=fixtures/e2b-text
bent=$text/dumps/buggy-window-off-by-one-bf16.safetensors
report() { # NAME COMMAND ARGUMENT..: whatever the verdict is
    name=$1
    shift
    "${build%/*}"/plumb "$@" --quiet --json "$build/seeds/report/$name" > "$build/seeds.log" 2>&1
    [ -s "$build/seeds/report/$name" ] || { cat "$build/seeds.log"; exit 1; }
}
report bent grade $text $bent --only '*layers.2.self_attn#attn_weights' --only logits
report named diagnose $text $bent --layers
report detail grade $text $bent --only '*layers.2.self_attn#attn_weights' --json-detail
# The target gives a report of this size many times over.
cp "$build/seeds/report/detail" "$build/seeds/report/many"
head -c $((16384 - $(wc -c < "$build/seeds/report/many"))) /dev/zero | tr '\0' ' ' >> "$build/seeds/report/many"
report nothing grade $text $text/dumps/honest-bf16-eager.safetensors --only none
report refused grade $text $text/model/config.json

for sound in $(find fixtures -name '*.wav'); do cp "$sound" "$build/seeds/wav/"; done

keys_of() { # every key that sources in these folders ask for
    grep -rhoE '(config_|json_object_get|count_or|number_or|text_of|has)[a-z_]*\([^"]*"[a-z_0-9]+"' "$@" |
        grep -oE '"[a-z_0-9]+"' | sort -u
}
keys_of ref > "$build/config.dict"
keys_of ref/checkpoint > "$build/quantised.dict"
keys_of tools/command tools/report > "$build/report.dict"
keys_of conformance/submission > "$build/submission.dict"
keys_of tools/command conformance/report > "$build/shard.dict"
sed -n 's/.*(FIELD_[A-Z0-9]*, \([a-z_]*\)).*/"\1"/p' conformance/report/shard_fields.c | sort -u >> "$build/shard.dict"

export ASAN_OPTIONS=allocator_may_return_null=1:malloc_context_size=4:quarantine_size_mb=8 OPENBLAS_NUM_THREADS=1
bad=0
for target; do
    mkdir -p "$build/corpus/$target"
    dictionary=tools/fuzz/$target.dict
    [ -f "$dictionary" ] || dictionary=$build/$target.dict
    [ -f "$dictionary" ] || dictionary=
    case $target in report | submission | shard) longest=16384 ;; *) longest=4096 ;; esac
    case $target in judge | diagnosis) schedule=-entropic_scale_per_exec_time=1 ;; *) schedule= ;; esac
    log=$build/$target.log
    "$build/fuzz-$target" -max_total_time="$seconds" -max_len=$longest -timeout=20 -rss_limit_mb=3000 \
        -malloc_limit_mb=2000 -print_final_stats=1 $schedule ${dictionary:+-dict=$dictionary} \
        -artifact_prefix="$build/findings/$target-" \
        "$build/corpus/$target" "$build/seeds/$target" > "$log" 2>&1 && verdict=clean || { verdict=FINDING; bad=1; }
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    printf '%-12s %8s executions, %6s a second, %5s edges: %s\n' "$target" "$executions" "$rate" "$covered" $verdict
    [ $verdict = clean ] || grep -E 'ERROR|runtime error|SUMMARY|Assertion|deadly|Test unit written' "$log"
done
exit $bad

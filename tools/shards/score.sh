# score.sh SCORE FOLDER ARGUMENT.. - runs build/score on as many shards as there are processors, and makes its page
#
# ARGUMENT: those of SCORE. GNU parallel where it is installed, else xargs. SHARDS says how many there are.
set -eu
score=$1 folder=$2
shift 2
shards=${SHARDS:-$(getconf _NPROCESSORS_ONLN)}
mkdir -p "$folder"
rm -f "$folder"/score-*.json
run='k=$1 score=$2 folder=$3 shards=$4; shift 4; "$score" "$@" --shard "$k/$shards" --results "$folder/score-$k.json"'
if command -v parallel > /dev/null; then
    seq "$shards" | parallel --will-cite --line-buffer -q -j "$shards" --halt now,fail=1 \
        sh -c "$run" run {} "$score" "$folder" "$shards" "$@"
else
    seq "$shards" | xargs -P "$shards" -I{} sh -c "$run" run {} "$score" "$folder" "$shards" "$@"
fi
for part in "$folder"/score-*.json; do set -- "$@" --from "$part"; done
"$score" "$@"

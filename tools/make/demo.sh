# demo.sh PLUMB - a real grade: an honest bf16 backend passes, one with a public bug fails where the bug sits
plumb=${1:?}
case=fixtures/e2b-vision
honest=$case/dumps/honest-bf16-sdpa.safetensors
buggy=$case/dumps/buggy-projector-norm-after-projection-bf16.safetensors

show() { # expected exit status, command
    expected=$1
    shift
    printf '$'
    for word in "$@"; do
        case $word in *\**) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    echo
    "$@"
    status=$?
    echo
    [ $status = "$expected" ] || { echo "demo: found exit status $status, expected $expected"; exit 1; }
}

picture=fixtures/image/plumb.png
echo '# A PNG to the pixels that Hugging Face makes of it, bit for bit'
show 0 "$plumb" preprocess $case --image $picture --max-soft-tokens 70 --out "${plumb%/*}/demo-inputs.safetensors"
echo "# Gemma 4's vision path in C, from a Hugging Face checkpoint and a PNG to soft tokens in the text model's space"
show 0 "$plumb" run $case --image $picture --max-soft-tokens 70 --only '*.vision_tower' --only '*.embed_vision'

echo '# An honest backend (Hugging Face in bfloat16): each step introduces what bfloat16 introduces there, ratio 1'
show 0 "$plumb" grade $case $honest --layers
echo '# A backend with a bug that five ports had (vllm#40411): it normalises after the projection, not before it'
show 1 "$plumb" grade $case $buggy --layers

text=fixtures/e2b-text
echo '# The text decoder: token ids to token ids, greedily, the same as Hugging Face'
show 0 "$plumb" generate $text --max-new-tokens 12 --ignore-eos
echo '# A decoder whose sliding window is one too wide (sglang#26147): no worse at the end than an honest one, but bent'
show 1 "$plumb" diagnose $text $text/dumps/buggy-window-off-by-one-bf16.safetensors

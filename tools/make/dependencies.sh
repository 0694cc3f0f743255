# dependencies.sh - checks from the #include lines that nothing points back:
#   ref/gemma4_unified -> ref/gemma4 -> ref/nn -> ref/run, ref/checkpoint;
#   ref/processor -> ref/image, ref/audio -> ref/run, ref/checkpoint;
#    conformance -> ref;  tools -> conformance, ref
# An array is what weights are read from, so ref/run may include checkpoint/array.h. Only ref/nn/matmul.c knows BLAS,
# and what is measured against BLAS itself.

# Where "header", included by a file in folder $2, lies.
place_of() {
    for place in "ref/$1" "$2/$1" "conformance/$1" "tools/$1"; do
        if [ -f "$place" ]; then
            echo "$place"
            return
        fi
    done
    echo "nowhere"
}

allowed() { # file header
    case $2 in nowhere) return 1 ;; esac
    case $1 in
    ref/gemma4.h | ref/gemma4/*)
        case $2 in ref/gemma4.h | ref/inputs.h | ref/nn/* | ref/run/* | ref/checkpoint/*) return 0 ;; esac ;;
    ref/gemma4_unified.h | ref/gemma4_unified/*)
        case $2 in ref/gemma4_unified.h | ref/gemma4.h) return 0 ;; esac ;;
    ref/nn/*)
        case $2 in ref/nn/* | ref/run/* | ref/checkpoint/*) return 0 ;; esac ;;
    ref/processor/*)
        case $2 in ref/processor/* | ref/image/* | ref/audio/* | ref/run/* | ref/checkpoint/*) return 0 ;; esac ;;
    ref/image/*)
        case $2 in ref/image/* | ref/run/* | ref/checkpoint/*) return 0 ;; esac ;;
    ref/audio/*)
        case $2 in ref/audio/* | ref/run/* | ref/checkpoint/*) return 0 ;; esac ;;
    ref/run/*)
        case $2 in ref/run/* | ref/checkpoint/array.h) return 0 ;; esac ;;
    ref/checkpoint/*)
        case $2 in ref/checkpoint/* | ref/run/*) return 0 ;; esac ;;
    ref/*)
        case $2 in ref/*) return 0 ;; esac ;;
    conformance/*)
        case $2 in ref/* | conformance/*) return 0 ;; esac ;;
    tools/*) return 0 ;;
    esac
    return 1
}

check() { # lines of file:#include "header"
    count=0 broken=0
    while IFS=: read -r file line; do
        header=$(echo "$line" | sed 's/^[^"<]*["<]\([^">]*\)[">].*/\1/')
        count=$((count + 1))
        case $line in
        *cblas.h*) case $file in ref/nn/matmul.c | tools/bench/* | tools/check_hf/*) continue ;; esac ;;
        *\<*) continue ;;
        *) allowed "$file" "$(place_of "$header" "$(dirname "$file")")" && continue ;;
        esac
        echo "dependencies: $file may not include $header"
        broken=$((broken + 1))
    done
    [ $broken = 0 ] && echo "dependencies: $count includes, all pointing one way"
}

find ref conformance tools -name '*.[ch]' ! -path '*/tests/*' -exec grep -H '^ *# *include' {} + | sort | check

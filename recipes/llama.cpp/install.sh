# install.sh FOLDER - llama.cpp's libraries and dump.cpp, into FOLDER/llama.cpp and FOLDER/dump
#
# With LLAMA_CPP=CHECKOUT dump.cpp is linked against a build of your own, CHECKOUT/build/bin; else the source that
# llama-cpp-python 0.3.36 ships is built, which is llama.cpp 0c1e57098.
set -e
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
source=$folder/llama.cpp
rm -rf "$source"
if [ "$LLAMA_CPP" ]; then
    ln -s "$(cd "$LLAMA_CPP" && pwd)" "$source"
else
    "$folder/venv/bin/python" -m pip download -q --no-deps --no-binary llama-cpp-python -d "$folder" \
        llama-cpp-python==0.3.36
    tar -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz -C "$folder"
    mv "$folder"/llama_cpp_python-0.3.36/vendor/llama.cpp "$source"
    cmake -S "$source" -B "$source/build" -DCMAKE_BUILD_TYPE=Release -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF \
        -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_MTMD=ON
    cmake --build "$source/build" --parallel "$(nproc)" --target llama mtmd
fi
c++ -std=c++17 -O2 -o "$folder/dump" "$here/dump.cpp" -I"$source/include" -I"$source/ggml/include" \
    -I"$source/tools/mtmd" -L"$source/build/bin" -Wl,-rpath,"$source/build/bin" -lllama -lmtmd -lggml -lggml-base

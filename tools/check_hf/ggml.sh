# ggml.sh PYTHON FOLDER - ggml's library of quantisers, FOLDER/build/bin/libggml-base.so
#
# The source is what llama-cpp-python ships. A C++ compiler and cmake are needed.
set -e
python=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder"
"$python" -m pip download -q --no-deps --no-binary :all: -d "$folder" llama-cpp-python==0.3.36
tar -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz -C "$folder"
cmake -S "$folder"/llama_cpp_python-0.3.36/vendor/llama.cpp -B "$folder/build" -DCMAKE_BUILD_TYPE=Release \
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF \
    -DLLAMA_BUILD_SERVER=OFF > "$folder/log"
cmake --build "$folder/build" --target ggml-base >> "$folder/log"

# wheel.sh BUILD - plumbline_gemma4-VERSION-py3-none-PLATFORM.whl in BUILD/wheel, with the program in it
build=${1:?}
python=${PYTHON:-python3}
source=$build/wheel/source
rm -rf "$build/wheel"
mkdir -p "$source"
cp -r tools/python/pyproject.toml tools/python/setup.py tools/python/plumbline VERSION LICENSE "$source" || exit 1
rm -rf "$source/plumbline/__pycache__"
cp tools/capture.py "$source/plumbline/capturing.py" && cp "$build/plumb" "$source/plumbline/plumb" || exit 1
"$python" -m venv "$build/wheel/venv" && "$build/wheel/venv/bin/pip" install -q build || exit 1
"$build/wheel/venv/bin/python" -m build -q --wheel --outdir "$build/wheel" "$source" || exit 1
ls "$build"/wheel/*.whl
